/* SPDX-License-Identifier: MIT
 *
 * Mailboxes besides INBOX: files in PATH.d/ and the .d folders below it. Renaming takes the
 * children along; deleting leaves them (RFC 9051 6.3.5).
 */
#include "mbox_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_PENDING_MAX (1u << 20) /* octets of mailbox names whose folders wait to be listed */

struct listing {
    struct mbox *mb;
    store_mailbox_fn fn;
    void *arg;
    struct buf pending; /* names, each with its NUL; "" is the folder beside INBOX */
    size_t next;
    bool is_stopped;
};

/* A file name below the mailbox `parent` as a mailbox name; false when it is none of ours. */
static bool
listing_name(const char *parent, struct span file, struct buf *out)
{
    if (file.n == 0)
        return false;
    if (parent[0] != '\0' && (!buf_append_str(out, parent) || !buf_append_char(out, '/')))
        return false;
    return mbox_level_decode(file, out) && store_mailbox_name_check(buf_str(out));
}

/* False where a mailbox would be missing in the list: it would be taken for one that has gone. */
static bool
listing_entry(struct listing *l, const char *parent, int dir, const char *file, struct outcome *why)
{
    bool ok = true;
    struct span stem = span_of(file);
    struct stat st;
    struct buf name;

    if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || mbox_errno(l->mb, why, "stat", file);
    bool is_folder = S_ISDIR(st.st_mode) && stem.n > 2 && strcmp(file + stem.n - 2, ".d") == 0;
    if (!is_folder && !S_ISREG(st.st_mode))
        return true;
    if (is_folder)
        stem.n -= 2;
    buf_init(&name, STORE_MAILBOX_SIZE - 1);
    if (listing_name(parent, stem, &name)) {
        if (is_folder)
            ok = buf_append(&l->pending, name.data, name.len + 1);
        else if (strcasecmp(name.data, "INBOX") != 0) /* which is another file */
            l->is_stopped = !l->fn(l->arg, name.data);
    }
    buf_release(&name);
    return ok || outcome_set(why, OUTCOME_OVERLOAD, "too many folders below %s", l->mb->base.path);
}

/* Every entry of a folder. */
static bool
listing_entries(struct listing *l, const char *parent, DIR *d, struct outcome *why)
{
    const struct dirent *e;

    while (!l->is_stopped) {
        errno = 0;
        if ((e = readdir(d)) == NULL)
            return errno == 0 || mbox_errno(l->mb, why, "readdir", parent);
        if (!listing_entry(l, parent, dirfd(d), e->d_name, why))
            return false;
    }
    return true;
}

static bool
listing_folder(struct listing *l, const char *parent, struct outcome *why)
{
    char child[STORE_MAILBOX_SIZE + 2], path[PATH_MAX];

    /* Where a child called "x" would lie: "INBOX" as a level of a name is not INBOX. */
    snprintf(child, sizeof(child), "%s%sx", parent, parent[0] != '\0' ? "/" : "");
    if (!mbox_path(l->mb, child, path, why))
        return false;
    *strrchr(path, '/') = '\0';
    int fd = beneath_open(l->mb->dir, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
               mbox_errno(l->mb, why, "open", path);
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory to list mailboxes");
    }
    bool ok = listing_entries(l, parent, d, why);
    closedir(d);
    return ok;
}

bool
mbox_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why)
{
    struct listing l = {.mb = mbox_of(st), .fn = fn, .arg = arg};
    bool ok = true;

    if (!mbox_exists(l.mb, false, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    l.is_stopped = !fn(arg, "INBOX");
    if (l.mb->dir < 0)
        return true;
    buf_init(&l.pending, LIST_PENDING_MAX);
    buf_append(&l.pending, "", 1);
    while (ok && !l.is_stopped && l.next < l.pending.len) {
        char parent[STORE_MAILBOX_SIZE]; /* the buffer moves while it grows */
        snprintf(parent, sizeof(parent), "%s", l.pending.data + l.next);
        l.next += strlen(parent) + 1;
        ok = listing_folder(&l, parent, why);
    }
    buf_release(&l.pending);
    return ok;
}

bool
mbox_mailbox_create(struct store *st, const char *mailbox, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    char name[NAME_MAX + 1];
    int dir = mbox_folder(mb, mailbox, true, name, why);

    if (dir < 0)
        return false;
    int fd = beneath_open(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600);
    /* With a journal the folders above it may not be on stable storage either. */
    bool ok = fd >= 0 && (mb->base.is_journaled ? syncfs(dir) : fsync(dir)) == 0;
    if (fd < 0 && errno == EEXIST)
        outcome_set(why, OUTCOME_EXISTS, "%s exists", mailbox);
    else if (!ok)
        mbox_errno(mb, why, "create", name);
    if (fd >= 0)
        close(fd);
    close(dir);
    return ok;
}

/* ---- rename ---- */

static bool
rename_step(int from_dir, const char *from, int to_dir, const char *to, const char *suffix)
{
    char a[NAME_MAX + 8], b[NAME_MAX + 8];

    snprintf(a, sizeof(a), "%s%s", from, suffix);
    snprintf(b, sizeof(b), "%s%s", to, suffix);
    if (renameat2(from_dir, a, to_dir, b, RENAME_NOREPLACE) == 0)
        return true;
    return errno == EINVAL && renameat(from_dir, a, to_dir, b) == 0;
}

/* The file, the folder of its children, or both; one of them must be there. */
static bool
rename_both(struct mbox *mb, int from_dir, const char *from, int to_dir, const char *to,
            struct outcome *why)
{
    bool file = rename_step(from_dir, from, to_dir, to, "");

    if (!file && errno != ENOENT) {
        if (errno == EEXIST)
            return outcome_set(why, OUTCOME_EXISTS, "%s exists", to);
        return mbox_errno(mb, why, "rename", from);
    }
    if (rename_step(from_dir, from, to_dir, to, ".d") || (file && errno == ENOENT))
        return fsync(from_dir) == 0 && fsync(to_dir) == 0;
    int error = errno;
    if (file) /* not one without the other */
        rename_step(to_dir, to, from_dir, from, "");
    errno = error;
    if (error == EEXIST || error == ENOTEMPTY)
        return outcome_set(why, OUTCOME_EXISTS, "%s exists", to);
    return mbox_errno(mb, why, "rename", from);
}

static bool
mailbox_is_free(struct mbox *mb, const char *mailbox, struct outcome *why)
{
    size_t n = strlen(mailbox);

    for (const struct mbox_file *f = mb->files; f != NULL; f = f->next) {
        if (strncmp(f->mailbox, mailbox, n) == 0 && (f->mailbox[n] == '\0' || f->mailbox[n] == '/'))
            return outcome_set(why, OUTCOME_BUSY, "a delivery to %s is under way", f->mailbox);
    }
    return true;
}

bool
mbox_mailbox_rename(struct store *st, const char *from, const char *to, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    char from_name[NAME_MAX + 1], to_name[NAME_MAX + 1];

    if (!mailbox_is_free(mb, from, why))
        return false;
    int from_dir = mbox_folder(mb, from, false, from_name, why);
    if (from_dir < 0)
        return false;
    int to_dir = mbox_folder(mb, to, true, to_name, why);
    bool ok = to_dir >= 0 && rename_both(mb, from_dir, from_name, to_dir, to_name, why);
    if (to_dir >= 0)
        close(to_dir);
    close(from_dir);
    return ok;
}

bool
mbox_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    char name[NAME_MAX + 1], record[NAME_MAX + 16];
    struct stat file;

    if (!mailbox_is_free(mb, mailbox, why))
        return false;
    int dir = mbox_folder(mb, mailbox, false, name, why);
    if (dir < 0)
        return false;
    bool ok = fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(file.st_mode) &&
              unlinkat(dir, name, 0) == 0 && fsync(dir) == 0;
    if (ok) {
        snprintf(record, sizeof(record), ".%s.doorstep", name);
        unlinkat(dir, record, 0);
    } else {
        mbox_errno(mb, why, "remove", name);
    }
    close(dir);
    return ok;
}
