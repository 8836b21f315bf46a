/* SPDX-License-Identifier: MIT
 *
 * accounts = "file": a text file (file_parse.c) that is read anew when it changed. A file that
 * cannot be read any more leaves the accounts that were known: nobody's mail bounces because an
 * editor was about to write it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts_priv.h"
#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "file_priv.h"

#define LOOK_MS 1000      /* at the file's times at most this often */
#define COMPLAINTS_MAX 20 /* lines in the log a reading */

struct accounts_file {
    struct accounts_source base;
    struct file_table table;
    struct stat seen;   /* when the table was read */
    uint64_t looked_ms; /* clock_ms() of the last look */
    uint64_t generation;
    bool is_broken; /* the last look failed; said once */
};

struct complaints {
    const char *path;
    unsigned count;
};

static void
complain(void *arg, unsigned line, const char *what)
{
    struct complaints *c = arg;
    if (++c->count <= COMPLAINTS_MAX)
        log_event(LOG_LEVEL_WARNING, "accounts_file_line", "file", c->path, "line", log_num(line),
                  "error", what, NULL);
}

static bool
read_whole(int fd, char *data, size_t size, size_t *used)
{
    *used = 0;
    while (*used < size) {
        ssize_t n = read(fd, data + *used, size - *used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        *used += (size_t)n;
    }
    return true;
}

static bool
check_file(int fd, const char *path, struct stat *st, struct outcome *why)
{
    if (fstat(fd, st) != 0)
        return outcome_errno(why, errno, "fstat", path);
    if (!S_ISREG(st->st_mode))
        return outcome_set(why, OUTCOME_SYSTEM, "not a regular file: %s", path);
    return st->st_size <= ACCOUNTS_FILE_MAX ||
           outcome_set(why, OUTCOME_SYSTEM, "larger than %d octets: %s", ACCOUNTS_FILE_MAX, path);
}

/* read_table() - the whole file into a new table. */
static bool
read_table(const struct settings_domain *domain, int fd, struct file_table *table, struct stat *st,
           struct outcome *why)
{
    const char *path = domain->accounts_file;
    struct complaints complaints = {.path = path};
    size_t used;
    if (!check_file(fd, path, st, why))
        return false;
    size_t size = (size_t)st->st_size;
    char *text = malloc(size + 1);
    bool ok = text != NULL || outcome_errno(why, ENOMEM, "read", path);
    ok = ok && (read_whole(fd, text, size, &used) || outcome_errno(why, errno, "read", path));
    if (ok && !file_table_parse(table, (struct span){text, used}, domain, complain, &complaints)) {
        file_table_release(table);
        ok = outcome_errno(why, ENOMEM, "parse", path);
    }
    free(text);
    if (ok && complaints.count > COMPLAINTS_MAX)
        log_event(LOG_LEVEL_WARNING, "accounts_file_lines", "file", path, "bad",
                  log_num(complaints.count), NULL);
    return ok;
}

static bool
read_file(struct accounts_file *f, struct outcome *why)
{
    const struct settings_domain *domain = f->base.domain;
    struct file_table table;
    struct stat st;
    int fd = open(domain->accounts_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return outcome_errno(why, errno, "open", domain->accounts_file);
    bool ok = read_table(domain, fd, &table, &st, why);
    close(fd);
    if (!ok)
        return false;
    file_table_release(&f->table);
    f->table = table;
    f->seen = st;
    f->generation++;
    return true;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void
refresh(struct accounts_file *f)
{
    struct stat st;
    struct outcome why = {0};
    const char *path = f->base.domain->accounts_file;
    uint64_t now = clock_ms();
    if (now - f->looked_ms < LOOK_MS)
        return;
    f->looked_ms = now;
    bool ok = stat(path, &st) == 0 || outcome_errno(&why, errno, "stat", path);
    if (ok && !is_same(&st, &f->seen)) {
        ok = read_file(f, &why);
        if (ok)
            log_event(LOG_LEVEL_INFO, "accounts_file_read", "file", path, "accounts",
                      log_num((long long)HASH_COUNT(f->table.entries)), NULL);
    }
    if (!ok && !f->is_broken)
        log_event(LOG_LEVEL_ERROR, "accounts_file_kept", "file", path, "error", why.cause, NULL);
    f->is_broken = !ok;
}

static bool
file_open(struct accounts_source *s, struct outcome *why)
{
    struct accounts_file *f = (struct accounts_file *)s;
    f->looked_ms = clock_ms();
    return read_file(f, why);
}

static void
file_close(struct accounts_source *s)
{
    file_table_release(&((struct accounts_file *)s)->table);
}

static void
to_account(const struct accounts_source *s, const struct file_entry *e, struct account *out)
{
    account_init(out, s->domain, e->user);
    out->enabled = e->enabled;
    out->quota = e->quota;
    out->quota_messages = e->quota_messages;
    if (e->forward[0] != '\0')
        account_set_home(out, e->forward);
}

static enum accounts_result
file_find(struct accounts_source *s, const char *user, struct account *out, struct outcome *why)
{
    struct accounts_file *f = (struct accounts_file *)s;
    (void)why;
    refresh(f);
    const struct file_entry *e = file_table_find(&f->table, user);
    if (e == NULL)
        return ACCOUNTS_UNKNOWN;
    to_account(s, e, out);
    return ACCOUNTS_FOUND;
}

static bool
file_secret(struct accounts_source *s, struct account_secret *out, struct outcome *why)
{
    struct accounts_file *f = (struct accounts_file *)s;
    const struct file_entry *e = file_table_find(&f->table, out->account.user);
    (void)why;
    if (e != NULL)
        snprintf(out->hash, sizeof(out->hash), "%s", e->hash);
    return true;
}

static bool
file_list(struct accounts_source *s, account_fn fn, void *arg, struct outcome *why)
{
    struct accounts_file *f = (struct accounts_file *)s;
    struct account account;
    (void)why;
    refresh(f);
    for (const struct file_entry *e = f->table.entries; e != NULL; e = e->hh.next) {
        to_account(s, e, &account);
        if (!fn(arg, &account))
            break;
    }
    return true;
}

static uint64_t
file_generation(struct accounts_source *s)
{
    struct accounts_file *f = (struct accounts_file *)s;
    refresh(f);
    return f->generation;
}

const struct accounts_driver accounts_file = {
    .name = "file",
    .size = sizeof(struct accounts_file),
    .open = file_open,
    .close = file_close,
    .find = file_find,
    .secret = file_secret,
    .list = file_list,
    .generation = file_generation,
};
