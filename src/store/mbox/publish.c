/* SPDX-License-Identifier: MIT
 *
 * Second half of a delivery to an mbox: append all of it or nothing, sync once a batch, unlock.
 * Until the commit what was appended can be cut off again, because the lock is held.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Line ends that are missing before a From_ line; some programs leave out the blank line. */
static unsigned
publish_gap(const struct mbox_file *f)
{
    char last[2];

    if (f->size == 0)
        return 0;
    if (f->size == 1)
        return 1;
    if (pread(f->fd, last, 2, (off_t)f->size - 2) != 2 || last[1] != '\n')
        return 2;
    return last[0] == '\n' ? 0 : 1;
}

/* The file's real size: a program that respects no lock may have appended, and its mail must not be
 * written over. */
static bool
publish_size(struct mbox_file *f)
{
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return false;
    f->size = (uint64_t)st.st_size;
    return true;
}

static bool
publish_append(struct mbox_file *f, struct mbox_staged *s)
{
    unsigned gap = publish_gap(f);

    if (gap > 0 && pwrite(f->fd, "\n\n", gap, (off_t)f->size) != (ssize_t)gap)
        return false;
    s->offset = f->size + gap;
    return mbox_quote_write(s, f->fd, s->offset);
}

bool
mbox_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    struct mbox_staged *s = (struct mbox_staged *)staged;
    struct mbox_file *f = s->file;

    if (!publish_size(f))
        return mbox_errno(mb, why, "fstat", f->name);
    if (!publish_append(f, s)) {
        mbox_errno(mb, why, "append to", f->name);
        if (ftruncate(f->fd, (off_t)f->size) < 0 || fsync(f->fd) < 0)
            mbox_errno(mb, why, "cut back", f->name);
        return false;
    }
    f->size = s->offset + s->quoted;
    f->reserved -= s->reserved;
    f->is_appended = true;
    return true;
}

/* ---- commit ---- */

static bool
commit_sync(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    if (f->is_appended && fdatasync(f->fd) < 0)
        return mbox_errno(mb, why, "fdatasync", f->name);
    if (f->is_created && fsync(f->dir) < 0)
        return mbox_errno(mb, why, "fsync folder of", f->name);
    return true;
}

/* What is published needs the lock no more. */
static void
commit_let_go(struct mbox *mb, struct mbox_file *f)
{
    for (struct store_staged *s = mb->base.staged; s != NULL; s = s->next) {
        struct mbox_staged *m = (struct mbox_staged *)s;
        if (m->file != f || s->state != STAGED_PUBLISHED)
            continue;
        m->file = NULL;
        f->users--;
    }
    f->start = f->size;
    f->is_appended = f->is_created = false;
}

/* The mailboxes are safe before their records are emptied; a record that cannot be emptied does no
 * harm, because what it names is whole. */
bool
mbox_commit(struct store *st, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    struct mbox_file *next;
    struct outcome unused;

    for (struct mbox_file *f = mb->files; f != NULL; f = f->next) {
        if (!commit_sync(mb, f, why))
            return false;
    }
    for (struct mbox_file *f = mb->files; f != NULL; f = next) {
        next = f->next;
        commit_let_go(mb, f);
        if (f->record >= 0)
            mbox_record_write(mb, f, &unused);
        if (f->users == 0) {
            f->users = 1;
            mbox_file_put(mb, f);
        }
    }
    return true;
}

/* ---- discard ---- */

/* Move what follows `from + n` down to `from`. A crash in between is repaired from the record,
 * which knows where the batch began. */
static bool
cut_middle(struct mbox_file *f, uint64_t from, uint64_t n)
{
    char piece[MBOX_WINDOW];
    uint64_t to = from;

    for (uint64_t at = from + n; at < f->size;) {
        ssize_t got = pread(f->fd, piece, sizeof(piece), (off_t)at);
        if (got <= 0 || pwrite(f->fd, piece, (size_t)got, (off_t)to) != got)
            return false;
        at += (uint64_t)got;
        to += (uint64_t)got;
    }
    f->size = to;
    return ftruncate(f->fd, (off_t)to) == 0;
}

/* The published deliveries behind the one that went. */
static unsigned
discard_shift(struct mbox *mb, const struct mbox_staged *gone)
{
    unsigned left = 0;

    for (struct store_staged *o = mb->base.staged; o != NULL; o = o->next) {
        struct mbox_staged *other = (struct mbox_staged *)o;
        if (other == gone || other->file != gone->file || o->state != STAGED_PUBLISHED)
            continue;
        left++;
        if (other->offset > gone->offset)
            other->offset -= gone->quoted;
    }
    return left;
}

static void
discard_published(struct mbox *mb, struct mbox_staged *s)
{
    struct mbox_file *f = s->file;
    bool ok;

    if (discard_shift(mb, s) == 0 && f->start <= s->offset && s->offset - f->start <= 2) {
        ok = ftruncate(f->fd, (off_t)f->start) == 0; /* with the blank line before it */
        f->size = f->start;
    } else {
        ok = cut_middle(f, s->offset, s->quoted);
    }
    if (ok)
        (void)!fdatasync(f->fd);
}

void
mbox_discard(struct store *st, struct store_staged *staged)
{
    struct mbox *mb = mbox_of(st);
    struct mbox_staged *s = (struct mbox_staged *)staged;
    struct mbox_file *f = s->file;
    struct outcome unused;

    if (staged->state == STAGED_PUBLISHED)
        discard_published(mb, s);
    s->file = NULL;
    if (f->users == 1 && f->record >= 0) {
        f->users = 0;
        mbox_record_write(mb, f, &unused);
        f->users = 1;
    }
    mbox_file_put(mb, f);
    mbox_forget(st, staged);
}
