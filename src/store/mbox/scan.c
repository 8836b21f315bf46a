/* SPDX-License-Identifier: MIT
 *
 * What lies in an mbox: its messages in file order, with the names that the index uses. The file is
 * read once, nothing is parsed but From_ lines and the id in our own Received field.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/table.h"

#define WALK_WINDOW 262144

struct walk_seen { /* how often a name came */
    UT_hash_handle hh;
    unsigned count;
    char name[64];
};

struct walk {
    mbox_walk_fn fn;
    void *arg;
    time_t changed; /* of the file: the date of messages that tell none */
    bool is_out_of_memory;
    struct walk_seen *seen;
    struct store_entry entry;
    char name[STORE_REF_SIZE];
    struct mbox_namer namer;
};

static void
walk_begin(void *arg, const char *from)
{
    struct walk *w = arg;
    time_t sent = mbox_from_time(from);

    w->entry = (struct store_entry){
        .name = w->name,
        .wire_octets = UINT64_MAX,
        .arrived = sent != -1 ? sent : w->changed,
    };
    mbox_namer_init(&w->namer);
}

static bool
walk_content(void *arg, const char *p, size_t n)
{
    struct walk *w = arg;

    w->entry.stored_octets += n;
    mbox_namer_put(&w->namer, p, n);
    return true;
}

/* The second message of a name is called name#2. */
static bool
walk_number(struct walk *w)
{
    struct walk_seen *seen;

    HASH_FIND_STR(w->seen, w->name, seen);
    if (seen != NULL) {
        sprintf(w->name + strlen(w->name), "#%u", ++seen->count);
        return true;
    }
    seen = calloc(1, sizeof(*seen));
    if (seen == NULL)
        return false;
    seen->count = 1;
    strcpy(seen->name, w->name);
    HASH_ADD_STR(w->seen, name, seen);
    if (seen->hh.tbl != NULL)
        return true;
    free(seen);
    return false;
}

static bool
walk_end(void *arg, uint64_t start, uint64_t after)
{
    struct walk *w = arg;

    mbox_namer_end(&w->namer, w->name);
    if (!walk_number(w)) {
        w->is_out_of_memory = true;
        return false;
    }
    return w->fn(w->arg, &w->entry, start, after);
}

static void
walk_release(struct walk *w)
{
    struct walk_seen *seen, *next;

    HASH_ITER(hh, w->seen, seen, next)
    {
        HASH_DEL(w->seen, seen);
        free(seen);
    }
}

/* The whole file through the scanner. */
static bool
walk_file(const struct mbox_file *f, struct mbox_scanner *scanner)
{
    char *window = malloc(WALK_WINDOW);
    uint64_t at = 0;
    ssize_t got = -1;

    if (window == NULL) {
        errno = ENOMEM;
        return false;
    }
    do {
        got = pread(f->fd, window, WALK_WINDOW, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !mbox_scanner_feed(scanner, window, (size_t)got))
            break;
        at += (uint64_t)got;
    } while (true);
    int error = errno;
    free(window);
    errno = error;
    if (got == 0)
        mbox_scanner_end(scanner, false);
    return got >= 0;
}

bool
mbox_walk(struct mbox *mb, struct mbox_file *f, mbox_walk_fn fn, void *arg, struct outcome *why)
{
    struct walk w = {.fn = fn, .arg = arg};
    struct mbox_scanner scanner;
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return mbox_errno(mb, why, "fstat", f->name);
    w.changed = st.st_mtime;
    mbox_scanner_init(&scanner, &w);
    scanner.begin = walk_begin;
    scanner.content = walk_content;
    scanner.end = walk_end;
    bool ok = walk_file(f, &scanner);
    if (!ok)
        mbox_errno(mb, why, "read", f->name);
    walk_release(&w);
    if (!w.is_out_of_memory)
        return ok;
    return outcome_set(why, OUTCOME_OVERLOAD, "no memory to read %s", f->name);
}

struct scan_call {
    store_entry_fn fn;
    void *arg;
};

static bool
scan_entry(void *arg, const struct store_entry *e, uint64_t start, uint64_t after)
{
    struct scan_call *call = arg;

    (void)start, (void)after;
    return call->fn(call->arg, e);
}

bool
mbox_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    struct scan_call call = {fn, arg};
    struct mbox_file *f = mbox_file_wait(mb, mailbox, why);

    if (f == NULL) /* an account without mail yet */
        return why->kind == OUTCOME_NOT_FOUND && strcmp(mailbox, "INBOX") == 0;
    bool ok = mbox_walk(mb, f, scan_entry, &call, why);
    mbox_file_put(mb, f);
    return ok;
}

bool
mbox_stamp(struct store *st, const char *mailbox, uint64_t *stamp)
{
    struct mbox *mb = mbox_of(st);
    char name[NAME_MAX + 1];
    struct outcome why;
    struct stat file;
    int dir = mbox_folder(mb, mailbox, false, name, &why);

    if (dir < 0)
        return false;
    bool ok = fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) == 0;
    close(dir);
    return ok && store_stamp_of(&file, 1, stamp);
}
