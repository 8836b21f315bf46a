/* SPDX-License-Identifier: MIT
 *
 * Mailboxes of a Maildir++: folders ".Name" beside new/, cur/ and tmp/, flat on disk, a hierarchy
 * by their dots. Renaming takes the children along; deleting leaves them (RFC 9051 6.3.5).
 */
#include "maildir_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDERS_MAX 10000 /* taken along by one rename */

static DIR *
folders_open(struct maildir *md, struct outcome *why)
{
    int fd = openat(md->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (d == NULL) {
        maildir_errno(md, why, "readdir", "");
        if (fd >= 0)
            close(fd);
    }
    return d;
}

/* False with errno 0 where it is something else or has gone, with another errno where nobody can
 * say. */
static bool
folder_is_dir(const struct maildir *md, const struct dirent *e)
{
    struct stat st;

    errno = 0;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    if (fstatat(md->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(st.st_mode);
    if (errno == ENOENT)
        errno = 0;
    return false;
}

/* The name of the next folder; NULL at the end, where errno is 0, and where the list cannot be
 * read: a mailbox that is missing in it would be taken for one that has gone. */
static const char *
folders_next(const struct maildir *md, DIR *d)
{
    const struct dirent *e;

    while (errno = 0, (e = readdir(d)) != NULL) {
        if (folder_is_dir(md, e))
            return e->d_name;
        if (errno != 0)
            return NULL;
    }
    return NULL;
}

/* Closes it; false where errno says that it could not be read to its end. */
static bool
folders_close(const struct maildir *md, DIR *d, struct outcome *why)
{
    bool ok = errno == 0 || maildir_errno(md, why, "readdir", "");

    closedir(d);
    return ok;
}

bool
maildir_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    char mailbox[STORE_MAILBOX_SIZE];
    const char *name;

    if (!maildir_exists(md, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    bool more = fn(arg, "INBOX");
    if (md->fd < 0)
        return true;
    DIR *d = folders_open(md, why);
    if (d == NULL)
        return false;
    while (more && (name = folders_next(md, d)) != NULL) {
        if (maildir_folder_decode(name, mailbox))
            more = fn(arg, mailbox);
    }
    if (!more)
        errno = 0; /* whoever asked has heard enough */
    return folders_close(md, d, why);
}

/* A file that tells Courier and others: this Maildir is a folder of the one above. */
static bool
folder_mark(struct maildir *md, int folder, const char *name, struct outcome *why)
{
    int fd = beneath_open(folder, "maildirfolder", O_WRONLY | O_CREAT, 0600);

    if (fd < 0)
        return maildir_errno(md, why, "open maildirfolder in", name);
    close(fd);
    return true;
}

bool
maildir_mailbox_create(struct store *st, const char *mailbox, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    char folder[NAME_MAX + 1];

    if (!maildir_make(md, why) || !maildir_folder_encode(mailbox, folder, why))
        return false;
    if (mkdirat(md->fd, folder, 0700) < 0) {
        if (errno == EEXIST)
            return outcome_set(why, OUTCOME_EXISTS, "%s exists", mailbox);
        return maildir_errno(md, why, "mkdir", folder);
    }
    md->is_dirty = true;
    int fd = beneath_folder(md->fd, folder);
    if (fd < 0)
        return maildir_errno(md, why, "open", folder);
    bool ok = folder_mark(md, fd, folder, why) && maildir_make_subs(md, fd, true, why);
    close(fd);
    if (!ok)
        maildir_empty(md->fd, folder);
    return ok;
}

/* ---- rename ---- */

struct rename {
    struct maildir *md;
    char from[NAME_MAX + 1]; /* ".A" */
    char to[NAME_MAX + 1];
    char **folders; /* owned: ".A", ".A.x", ... */
    size_t count;
};

static bool
rename_add(struct rename *r, const char *folder)
{
    size_t n = strlen(r->from);

    if (strncmp(folder, r->from, n) != 0 || (folder[n] != '\0' && folder[n] != '.'))
        return true;
    if (r->count == FOLDERS_MAX)
        return false;
    r->folders[r->count] = strdup(folder);
    return r->folders[r->count++] != NULL;
}

static bool
rename_collect(struct rename *r, struct outcome *why)
{
    DIR *d = folders_open(r->md, why);
    const char *name;

    if (d == NULL)
        return false;
    while ((name = folders_next(r->md, d)) != NULL) {
        if (!rename_add(r, name)) {
            closedir(d);
            return outcome_set(why, OUTCOME_OVERLOAD, "too many folders below %s", r->from);
        }
    }
    if (!folders_close(r->md, d, why))
        return false;
    return r->count > 0 || outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %s", r->from);
}

/* The new name of ".A.x"; false when it is too long for a file system. */
static bool
rename_target(const struct rename *r, const char *folder, char to[NAME_MAX + 1])
{
    int n = snprintf(to, NAME_MAX + 1, "%s%s", r->to, folder + strlen(r->from));

    return n > 0 && n <= NAME_MAX;
}

/* Nothing may be in the way before the first one moves. */
static bool
rename_check(const struct rename *r, struct outcome *why)
{
    char to[NAME_MAX + 1];
    struct stat st;

    for (size_t i = 0; i < r->count; i++) {
        if (!rename_target(r, r->folders[i], to))
            return outcome_set(why, OUTCOME_BAD_REQUEST, "%s: name too long", r->folders[i]);
        if (fstatat(r->md->fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return outcome_set(why, OUTCOME_EXISTS, "%s exists", to);
    }
    return true;
}

static bool
rename_one(struct maildir *md, const char *from, const char *to)
{
    if (renameat2(md->fd, from, md->fd, to, RENAME_NOREPLACE) < 0 &&
        (errno != EINVAL || renameat(md->fd, from, md->fd, to) < 0))
        return false;
    maildir_dirs_moved(md, from, to);
    md->is_dirty = true;
    return true;
}

/* All of them, or none as far as the disk lets us go back. */
static bool
rename_all(struct rename *r, struct outcome *why)
{
    char to[NAME_MAX + 1];
    size_t done = 0;

    while (done < r->count && rename_target(r, r->folders[done], to) &&
           rename_one(r->md, r->folders[done], to))
        done++;
    if (done == r->count)
        return true;
    maildir_errno(r->md, why, "rename", r->folders[done]);
    while (done > 0) {
        if (rename_target(r, r->folders[--done], to))
            rename_one(r->md, to, r->folders[done]);
    }
    return false;
}

bool
maildir_mailbox_rename(struct store *st, const char *from, const char *to, struct outcome *why)
{
    struct rename r = {.md = maildir_of(st)};
    bool ok = maildir_exists(r.md, why) && maildir_folder_encode(from, r.from, why) &&
              maildir_folder_encode(to, r.to, why);

    if (!ok)
        return false;
    r.folders = calloc(FOLDERS_MAX, sizeof(*r.folders));
    if (r.folders == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory to rename a mailbox");
    ok = rename_collect(&r, why) && rename_check(&r, why) && rename_all(&r, why);
    for (size_t i = 0; i < r.count; i++)
        free(r.folders[i]);
    free(r.folders);
    return ok;
}

/* Out of sight in one step, then emptied; what a crash leaves of it is found by tidy. */
bool
maildir_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    char folder[NAME_MAX + 1];
    char trash[64];

    if (!maildir_exists(md, why) || !maildir_folder_encode(mailbox, folder, why))
        return false;
    snprintf(trash, sizeof(trash), MAILDIR_TRASH "%016llx.%llu", (unsigned long long)md->random,
             ++md->sequence);
    struct stat file;
    if (fstatat(md->fd, folder, &file, AT_SYMLINK_NOFOLLOW) < 0)
        return maildir_errno(md, why, "stat", folder);
    if (!S_ISDIR(file.st_mode))
        return outcome_set(why, OUTCOME_NOT_FOUND, "%s is no folder", folder);
    if (!rename_one(md, folder, trash))
        return maildir_errno(md, why, "rename", folder);
    maildir_dirs_moved(md, trash, "");
    maildir_empty(md->fd, trash);
    return true;
}
