/* SPDX-License-Identifier: MIT
 *
 * What survives a crash in the middle of an append: the file .NAME.doorstep beside the mailbox. It
 * says how long the mailbox was and what was to come: for each delivery its length, a hash of its
 * octets, and its From_ line. The order on stable storage:
 *
 *     1. sync     the record, before the first octet is appended
 *     2. publish  the mailbox grows
 *     3. commit   the mailbox is synced, then the record emptied and synced
 *
 * So a record that is not empty when the mailbox is locked means: a crash, and nothing of this
 * batch was acknowledged. What is whole stays; a last part that is cut short, and is certainly
 * ours, is cut off. Whatever looks as if another program had been here since is left alone.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#define RECORD_MAX (1u << 20)
#define RECORD_HEAD "doorstep mbox record 1\n"

static void
record_name(const struct mbox_file *f, char out[NAME_MAX + 16])
{
    snprintf(out, NAME_MAX + 16, ".%s.doorstep", f->name);
}

static bool
record_check(struct mbox *mb, struct mbox_file *f, const char *name, struct outcome *why)
{
    struct stat st;
    const char *fault = beneath_file_fault(f->record, &st);

    if (fault == NULL)
        return true;
    return outcome_set(why, OUTCOME_SYSTEM, "%s: %s %s", mb->base.path, name, fault);
}

/* Where nobody may write beside the mailbox (/var/mail), it must do without. */
static bool
record_make(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    char name[NAME_MAX + 16];

    record_name(f, name);
    f->record = beneath_open(f->dir, name, O_RDWR | O_CREAT, 0600);
    if (f->record < 0)
        return errno == EACCES || errno == EPERM || errno == EROFS ||
               mbox_errno(mb, why, "open", name);
    if (!record_check(mb, f, name, why))
        return false;
    return fsync(f->dir) == 0 || mbox_errno(mb, why, "fsync folder of", name);
}

static bool
record_print(struct mbox *mb, const struct mbox_file *f, struct buf *out)
{
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return false;
    if (!buf_printf(out, RECORD_HEAD "%" PRIu64 " %" PRIu64 "\n", (uint64_t)st.st_ino, f->start))
        return false;
    for (const struct store_staged *s = mb->base.staged; s != NULL; s = s->next) {
        const struct mbox_staged *m = (const struct mbox_staged *)s;
        if (m->file == f && !m->is_safe &&
            !buf_printf(out, "%" PRIu64 " %s %s", m->quoted, m->hash, m->from))
            return false;
    }
    return true;
}

static bool
record_put(int fd, struct span text)
{
    if (!store_pwrite_all(fd, text.p, text.n, 0) || ftruncate(fd, (off_t)text.n) < 0)
        return false;
    return fdatasync(fd) == 0;
}

static bool
record_empty(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    f->is_recorded = false;
    return (ftruncate(f->record, 0) == 0 && fdatasync(f->record) == 0) ||
           mbox_errno(mb, why, "empty record of", f->name);
}

/* Is something neither committed nor gone? */
static bool
record_is_needed(const struct mbox *mb, const struct mbox_file *f)
{
    for (const struct store_staged *s = mb->base.staged; s != NULL; s = s->next) {
        const struct mbox_staged *m = (const struct mbox_staged *)s;
        if (m->file == f && !m->is_safe)
            return true;
    }
    return false;
}

bool
mbox_record_write(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    struct buf text;

    if (!record_is_needed(mb, f))
        return f->record < 0 || record_empty(mb, f, why);
    if (f->record < 0 && !record_make(mb, f, why))
        return false;
    if (f->record < 0)
        return true;
    buf_init(&text, RECORD_MAX);
    errno = ENOBUFS; /* when it does not fit */
    bool ok = record_print(mb, f, &text) && record_put(f->record, buf_span(&text));
    if (!ok)
        mbox_errno(mb, why, "write record of", f->name);
    buf_release(&text);
    f->is_recorded = ok;
    return ok;
}

/* ---- repair ---- */

struct record_entry {
    uint64_t length;
    struct span hash;
    struct span from; /* with its LF */
};

struct record {
    struct buf text;
    struct span entries; /* lines of deliveries */
    uint64_t inode;
    uint64_t start;
};

static struct span
line_take(struct span *rest)
{
    size_t n = span_find(*rest, '\n');
    struct span line = {rest->p, n < rest->n ? n + 1 : n};

    *rest = span_skip(*rest, line.n);
    return line;
}

/* A number and the space or LF behind it. */
static bool
number_take(struct span *line, uint64_t *out)
{
    struct span digits = *line;
    unsigned long long v;

    digits.n = span_find(*line, ' ') < line->n ? span_find(*line, ' ') : span_find(*line, '\n');
    if (!span_parse_u64(digits, INT64_MAX, &v))
        return false;
    *out = v;
    *line = span_skip(*line, digits.n + 1);
    return true;
}

static bool
record_parse(struct record *r)
{
    struct span rest = buf_span(&r->text);
    struct span head = line_take(&rest);

    if (!span_equal(head, SPAN(RECORD_HEAD)))
        return false;
    head = line_take(&rest);
    r->entries = rest;
    return number_take(&head, &r->inode) && number_take(&head, &r->start);
}

static bool
entry_take(struct span *rest, struct record_entry *e)
{
    struct span line = line_take(rest);

    if (!number_take(&line, &e->length) || line.n < MBOX_HASH_SIZE)
        return false;
    e->hash = (struct span){line.p, MBOX_HASH_SIZE - 1};
    e->from = span_skip(line, MBOX_HASH_SIZE);
    return e->from.n > 0 && e->from.p[e->from.n - 1] == '\n';
}

static bool
record_read(struct record *r, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > RECORD_MAX ||
        !buf_reserve(&r->text, (size_t)st.st_size))
        return false;
    ssize_t n = pread(fd, r->text.data, (size_t)st.st_size, 0);
    if (n != st.st_size)
        return false;
    r->text.len = (size_t)n;
    return record_parse(r);
}

/* The next delivery in `rest` whose From_ line stands `there`, or the beginning of it where the
 * file ends. Several may: sender and second are often the same. */
static bool
entry_find(struct span *rest, struct span there, struct record_entry *out)
{
    while (entry_take(rest, out)) {
        size_t n = out->from.n < there.n ? out->from.n : there.n;
        if (n > 0 && memcmp(out->from.p, there.p, n) == 0)
            return true;
    }
    return false;
}

/* What lies between `at` and the end of the file or `length` octets later. */
struct tail {
    bool is_zero;     /* nothing but NUL: blocks that were never written */
    bool has_foreign; /* a From_ line, which quoting keeps out of our messages */
    char hash[MBOX_HASH_SIZE];
};

static bool
tail_read(const struct mbox_file *f, uint64_t at, uint64_t length, struct tail *out)
{
    char piece[MBOX_WINDOW];
    unsigned char hash[MBOX_HASH_SIZE / 2];
    crypto_generichash_state state;
    uint64_t done = 0;
    size_t kept = 0; /* octets of the last piece, so that nothing hides in a seam */

    *out = (struct tail){.is_zero = true};
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    while (done < length && at + done < f->size) {
        size_t want = sizeof(piece) - kept;
        if (want > length - done)
            want = (size_t)(length - done);
        ssize_t got = pread(f->fd, piece + kept, want, (off_t)(at + done));
        if (got <= 0)
            return false;
        crypto_generichash_update(&state, (unsigned char *)piece + kept, (size_t)got);
        for (ssize_t i = 0; i < got; i++)
            out->is_zero &= piece[kept + (size_t)i] == '\0';
        size_t have = kept + (size_t)got;
        out->has_foreign |= memmem(piece, have, "\nFrom ", 6) != NULL;
        kept = have < 5 ? have : 5;
        memmove(piece, piece + have - kept, kept);
        done += (uint64_t)got;
    }
    crypto_generichash_final(&state, hash, sizeof(hash));
    sodium_bin2hex(out->hash, sizeof(out->hash), hash, sizeof(hash));
    return true;
}

/* Octets that separate what was there from the first delivery. */
static uint64_t
repair_gap(const struct mbox_file *f, uint64_t at)
{
    char c[2];
    ssize_t n = pread(f->fd, c, sizeof(c), (off_t)at);
    uint64_t gap = 0;

    while (n > 0 && gap < (uint64_t)n && c[gap] == '\n')
        gap++;
    return gap;
}

/* One delivery at *at: true when it is whole (*at moves behind it); else *cut says whether what is
 * there is the beginning of one of ours and nothing more. */
static bool
repair_step(const struct mbox_file *f, const struct record *r, uint64_t *at, bool *cut)
{
    char there[MBOX_FROM_SIZE];
    struct span rest = r->entries;
    struct record_entry e;
    struct tail tail;
    ssize_t n = pread(f->fd, there, sizeof(there), (off_t)*at);
    struct span line = {there, n > 0 ? strnlen(there, (size_t)n) : 0}; /* up to unwritten octets */

    *cut = tail_read(f, *at, UINT64_MAX, &tail) && tail.is_zero;
    while (entry_find(&rest, line, &e)) {
        if (!tail_read(f, *at, e.length, &tail))
            return false;
        if (f->size - *at >= e.length && strncmp(tail.hash, e.hash.p, e.hash.n) == 0) {
            *at += e.length;
            return true;
        }
        *cut |= f->size - *at <= e.length && !tail.has_foreign;
    }
    return false;
}

/* Where the mailbox must end; f->size when nothing is to be cut. */
static uint64_t
repair_end(const struct mbox_file *f, const struct record *r)
{
    uint64_t at, keep = r->start;
    bool cut = false;
    struct stat st;

    if (fstat(f->fd, &st) < 0 || (uint64_t)st.st_ino != r->inode || f->size <= r->start)
        return f->size;
    at = r->start + repair_gap(f, r->start);
    while (at < f->size && repair_step(f, r, &at, &cut))
        keep = at;
    return cut || at == f->size ? keep : f->size;
}

static bool
repair_cut(struct mbox *mb, struct mbox_file *f, uint64_t end, struct outcome *why)
{
    if (end == f->size)
        return true;
    if (ftruncate(f->fd, (off_t)end) < 0 || fsync(f->fd) < 0)
        return mbox_errno(mb, why, "repair", f->name);
    log_event(LOG_LEVEL_WARNING, "mbox-repaired", "path", mb->base.path, "mailbox", f->mailbox,
              "octets_cut", log_num((long long)(f->size - end)), NULL);
    f->size = f->start = f->origin = f->planned = end;
    return true;
}

bool
mbox_record_repair(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    char name[NAME_MAX + 16];
    struct record r = {0};
    struct stat st;

    record_name(f, name);
    f->record = beneath_open(f->dir, name, O_RDWR, 0);
    if (f->record < 0)
        return errno == ENOENT || errno == EACCES || mbox_errno(mb, why, "open", name);
    if (!record_check(mb, f, name, why))
        return false;
    if (fstat(f->record, &st) == 0 && st.st_size == 0)
        return true;
    buf_init(&r.text, RECORD_MAX);
    bool ok = true;
    if (record_read(&r, f->record))
        ok = repair_cut(mb, f, repair_end(f, &r), why);
    buf_release(&r.text);
    return ok && record_empty(mb, f, why);
}
