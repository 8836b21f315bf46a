/* SPDX-License-Identifier: MIT
 *
 * What a journal asks of a Maildir: which file system to sync, and after a crash each delivery
 * once more. A file of the delivery's base name is compared octet by octet; what is torn is
 * replaced by rename(2) under the very name it has, what is absent gets its name in the same way.
 * A power cut may leave empty files, pages of zeros, and folders that are not there.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#define RACES_MAX 10 /* another program renames it while we look */

int
maildir_sync_fd(struct store *st, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    int fd = maildir_exists(md, why) ? openat(md->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                     : beneath_root(st->root);

    if (fd < 0)
        maildir_errno(md, why, "open", "");
    return fd;
}

struct restore { /* one delivery */
    struct maildir *md;
    const struct store_mail *mail;
    const char *base;
    bool is_crlf;
    char name[NAME_MAX + 1]; /* that it was published under */
    const char *sub;         /* new or cur */
};

static bool
restore_begin(struct restore *r, const struct store_ref *ref, struct outcome *why)
{
    struct maildir_name parsed;
    char flags[64] = "";

    r->base = ref->name;
    r->is_crlf = ref->is_crlf;
    r->sub = r->mail->flags != 0 ? "cur" : "new";
    if (r->mail->flags != 0)
        maildir_flags_print(r->mail->flags, "", flags);
    int n = snprintf(r->name, sizeof(r->name), "%s%s", r->base, flags);
    if (maildir_name_parse(r->base, &parsed) && r->base[parsed.base_length] == '\0' &&
        (size_t)n < sizeof(r->name))
        return true;
    return outcome_set(why, OUTCOME_CORRUPT, "%s: not a name in a Maildir", r->base);
}

/* Anywhere. Another program may move it to another folder while we look; then all are listed once
 * more. */
static bool
restore_search(struct restore *r, struct maildir_place *at, const char **mailbox,
               struct outcome *why)
{
    struct maildir *md = r->md;
    bool was_there = true;

    *mailbox = NULL;
    for (int i = 0; i < 2 && *mailbox == NULL && was_there; i++) {
        if (i > 0 || (md->names != NULL && maildir_names_are_old(md->names))) {
            maildir_names_free(md->names);
            md->names = NULL;
        }
        if (md->names == NULL)
            md->names = maildir_names_new(md, why);
        if (md->names == NULL)
            return false;
        *mailbox = maildir_names_find(md->names, r->base, at, &was_there);
    }
    return true;
}

/* Where it was published, as it mostly still is; else anywhere. *mailbox is NULL: nowhere. */
static bool
restore_find(struct restore *r, struct maildir_place *at, const char **mailbox, struct outcome *why)
{
    struct maildir_dir *dir = maildir_dir_get(r->md, r->mail->mailbox, r->sub, why);

    *mailbox = r->mail->mailbox;
    return (dir != NULL && maildir_place_is(dir, r->name, "", at)) ||
           restore_search(r, at, mailbox, why);
}

/* errno ENOENT: it was renamed meanwhile. */
static bool
restore_is_whole(const struct restore *r, const struct maildir_place *at)
{
    int fd =
        openat(at->dir->fd, at->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return false;
    bool ok = store_same_mail(fd, r->mail, r->is_crlf);
    close(fd);
    errno = 0;
    return ok;
}

/* A file in tmp/ under the base name; what an earlier try left there is removed. */
static int
restore_open_tmp(struct restore *r, const char *tmp, struct outcome *why)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL;
    int fd = beneath_open(r->md->fd, tmp, flags, 0600);

    if (fd < 0 && errno == ENOENT && maildir_make_subs(r->md, r->md->fd, true, why))
        fd = beneath_open(r->md->fd, tmp, flags, 0600);
    if (fd < 0 && errno == EEXIST && unlinkat(r->md->fd, tmp, 0) == 0)
        fd = beneath_open(r->md->fd, tmp, flags, 0600);
    if (fd < 0)
        maildir_errno(r->md, why, "open", tmp);
    return fd;
}

/* Mail readers take the file's time for the time of arrival. */
static void
restore_time(const struct restore *r, int fd)
{
    const struct timespec times[2] = {r->mail->received, r->mail->received};

    (void)!futimens(fd, times);
}

/* Over whatever has that name. On failure errno is that of the rename, or 0, and nothing changed.
 */
static bool
restore_put(struct restore *r, struct maildir_dir *dir, const char *name, struct outcome *why)
{
    char tmp[NAME_MAX + 8];
    uint64_t octets;

    snprintf(tmp, sizeof(tmp), "tmp/%s", r->base);
    int fd = restore_open_tmp(r, tmp, why);
    if (fd < 0) {
        errno = 0;
        return false;
    }
    bool ok = store_write_mail(fd, r->mail, r->is_crlf, &octets);
    if (!ok)
        maildir_errno(r->md, why, "write", tmp);
    restore_time(r, fd);
    close(fd);
    int error = 0;
    if (ok && renameat(r->md->fd, tmp, dir->fd, name) < 0) {
        error = errno;
        ok = maildir_errno(r->md, why, "rename into", dir->path);
    }
    if (!ok)
        unlinkat(r->md->fd, tmp, 0);
    errno = error;
    return ok;
}

static bool
restore_replace(struct restore *r, const struct maildir_place *at, struct outcome *why)
{
    if (!restore_put(r, at->dir, at->name, why))
        return false;
    log_event(LOG_LEVEL_INFO, "maildir-restored", "path", r->md->base.path, "folder", at->dir->path,
              "name", at->name, "was", "torn", NULL);
    return true;
}

/* The folder that it goes to, made anew when the crash took it. */
static struct maildir_dir *
restore_folder(struct restore *r, const char *sub, struct outcome *why)
{
    const char *mailbox = r->mail->mailbox;
    struct store *st = &r->md->base;
    struct maildir_dir *dir = maildir_dir_get(r->md, mailbox, sub, why);

    if (dir != NULL || why->kind != OUTCOME_NOT_FOUND || strcmp(mailbox, "INBOX") == 0)
        return dir;
    if (!maildir_mailbox_create(st, mailbox, why) || !maildir_commit(st, why))
        return NULL;
    return maildir_dir_get(r->md, mailbox, sub, why);
}

/* Its name may be taken by a folder, which nobody reads as a message and we do not remove: then the
 * other half of the mailbox has room. */
static bool
restore_publish(struct restore *r, struct outcome *why)
{
    struct maildir_dir *dir = restore_folder(r, r->sub, why);
    char other[NAME_MAX + 1];
    bool is_new = r->sub[0] == 'n';

    if (dir == NULL)
        return false;
    bool ok = restore_put(r, dir, r->name, why);
    if (!ok && errno == EISDIR &&
        snprintf(other, sizeof(other), "%s%s", r->base, is_new ? ":2," : "") < NAME_MAX) {
        dir = restore_folder(r, is_new ? "cur" : "new", why);
        ok = dir != NULL && restore_put(r, dir, other, why);
    }
    if (!ok)
        return false;
    r->md->is_grown = true;
    log_event(LOG_LEVEL_DEBUG, "maildir-restored", "path", r->md->base.path, "folder", dir->path,
              "name", r->base, "was", "absent", NULL);
    return true;
}

static bool
restore_run(struct restore *r, char *mailbox, struct outcome *why)
{
    struct maildir_place at;
    const char *found;

    for (int i = 0; i < RACES_MAX; i++) {
        if (!restore_find(r, &at, &found, why))
            return false;
        snprintf(mailbox, STORE_MAILBOX_SIZE, "%s", found != NULL ? found : r->mail->mailbox);
        if (found == NULL)
            return restore_publish(r, why);
        if (restore_is_whole(r, &at))
            return true;
        if (errno != ENOENT)
            return restore_replace(r, &at, why);
    }
    return outcome_set(why, OUTCOME_BUSY, "%s is being renamed all the time", r->base);
}

enum store_result
maildir_restore(struct store *st, const struct store_mail *mail, const struct store_ref *ref,
                struct span place, char *mailbox, struct store_wait *wait, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct restore r = {.md = md, .mail = mail};

    (void)place, (void)wait;
    if (restore_begin(&r, ref, why) && maildir_make(md, why) && restore_run(&r, mailbox, why))
        return STORE_DONE;
    if (why->kind == OUTCOME_NOT_FOUND) /* it was ours to make */
        why->kind = OUTCOME_SYSTEM;
    return STORE_FAILED;
}

void
maildir_restore_end(struct store *st)
{
    struct maildir *md = maildir_of(st);

    maildir_names_free(md->names);
    md->names = NULL;
    if (md->is_grown)
        maildirsize_recount(md);
    md->is_grown = false;
}
