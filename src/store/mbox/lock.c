/* SPDX-License-Identifier: MIT
 *
 * The locks of a mailbox file, in the configured order, each tried once: a worker never waits.
 * Which ones a site needs depends on its other mail programs (Debian: fcntl, then dotlock).
 *
 * fcntl: open file description locks. They exclude, and are excluded by, the process locks of other
 * programs, but are not lost when any descriptor of the file is closed somewhere in this process.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static enum mbox_locked
lock_fcntl(int fd)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int done = fcntl(fd, F_OFD_SETLK, &all);

    if (done < 0 && errno == EINVAL) /* a file system that knows only the old ones */
        done = fcntl(fd, F_SETLK, &all);
    if (done == 0)
        return MBOX_LOCKED;
    return errno == EAGAIN || errno == EACCES ? MBOX_BUSY : MBOX_LOCK_FAILED;
}

static enum mbox_locked
lock_flock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return MBOX_LOCKED;
    return errno == EWOULDBLOCK ? MBOX_BUSY : MBOX_LOCK_FAILED;
}

static enum mbox_locked
lock_one(struct mbox_file *f, enum store_lock lock)
{
    switch (lock) {
    case STORE_LOCK_FCNTL:
        return lock_fcntl(f->fd);
    case STORE_LOCK_FLOCK:
        return lock_flock(f->fd);
    case STORE_LOCK_DOTLOCK:
        return dotlock_take(f->dir, f->name, clock_wall().tv_sec, &f->dotlock);
    }
    return MBOX_LOCK_FAILED;
}

static const char *
lock_name(enum store_lock lock)
{
    switch (lock) {
    case STORE_LOCK_FCNTL:
        return "fcntl lock on";
    case STORE_LOCK_FLOCK:
        return "flock";
    case STORE_LOCK_DOTLOCK:
        return "dotlock of";
    }
    return "lock";
}

enum mbox_locked
mbox_lock_take(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    const struct settings_store *settings = mb->base.settings;

    for (size_t i = 0; i < settings->lock_count; i++) {
        enum mbox_locked result = lock_one(f, settings->lock[i]);
        if (result == MBOX_LOCKED) {
            f->locks |= 1u << settings->lock[i];
            continue;
        }
        if (result == MBOX_BUSY)
            outcome_set(why, OUTCOME_BUSY, "%s %s is held by another program",
                        lock_name(settings->lock[i]), mb->base.path);
        else
            mbox_errno(mb, why, lock_name(settings->lock[i]), f->name);
        mbox_lock_give(mb, f);
        return result;
    }
    return MBOX_LOCKED;
}

void
mbox_lock_give(struct mbox *mb, struct mbox_file *f)
{
    const struct settings_store *settings = mb->base.settings;
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    for (size_t i = settings->lock_count; i-- > 0;) {
        if ((f->locks & 1u << settings->lock[i]) == 0)
            continue;
        switch (settings->lock[i]) {
        case STORE_LOCK_FCNTL:
            if (fcntl(f->fd, F_OFD_SETLK, &all) < 0)
                fcntl(f->fd, F_SETLK, &all);
            break;
        case STORE_LOCK_FLOCK:
            flock(f->fd, LOCK_UN);
            break;
        case STORE_LOCK_DOTLOCK:
            dotlock_give(f->dir, f->name, f->dotlock);
            break;
        }
    }
    f->locks = 0;
}
