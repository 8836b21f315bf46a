/* SPDX-License-Identifier: MIT
 *
 * What a journal asks of an mbox: which file system to sync, and after a crash each delivery once
 * more, under the usual locks. Whole where it was to lie: nothing to do. Else the file is read once
 * and it is looked for by name and content, so that a reader that rewrote the file meanwhile loses
 * nothing and doubles nothing. What is torn, with nothing behind it, is finished; what is nowhere
 * is appended. Octets that are not certainly ours are never touched.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#define BUSY_MS 50 /* try again after */

int
mbox_sync_fd(struct store *st, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    int fd = mbox_exists(mb, false, why) ? openat(mb->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                         : beneath_root(st->root);

    if (fd < 0)
        mbox_errno(mb, why, "open folder of", mb->name);
    return fd;
}

struct restore { /* one delivery */
    struct mbox *mb;
    struct mbox_file *f;
    struct mbox_staged *s;
    const char *name;
    struct mbox_plan plan; /* inode 0: none that we can use */
    struct outcome *why;
};

static bool
restore_begin(struct restore *r, struct span place)
{
    size_t n = strcspn(r->name, "#");
    struct mbox_quoted q;
    struct unpack u;

    if (!mbox_quote_measure(r->s, false, &q))
        return mbox_errno(r->mb, r->why, "read message for", r->mb->name);
    if (strlen(r->s->name) != n || memcmp(r->s->name, r->name, n) != 0)
        return outcome_set(r->why, OUTCOME_CORRUPT, "%s: not the name of this message", r->name);
    unpack_init(&u, place);
    r->plan.inode = unpack_u64(&u);
    r->plan.size = unpack_u64(&u);
    r->plan.gap = unpack_u64(&u);
    r->plan.quoted = unpack_u64(&u);
    if (!unpack_done(&u) || r->plan.gap > 2 || r->plan.quoted != q.quoted)
        r->plan.inode = 0;
    return true;
}

/* Locked; made when the crash took it. */
static bool
restore_open(struct restore *r, const char *mailbox, bool *busy)
{
    struct stat st;

    r->f = mbox_file_get(r->mb, mailbox, true, busy, r->why);
    if (r->f == NULL && r->why->kind == OUTCOME_NOT_FOUND && strcmp(mailbox, "INBOX") != 0 &&
        mbox_mailbox_create(&r->mb->base, mailbox, r->why))
        r->f = mbox_file_get(r->mb, mailbox, true, busy, r->why);
    if (r->f == NULL)
        return false;
    if (fstat(r->f->fd, &st) < 0) {
        mbox_file_put(r->mb, r->f);
        return mbox_errno(r->mb, r->why, "fstat", r->f->name);
    }
    r->f->size = (uint64_t)st.st_size;
    return true;
}

/* All of it from `at`, over what is there of it. On failure the file is as long as it was. */
static bool
restore_put(struct restore *r, uint64_t at, uint64_t gap, const char *was)
{
    struct mbox_file *f = r->f;
    uint64_t end = at + gap + r->s->quoted;

    if (end > f->size &&
        fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)f->size, (off_t)(end - f->size)) < 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
        return mbox_errno(r->mb, r->why, "reserve room in", f->name);
    if (!store_pwrite_all(f->fd, "\n\n", gap, at) || !mbox_quote_write(r->s, f->fd, at + gap)) {
        mbox_errno(r->mb, r->why, "append to", f->name);
        (void)!ftruncate(f->fd, (off_t)f->size);
        return false;
    }
    log_event(LOG_LEVEL_INFO, "mbox-restored", "path", r->mb->base.path, "mailbox", f->mailbox,
              "name", r->name, "was", was, NULL);
    if (f->size < end)
        f->size = end;
    return true;
}

/* Over what is torn: what is known of the file holds no more, though its size and, on a coarse
 * clock, its times may be as before. */
static bool
restore_over(struct restore *r, uint64_t at, uint64_t gap)
{
    mbox_known_forget(r->mb, r->f);
    return restore_put(r, at, gap, "torn");
}

/* The beginning of our From_ line behind a blank line, and then the end of the file: a listing
 * takes it for the last line of the message before. "From " at least, which no message has there.
 * Where it begins, or the end of the file. */
static uint64_t
restore_torn_from(const struct restore *r)
{
    char tail[MBOX_FROM_SIZE + 2];
    uint64_t size = r->f->size;
    size_t n = size < sizeof(tail) ? (size_t)size : sizeof(tail);

    if (pread(r->f->fd, tail, n, (off_t)(size - n)) != (ssize_t)n)
        return size;
    for (size_t k = strlen(r->s->from) - 1; k >= strlen("From "); k--) {
        if (k > n || memcmp(tail + n - k, r->s->from, k) != 0)
            continue;
        if (k == size || (n - k >= 2 && memcmp(tail + n - k - 2, "\n\n", 2) == 0))
            return size - k;
    }
    return size;
}

/* Finishes what lies torn at a message that was listed. */
static bool
restore_finish(struct restore *r, const struct mbox_message *m, bool *done)
{
    size_t from = strlen(r->s->from);

    *done = m->start >= from && mbox_match(r->f, r->s, m->start - from, 0) == MBOX_TORN;
    return !*done || restore_over(r, m->start - from, 0);
}

/* A half of ours with somebody else's mail behind it stays. But our name is for the whole one: an
 * octet of the delivery id in its Received field is changed. */
static bool
restore_rename_half(struct restore *r, const struct mbox_message *m)
{
    char head[1100];
    size_t want = m->after - m->start < sizeof(head) ? m->after - m->start : sizeof(head);
    ssize_t n = pread(r->f->fd, head, want, (off_t)m->start);
    const char *id = n > 0 ? memmem(head, (size_t)n, r->name, strlen(r->name)) : NULL;

    if (id == NULL)
        return true;
    mbox_known_forget(r->mb, r->f); /* the half has that name there */
    log_event(LOG_LEVEL_WARNING, "mbox-half-stays", "path", r->mb->base.path, "mailbox",
              r->f->mailbox, "name", r->name, NULL);
    return store_pwrite_all(r->f->fd, "-", 1, m->start + (uint64_t)(id - head)) ||
           mbox_errno(r->mb, r->why, "write", r->f->name);
}

static bool
restore_append(struct restore *r)
{
    uint64_t torn = restore_torn_from(r);
    unsigned gap;

    if (torn < r->f->size)
        return restore_over(r, torn, 0);
    if (!mbox_gap(r->f, &gap))
        return mbox_errno(r->mb, r->why, "read the end of", r->f->name);
    uint64_t at = r->f->size + gap;
    const struct mbox_message m = {at + strlen(r->s->from), at + r->s->quoted - 1};
    if (!restore_put(r, r->f->size, gap, "absent"))
        return false;
    mbox_known_add(r->mb, r->f, r->name, &m);
    return true;
}

/* The last one may have the beginning of another behind it. */
static bool
restore_is_whole(const struct restore *r, const struct mbox_message *m)
{
    uint64_t torn = restore_torn_from(r);
    const struct mbox_message before = {m->start, torn - 1};

    return mbox_match_content(r->f, r->s, m) ||
           (torn < m->after && torn > m->start && mbox_match_content(r->f, r->s, &before));
}

/* is_torn: a beginning of it lies at its place. Even then the whole one may be elsewhere: each
 * message of this sender and second begins alike, and a reader may have rewritten the file. */
static bool
restore_search(struct restore *r, bool is_torn)
{
    const uint64_t planned = r->plan.size + r->plan.gap + strlen(r->s->from);
    struct mbox_finding found;
    bool done = false;

    if (!mbox_known_find(r->mb, r->f, r->name, &found, r->why))
        return false;
    if (found.is_there && !(is_torn && found.at.start == planned) && restore_is_whole(r, &found.at))
        return true;
    if (is_torn)
        return restore_over(r, r->plan.size, r->plan.gap);
    if (found.is_there && !restore_finish(r, &found.at, &done))
        return false;
    if (!done && !restore_finish(r, &found.last, &done))
        return false;
    if (done)
        return true;
    if (found.is_there && !restore_rename_half(r, &found.at))
        return false;
    return restore_append(r);
}

static bool
restore_run(struct restore *r)
{
    enum mbox_match match = MBOX_OTHER;

    if (r->plan.inode != 0 && r->f->inode == (ino_t)r->plan.inode)
        match = mbox_match(r->f, r->s, r->plan.size, r->plan.gap);
    if (match == MBOX_WHOLE)
        return true;
    return restore_search(r, match == MBOX_TORN && r->f->size > r->plan.size + r->plan.gap);
}

/* In the order of the journal: where one has to wait, those behind it do. */
static enum store_result
restore_locked(struct restore *r, const char *mailbox)
{
    bool busy = mbox_known_is_held(r->mb, mailbox, r->name), ok = false;

    if (busy) {
        outcome_set(r->why, OUTCOME_BUSY, "%s: another one comes before", r->name);
        return STORE_FAILED; /* not LATER: it is for the caller to go on with that one */
    }
    if (restore_open(r, mailbox, &busy)) {
        ok = restore_run(r);
        mbox_file_put(r->mb, r->f);
    }
    mbox_known_hold(r->mb, mailbox, ok ? "" : r->name);
    if (ok)
        return STORE_DONE;
    if (r->why->kind == OUTCOME_NOT_FOUND) /* it was ours to make */
        r->why->kind = OUTCOME_SYSTEM;
    return busy ? STORE_LATER : STORE_FAILED;
}

enum store_result
mbox_restore(struct store *st, const struct store_mail *mail, const struct store_ref *ref,
             struct span place, char *mailbox, struct store_wait *wait, struct outcome *why)
{
    struct restore r = {.mb = mbox_of(st), .name = ref->name, .why = why};
    enum store_result result = STORE_FAILED;

    r.s = mbox_staged_new(mail);
    if (r.s == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to restore a delivery");
        return STORE_FAILED;
    }
    if (restore_begin(&r, place))
        result = restore_locked(&r, mail->mailbox);
    mbox_staged_free(r.s);
    snprintf(mailbox, STORE_MAILBOX_SIZE, "%s", mail->mailbox);
    *wait = (struct store_wait){.fd = -1, .ms = BUSY_MS};
    return result;
}

void
mbox_restore_end(struct store *st)
{
    mbox_known_release(mbox_of(st));
}
