/* SPDX-License-Identifier: MIT
 *
 * Opening an account's Maildir, and making it when its first message comes.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/clock.h"

static const char *const subs[] = {"tmp", "new", "cur"};

bool
maildir_errno(const struct maildir *md, struct outcome *why, const char *call, const char *path)
{
    char full[256];
    int error = errno;

    snprintf(full, sizeof(full), "%s/%s", md->base.path, path);
    if (error == ENOENT)
        return outcome_set(why, OUTCOME_NOT_FOUND, "%s %s: not there", call, full);
    return outcome_errno(why, error, call, full);
}

/* An operator who restores a mailbox moves the old one away: mail must not follow it there. One
 * that cannot even be looked at has gone from an NFS server (ESTALE), and does not come back by
 * itself. */
static bool
was_moved(struct maildir *md)
{
    struct stat held, there;

    if (md->fd < 0 || maildir_dirs_busy(md))
        return false;
    if (fstat(md->fd, &held) < 0)
        return true;
    if (lstat(md->base.path, &there) < 0)
        return errno == ENOENT;
    return held.st_ino != there.st_ino || held.st_dev != there.st_dev;
}

static bool
open_account_folder(struct maildir *md, struct outcome *why)
{
    int root = beneath_root(md->base.root);
    if (root < 0)
        return outcome_errno(why, errno, "open", md->base.root);
    md->fd = beneath_folder(root, md->base.below);
    int error = errno;
    close(root);
    errno = error;
    return md->fd >= 0 || maildir_errno(md, why, "open", "");
}

bool
maildir_exists(struct maildir *md, struct outcome *why)
{
    if (was_moved(md))
        maildir_dirs_forget(md);
    if (md->fd < 0 && !open_account_folder(md, why))
        return false;
    if (md->base.is_journaled) {
        md->looked_ms = clock_ms();
        maildirsize_look(md);
    }
    return true;
}

/* A look costs three system calls, as much as a delivery does: with a journal it is taken once a
 * second. */
static bool
was_looked_at(const struct maildir *md)
{
    return md->fd >= 0 && md->looked_ms != 0 && clock_ms() - md->looked_ms < MAILDIR_LOOK_MS;
}

bool
maildir_make_subs(struct maildir *md, int folder, bool sync, struct outcome *why)
{
    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
        if (mkdirat(folder, subs[i], 0700) < 0 && errno != EEXIST)
            return outcome_errno(why, errno, "mkdir", md->base.path);
    }
    if (!sync || fsync(folder) == 0)
        return true;
    outcome_errno(why, errno, "fsync", md->base.path);
    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++)
        unlinkat(folder, subs[i], AT_REMOVEDIR); /* whoever comes next makes and syncs them */
    return false;
}

static bool
make_account_folder(struct maildir *md, struct outcome *why)
{
    int root = beneath_root(md->base.root);

    if (root < 0)
        return outcome_errno(why, errno, "open", md->base.root);
    int fd = md->base.is_journaled ? beneath_make_folder_unsynced(root, md->base.below)
                                   : beneath_make_folder(root, md->base.below);
    int error = errno;
    close(root);
    if (fd < 0)
        return outcome_errno(why, error, "mkdir", md->base.path);
    close(fd);
    return maildir_exists(md, why); /* and is ours */
}

bool
maildir_make(struct maildir *md, struct outcome *why)
{
    if (!was_looked_at(md) && !maildir_exists(md, why) &&
        (why->kind != OUTCOME_NOT_FOUND || !make_account_folder(md, why)))
        return false;
    return maildir_dir_get(md, "INBOX", "new", why) != NULL; /* with cur/ and tmp/ beside it */
}

bool
maildir_open(struct store *st, struct outcome *why)
{
    struct maildir *md = maildir_of(st);

    md->fd = -1;
    md->pid = getpid();
    maildir_host(md->host);
    if (getrandom(&md->random, sizeof(md->random), 0) != (ssize_t)sizeof(md->random))
        return outcome_errno(why, errno, "getrandom", st->path);
    md->no_tmpfile = access("/proc/self/fd", X_OK) < 0; /* without it no unnamed file gets a name */
    return maildir_exists(md, why) || why->kind == OUTCOME_NOT_FOUND;
}

void
maildir_close(struct store *st)
{
    struct maildir *md = maildir_of(st);

    maildir_names_free(md->names);
    maildir_dirs_close(md);
    if (md->fd >= 0)
        close(md->fd);
}
