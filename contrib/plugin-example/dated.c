/* SPDX-License-Identifier: MIT
 *
 * An example of a store driver outside of Doorstep: one file per message in a folder per day,
 *
 *     PATH/2026-11-22/01JD9ZK3T4V8Q2M5N7P0R6S.1.eml
 *
 * INBOX only, no flags. Small on purpose: docs/storage-drivers.md explains it from top to bottom.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/beneath.h"
#include "doorstep/store_driver.h"

#define DAY_SIZE 11 /* 2026-11-22 and its NUL */
#define FILE_SIZE 96

struct dated { /* an open account */
    struct store base;
    int fd; /* PATH, or -1 until the first delivery */
    unsigned long long sequence;
};

struct dated_staged { /* a delivery between stage and forget */
    struct store_staged base;
    int file; /* unnamed until it is published */
    int day;  /* its folder */
    char name[FILE_SIZE];
};

static struct dated *
dated_of(struct store *st)
{
    return (struct dated *)st;
}

static bool
dated_exists(struct dated *d, struct outcome *why)
{
    int root;

    if (d->fd >= 0)
        return true;
    root = beneath_root(d->base.root);
    if (root < 0)
        return outcome_errno(why, errno, "open", d->base.root);
    d->fd = beneath_folder(root, d->base.below);
    int error = errno;
    close(root);
    if (d->fd < 0 && error == ENOENT)
        return outcome_set(why, OUTCOME_NOT_FOUND, "%s: no mail yet", d->base.path);
    return d->fd >= 0 || outcome_errno(why, error, "open", d->base.path);
}

static bool
dated_make(struct dated *d, struct outcome *why)
{
    int root = beneath_root(d->base.root);

    if (root < 0)
        return outcome_errno(why, errno, "open", d->base.root);
    int fd = beneath_make_folder(root, d->base.below);
    int error = errno;
    close(root);
    if (fd < 0)
        return outcome_errno(why, error, "mkdir", d->base.path);
    close(fd);
    return dated_exists(d, why);
}

static bool
dated_open(struct store *st, struct outcome *why)
{
    dated_of(st)->fd = -1;
    return dated_exists(dated_of(st), why) || why->kind == OUTCOME_NOT_FOUND;
}

static void
dated_close(struct store *st)
{
    if (dated_of(st)->fd >= 0)
        close(dated_of(st)->fd);
}

/* ---- delivery ---- */

static void
staged_free(struct dated_staged *s)
{
    if (s->file >= 0)
        close(s->file);
    if (s->day >= 0)
        close(s->day);
    free(s);
}

static bool
staged_open(struct dated *d, struct dated_staged *s, const struct store_mail *mail,
            struct outcome *why)
{
    char day[32] = "1970-01-01";
    struct tm tm;

    if (gmtime_r(&mail->received.tv_sec, &tm) != NULL)
        strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    s->day = beneath_make_folder(d->fd, day);
    if (s->day < 0)
        return outcome_errno(why, errno, "mkdir", day);
    s->file = openat(s->day, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (s->file < 0)
        return outcome_errno(why, errno, "open unnamed file in", d->base.path);
    /* The day stands in the name too, so that the name alone leads to the file. */
    snprintf(s->name, sizeof(s->name), "%.10s-%s.%d.%llu.eml", day, mail->id, (int)getpid(),
             ++d->sequence);
    return true;
}

static bool
staged_write(struct dated *d, struct dated_staged *s, const struct store_mail *mail,
             struct store_ref *ref, struct outcome *why)
{
    ref->is_crlf = d->base.settings->crlf || store_keeps_bytes(mail);
    if (!store_write_mail(s->file, mail, ref->is_crlf, &ref->stored_octets))
        return outcome_errno(why, errno, "write", d->base.path);
    ref->wire_octets = store_wire_octets(mail);
    ref->trace_octets = (uint32_t)mail->trace.n;
    snprintf(ref->name, sizeof(ref->name), "%s", s->name);
    return true;
}

static enum store_result
dated_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
            struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct dated *d = dated_of(st);
    struct dated_staged *s;

    (void)wait; /* nothing here is ever busy */
    if (strcmp(mail->mailbox, "INBOX") != 0) {
        outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %s", mail->mailbox);
        return STORE_FAILED;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory");
        return STORE_FAILED;
    }
    s->file = s->day = -1;
    if (!dated_make(d, why) || !staged_open(d, s, mail, why) ||
        !staged_write(d, s, mail, ref, why)) {
        staged_free(s);
        return STORE_FAILED;
    }
    *staged = &s->base;
    return STORE_DONE;
}

static bool
dated_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    struct dated_staged *s = (struct dated_staged *)staged;

    return fdatasync(s->file) == 0 || outcome_errno(why, errno, "fdatasync", st->path);
}

static bool
dated_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    struct dated_staged *s = (struct dated_staged *)staged;
    char link[32];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", s->file);
    if (linkat(AT_FDCWD, link, s->day, s->name, AT_SYMLINK_FOLLOW) == 0)
        return true;
    return outcome_errno(why, errno, "link into", st->path);
}

static bool
dated_commit(struct store *st, struct outcome *why)
{
    for (struct store_staged *s = st->staged; s != NULL; s = s->next) {
        if (s->state == STAGED_PUBLISHED && fsync(((struct dated_staged *)s)->day) < 0)
            return outcome_errno(why, errno, "fsync", st->path);
    }
    return true;
}

static void
dated_discard(struct store *st, struct store_staged *staged)
{
    struct dated_staged *s = (struct dated_staged *)staged;

    (void)st;
    if (staged->state != STAGED_WRITTEN)
        unlinkat(s->day, s->name, 0);
    staged_free(s);
}

static void
dated_forget(struct store *st, struct store_staged *staged)
{
    (void)st;
    staged_free((struct dated_staged *)staged);
}

/* ---- reading ---- */

/* The day's folder of a message: the first ten octets of its name. */
static int
day_open(struct dated *d, const char *name, struct outcome *why)
{
    char day[DAY_SIZE];
    int fd = -1;

    snprintf(day, sizeof(day), "%s", name);
    if (dated_exists(d, why)) {
        fd = beneath_folder(d->fd, day);
        if (fd < 0)
            outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", name);
    }
    return fd;
}

static struct message *
dated_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    struct stat file;
    int day = day_open(dated_of(st), name, why);

    (void)mailbox;
    if (day < 0)
        return NULL;
    int fd = beneath_open(day, name, O_RDONLY, 0);
    close(day);
    if (fd >= 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
        return message_from_fd(fd, why);
    if (fd >= 0)
        close(fd);
    outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", name);
    return NULL;
}

static bool
dated_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    int day = day_open(dated_of(st), name, why);

    (void)mailbox;
    if (day < 0)
        return false;
    bool ok = unlinkat(day, name, 0) == 0 && fsync(day) == 0;
    if (!ok)
        outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", name);
    close(day);
    return ok;
}

/* fn for every message of a day; false when fn has enough. */
static bool
scan_day(int day, store_entry_fn fn, void *arg)
{
    DIR *list = fdopendir(day);
    const struct dirent *e;
    struct stat file;
    bool more = true;

    if (list == NULL) {
        close(day);
        return true;
    }
    while (more && (e = readdir(list)) != NULL) {
        if (e->d_name[0] == '.' || fstatat(day, e->d_name, &file, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(file.st_mode))
            continue;
        struct store_entry entry = {
            .name = e->d_name,
            .stored_octets = (uint64_t)file.st_size,
            .wire_octets = UINT64_MAX,
            .arrived = file.st_mtime,
        };
        more = fn(arg, &entry);
    }
    closedir(list);
    return more;
}

static bool
dated_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg, struct outcome *why)
{
    struct dated *d = dated_of(st);
    const struct dirent *e;
    bool more = true;

    if (strcmp(mailbox, "INBOX") != 0)
        return outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %s", mailbox);
    if (!dated_exists(d, why))
        return why->kind == OUTCOME_NOT_FOUND; /* an account without mail yet */
    int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *days = fd >= 0 ? fdopendir(fd) : NULL;
    if (days == NULL) {
        if (fd >= 0)
            close(fd);
        return outcome_errno(why, errno, "readdir", st->path);
    }
    while (more && (e = readdir(days)) != NULL) {
        int day = e->d_name[0] != '.' ? beneath_folder(d->fd, e->d_name) : -1;
        if (day >= 0)
            more = scan_day(day, fn, arg);
    }
    closedir(days);
    return true;
}

extern const struct store_driver doorstep_store_driver; /* the symbol that Doorstep looks up */

const struct store_driver doorstep_store_driver = {
    .abi = STORE_DRIVER_ABI,
    .name = "dated",
    .size = sizeof(struct dated),
    /* No folders, no flags; single messages are removed, but not flagged. No journal may stand in
     * front: each delivery is synced by itself. */
    .can = 0,
    .open = dated_open,
    .close = dated_close,
    .stage = dated_stage,
    .sync = dated_sync,
    .publish = dated_publish,
    .commit = dated_commit,
    .discard = dated_discard,
    .forget = dated_forget,
    .scan = dated_scan,
    .read = dated_read,
    .remove = dated_remove,
};
