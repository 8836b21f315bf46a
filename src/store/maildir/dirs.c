/* SPDX-License-Identifier: MIT
 *
 * The open directories of a Maildir. Each is opened once a batch, stays open while a delivery waits
 * for it or its names are not synced, and is synced once, however many messages went in.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct maildir_dir *
dir_find(struct maildir *md, const char *path)
{
    for (struct maildir_dir *d = md->dirs; d != NULL; d = d->next) {
        if (strcmp(d->path, path) == 0)
            return d;
    }
    return NULL;
}

static bool
dir_is_idle(const struct maildir_dir *d)
{
    return d->users == 0 && !d->is_dirty;
}

/* Close idle directories until at most `keep` are open; INBOX's new/ stays. */
static void
dirs_trim(struct maildir *md, unsigned keep)
{
    struct maildir_dir **p = &md->dirs;

    while (*p != NULL && md->dir_count > keep) {
        struct maildir_dir *d = *p;
        if (!dir_is_idle(d) || strcmp(d->path, "new") == 0) {
            p = &d->next;
            continue;
        }
        *p = d->next;
        md->dir_count--;
        close(d->fd);
        free(d);
    }
}

/* The folder of a directory that is missing: INBOX always exists, another mailbox does when its
 * folder does; what died half-made is completed. */
static bool
dir_mend(struct maildir *md, const char *path, struct outcome *why)
{
    char folder[NAME_MAX + 1] = ".";
    const char *slash = strrchr(path, '/');

    if (slash != NULL) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
    }
    int fd = beneath_folder(md->fd, folder);
    if (fd < 0)
        return maildir_errno(md, why, "open", folder);
    bool ok = maildir_make_subs(md, fd, !md->base.is_journaled, why);
    close(fd);
    return ok;
}

static int
dir_open(struct maildir *md, const char *path, struct outcome *why)
{
    int fd = beneath_folder(md->fd, path);

    if (fd < 0 && errno == ENOENT) {
        if (!dir_mend(md, path, why))
            return -1;
        fd = beneath_folder(md->fd, path);
    }
    if (fd < 0)
        maildir_errno(md, why, "open", path);
    return fd;
}

struct maildir_dir *
maildir_dir_get(struct maildir *md, const char *mailbox, const char *sub, struct outcome *why)
{
    char path[NAME_MAX + 8];
    struct stat st;

    if (!maildir_dir_path(mailbox, sub, path, why))
        return NULL;
    struct maildir_dir *d = dir_find(md, path);
    if (d != NULL)
        return d;
    dirs_trim(md, MAILDIR_DIRS_IDLE - 1);
    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to open %s", path);
        return NULL;
    }
    strcpy(d->path, path);
    d->fd = dir_open(md, path, why);
    if (d->fd < 0 || fstat(d->fd, &st) < 0) {
        if (d->fd >= 0) {
            maildir_errno(md, why, "fstat", path);
            close(d->fd);
        }
        free(d);
        return NULL;
    }
    d->device = st.st_dev;
    d->next = md->dirs;
    md->dirs = d;
    md->dir_count++;
    return d;
}

void
maildir_dirs_close(struct maildir *md)
{
    while (md->dirs != NULL) {
        struct maildir_dir *d = md->dirs;
        md->dirs = d->next;
        close(d->fd);
        free(d);
    }
    md->dir_count = 0;
}

void
maildir_dir_changed(const struct maildir *md, struct maildir_dir *dir)
{
    dir->is_dirty |= !md->base.is_journaled;
}

void
maildir_dirs_moved(struct maildir *md, const char *from, const char *to)
{
    size_t n = strlen(from);

    for (struct maildir_dir *d = md->dirs; d != NULL; d = d->next) {
        char sub[8];
        if (strncmp(d->path, from, n) != 0 || d->path[n] != '/')
            continue;
        snprintf(sub, sizeof(sub), "%s", d->path + n);
        snprintf(d->path, sizeof(d->path), "%s%s", to, to[0] != '\0' ? sub : "");
    }
}

bool
maildir_dirs_busy(const struct maildir *md)
{
    for (const struct maildir_dir *d = md->dirs; d != NULL; d = d->next) {
        if (!dir_is_idle(d))
            return true;
    }
    return md->is_dirty;
}

/* Directories of a Maildir that was removed under us: a delivery would be linked into nowhere. What
 * has names to sync stays open for it: perhaps not all of them are gone. */
void
maildir_dirs_forget(struct maildir *md)
{
    for (struct maildir_dir *d = md->dirs; d != NULL; d = d->next)
        d->path[0] = '\0';
    dirs_trim(md, 0);
    if (md->fd >= 0)
        close(md->fd);
    md->fd = -1;
    md->is_dirty = false;
}

bool
maildir_commit(struct store *st, struct outcome *why)
{
    struct maildir *md = maildir_of(st);

    for (struct maildir_dir *d = md->dirs; d != NULL; d = d->next) {
        if (d->is_dirty && fsync(d->fd) < 0)
            return maildir_errno(md, why, "fsync", d->path);
        d->is_dirty = false;
    }
    /* With a journal the folders above it may not be on stable storage either. */
    if (md->is_dirty && (md->base.is_journaled ? syncfs(md->fd) : fsync(md->fd)) < 0)
        return maildir_errno(md, why, "fsync", "");
    md->is_dirty = false;
    maildirsize_write(md);
    dirs_trim(md, MAILDIR_DIRS_IDLE);
    return true;
}
