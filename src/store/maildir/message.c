/* SPDX-License-Identifier: MIT
 *
 * Single messages: read, flag, remove, move. Another program may rename the file between our look
 * and our deed; then it is looked for again.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RACES_MAX 10

static int
message_open(struct maildir *md, const char *mailbox, const char *name, struct outcome *why)
{
    struct maildir_place at;

    for (int i = 0; i < RACES_MAX; i++) {
        if (!maildir_find(md, mailbox, name, &at, why))
            return -1;
        int fd =
            openat(at.dir->fd, at.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT) {
            maildir_errno(md, why, "open", at.name);
            return -1;
        }
    }
    outcome_set(why, OUTCOME_BUSY, "%s is being renamed all the time", name);
    return -1;
}

struct message *
maildir_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct stat file;
    int fd = message_open(md, mailbox, name, why);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
        outcome_set(why, OUTCOME_SYSTEM, "%s/%s is no regular file", st->path, name);
        close(fd);
        return NULL;
    }
    return message_from_fd(fd, why);
}

bool
maildir_where(struct store *st, const char *mailbox, const char *name, struct buf *out)
{
    struct maildir_place at;
    struct outcome why;

    return maildir_find(maildir_of(st), mailbox, name, &at, &why) &&
           buf_printf(out, "%s/%s/%s", st->path, at.dir->path, at.name);
}

/* One try; false with errno ENOENT when somebody was faster. */
static bool
message_flag(const struct maildir *md, struct maildir_place *from, struct maildir_dir *cur,
             const char *base, unsigned flags)
{
    char suffix[64];
    char to[NAME_MAX + 64];

    maildir_flags_print(flags, from->name, suffix);
    snprintf(to, sizeof(to), "%s%s", base, suffix);
    if (from->dir == cur && strcmp(from->name, to) == 0)
        return true;
    if (renameat(from->dir->fd, from->name, cur->fd, to) < 0)
        return false;
    maildir_dir_changed(md, from->dir);
    maildir_dir_changed(md, cur);
    return true;
}

bool
maildir_set_flags(struct store *st, const char *mailbox, const char *name, unsigned flags,
                  struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct maildir_place at;
    struct maildir_dir *cur;

    for (int i = 0; i < RACES_MAX; i++) {
        if (!maildir_find(md, mailbox, name, &at, why))
            return false;
        at.dir->users++; /* opening cur/ must not close it */
        cur = maildir_dir_get(md, mailbox, "cur", why);
        at.dir->users--;
        if (cur == NULL)
            return false;
        if (flags == 0 && at.dir != cur)
            return true; /* unread and unflagged, which new/ says already */
        if (message_flag(md, &at, cur, name, flags))
            return true;
        if (errno != ENOENT)
            return maildir_errno(md, why, "rename", at.name);
    }
    return outcome_set(why, OUTCOME_BUSY, "%s is being renamed all the time", name);
}

bool
maildir_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct maildir_place at;
    struct stat file;

    for (int i = 0; i < RACES_MAX; i++) {
        if (!maildir_find(md, mailbox, name, &at, why))
            return false;
        if (fstatat(at.dir->fd, at.name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
            unlinkat(at.dir->fd, at.name, 0) == 0) {
            maildir_dir_changed(md, at.dir);
            maildirsize_note(md, at.dir->path, -(long long)file.st_size, -1);
            maildirsize_changed(md);
            return true;
        }
        if (errno != ENOENT)
            return maildir_errno(md, why, "unlink", at.name);
    }
    return outcome_set(why, OUTCOME_BUSY, "%s is being renamed all the time", name);
}

/* To the same half of the other mailbox, under the name that it has: one rename(2), so that it is
 * in one of them at every moment. false with errno ENOENT when somebody was faster. */
static bool
message_rename(struct maildir *md, const struct maildir_place *at, struct maildir_dir *to)
{
    struct stat file;

    if (fstatat(at->dir->fd, at->name, &file, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(at->dir->fd, at->name, to->fd, at->name) < 0)
        return false;
    maildir_dir_changed(md, at->dir);
    maildir_dir_changed(md, to);
    maildirsize_note(md, at->dir->path, -(long long)file.st_size, -1);
    maildirsize_note(md, to->path, (long long)file.st_size, 1);
    maildirsize_changed(md);
    return true;
}

/* The directory of `to` that goes with the one where it is. */
static struct maildir_dir *
message_target(struct maildir *md, const struct maildir_place *at, const char *to,
               struct outcome *why)
{
    size_t n = strlen(at->dir->path);
    const char *sub = n >= 3 && strcmp(at->dir->path + n - 3, "new") == 0 ? "new" : "cur";

    at->dir->users++; /* opening the other must not close it */
    struct maildir_dir *dir = maildir_dir_get(md, to, sub, why);
    at->dir->users--;
    return dir;
}

bool
maildir_move(struct store *st, const char *from, const char *name, const char *to,
             struct store_ref *moved, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct maildir_place at;

    memmove(moved->name, name, strlen(name) + 1); /* it may be that very name */
    for (int i = 0; i < RACES_MAX; i++) {
        if (!maildir_find(md, from, name, &at, why))
            return why->kind == OUTCOME_NOT_FOUND && maildir_find(md, to, name, &at, why);
        if (strcmp(from, to) == 0)
            return true;
        struct maildir_dir *dir = message_target(md, &at, to, why);
        if (dir == NULL)
            return false;
        if (message_rename(md, &at, dir))
            return true;
        if (errno != ENOENT)
            return maildir_errno(md, why, "move", at.name);
    }
    return outcome_set(why, OUTCOME_BUSY, "%s is being renamed all the time", name);
}
