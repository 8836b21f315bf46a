/* SPDX-License-Identifier: MIT
 *
 * What lies in a mailbox: the names in new/ and cur/, in the order of arrival that they begin with.
 * Only names are read; a file is looked at (never opened) where its name tells no size or time.
 *
 * readdir(3) may miss a file that is renamed meanwhile, and a message missed would be taken for
 * removed. So new/ is read before cur/, where messages move to, and when the directories changed
 * under us they are read again: what was seen in any pass is listed, as it was seen last.
 */
#include "maildir_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/buf.h"

#define SCAN_NAMES_MAX (1u << 30) /* octets of file names in one mailbox */
#define SCAN_PASSES 4

struct scan_item {
    size_t at;      /* of the file name in names */
    unsigned order; /* later sightings are larger */
    bool is_new;
};

struct scan {
    struct maildir_dir *dirs[2]; /* new, cur; borrowed, in use */
    struct buf names;            /* file names, each with its NUL */
    struct buf items;            /* struct scan_item */
    unsigned order;
};

static bool
scan_add(struct scan *s, const char *file, bool is_new)
{
    struct scan_item item = {s->names.len, s->order, is_new};

    return buf_append(&s->names, file, strlen(file) + 1) &&
           buf_append(&s->items, &item, sizeof(item));
}

static bool
scan_is_file(const struct maildir_dir *dir, const struct dirent *e)
{
    struct stat st;

    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_REG;
    return fstatat(dir->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static bool
scan_dir(struct scan *s, const struct maildir_dir *dir, bool is_new)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    bool ok = true;

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    errno = 0;
    while (ok && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || !scan_is_file(dir, e))
            continue;
        ok = scan_add(s, e->d_name, is_new);
        errno = ok ? 0 : ENOMEM;
    }
    int error = errno; /* of readdir, when it is not the end */
    closedir(d);
    errno = error;
    return error == 0;
}

static bool
scan_same_time(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool
scan_stat(const struct scan *s, struct stat st[2])
{
    return fstat(s->dirs[0]->fd, &st[0]) == 0 && fstat(s->dirs[1]->fd, &st[1]) == 0;
}

static bool
scan_collect(struct scan *s)
{
    struct stat before[2], after[2];

    if (!scan_stat(s, before))
        return false;
    for (int pass = 0; pass < SCAN_PASSES; pass++) {
        s->order++;
        if (!scan_dir(s, s->dirs[0], true))
            return false;
        s->order++;
        if (!scan_dir(s, s->dirs[1], false) || !scan_stat(s, after))
            return false;
        if (scan_same_time(&before[0], &after[0]) && scan_same_time(&before[1], &after[1]))
            return true;
        memcpy(before, after, sizeof(before));
    }
    return true; /* changing all the time: the next scan sees what this one missed */
}

/* By base name, the latest sighting first. */
static int
scan_compare(const void *a, const void *b, void *names)
{
    const struct scan_item *x = a, *y = b;
    const char *p = (const char *)names + x->at, *q = (const char *)names + y->at;
    size_t n = strcspn(p, ":"), m = strcspn(q, ":");
    int order = memcmp(p, q, n < m ? n : m);

    if (order == 0)
        order = (n > m) - (n < m);
    return order != 0 ? order : (x->order < y->order) - (x->order > y->order);
}

/* false: the file went away meanwhile. */
static bool
scan_look_at(const struct maildir_dir *dir, const char *file, struct store_entry *e)
{
    struct stat st;

    if (fstatat(dir->fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    if (e->stored_octets == UINT64_MAX)
        e->stored_octets = (uint64_t)st.st_size;
    if (e->arrived == (time_t)-1)
        e->arrived = st.st_mtime;
    return true;
}

static bool
scan_report(const struct scan *s, struct scan_item *item, store_entry_fn fn, void *arg)
{
    char *file = s->names.data + item->at;
    struct maildir_name name;

    if (!maildir_name_parse(file, &name))
        return true;
    struct store_entry e = {
        .name = file,
        .flags = name.flags,
        .stored_octets = name.stored_octets,
        .wire_octets = name.wire_octets,
        .arrived = name.arrived,
        .is_new = item->is_new,
    };
    if ((e.stored_octets == UINT64_MAX || e.arrived == (time_t)-1) &&
        !scan_look_at(s->dirs[item->is_new ? 0 : 1], file, &e))
        return true;
    file[name.base_length] = '\0';
    return fn(arg, &e);
}

static void
scan_report_all(struct scan *s, store_entry_fn fn, void *arg)
{
    struct scan_item *items = (struct scan_item *)(void *)s->items.data;
    size_t count = s->items.len / sizeof(*items);
    const char *last = NULL;

    if (count > 0)
        qsort_r(items, count, sizeof(*items), scan_compare, s->names.data);
    for (size_t i = 0; i < count; i++) {
        const char *file = s->names.data + items[i].at;
        size_t n = strcspn(file, ":");
        if (last != NULL && strlen(last) == n && memcmp(last, file, n) == 0)
            continue;
        if (!scan_report(s, &items[i], fn, arg))
            return;
        s->names.data[items[i].at + n] = '\0';
        last = file;
    }
}

/* new/ and cur/ of a mailbox, held until scan_end(). */
static bool
scan_begin(struct scan *s, struct maildir *md, const char *mailbox, struct outcome *why)
{
    memset(s, 0, sizeof(*s));
    buf_init(&s->names, SCAN_NAMES_MAX);
    buf_init(&s->items, SCAN_NAMES_MAX);
    s->dirs[0] = maildir_dir_get(md, mailbox, "new", why);
    if (s->dirs[0] == NULL)
        return false;
    s->dirs[0]->users++;
    s->dirs[1] = maildir_dir_get(md, mailbox, "cur", why);
    if (s->dirs[1] != NULL) {
        s->dirs[1]->users++;
        return true;
    }
    s->dirs[0]->users--;
    return false;
}

static void
scan_end(struct scan *s)
{
    s->dirs[0]->users--;
    s->dirs[1]->users--;
    buf_release(&s->names);
    buf_release(&s->items);
}

/* As scan_begin(); a Maildir that was removed, and perhaps made anew, is opened anew. */
static bool
scan_begin_fresh(struct scan *s, struct maildir *md, const char *mailbox, struct outcome *why)
{
    struct stat st[2];

    for (int i = 0; i < 2; i++) {
        if (!maildir_exists(md, why) || !scan_begin(s, md, mailbox, why))
            return false;
        if (scan_stat(s, st) && st[0].st_nlink > 0 && st[1].st_nlink > 0)
            return true;
        scan_end(s);
        maildir_dirs_forget(md);
    }
    return outcome_set(why, OUTCOME_NOT_FOUND, "%s is gone", md->base.path);
}

bool
maildir_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
             struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct scan s;

    if (!maildir_exists(md, why)) /* an account without mail yet */
        return why->kind == OUTCOME_NOT_FOUND && strcmp(mailbox, "INBOX") == 0;
    if (!scan_begin_fresh(&s, md, mailbox, why))
        return false;
    bool ok = scan_collect(&s);
    if (ok)
        scan_report_all(&s, fn, arg);
    else
        maildir_errno(md, why, "readdir", s.dirs[0]->path);
    scan_end(&s);
    return ok;
}

bool
maildir_stamp(struct store *st, const char *mailbox, uint64_t *stamp)
{
    struct maildir *md = maildir_of(st);
    struct stat dirs[2];
    struct outcome why;
    struct scan s;

    if (!scan_begin_fresh(&s, md, mailbox, &why))
        return false;
    bool ok = scan_stat(&s, dirs);
    scan_end(&s);
    return ok && store_stamp_of(dirs, 2, stamp);
}
