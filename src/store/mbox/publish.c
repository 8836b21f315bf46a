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

bool
mbox_gap(const struct mbox_file *f, unsigned *gap)
{
    char last[2];

    *gap = f->size == 0 ? 0 : 1;
    if (f->size <= 1)
        return true;
    ssize_t got = pread(f->fd, last, 2, (off_t)f->size - 2);
    if (got >= 0 && got != 2)
        errno = EIO; /* cut off under our lock */
    if (got != 2)
        return false;
    if (last[1] != '\n')
        *gap = 2;
    else if (last[0] == '\n')
        *gap = 0;
    return true;
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
    unsigned gap;

    if (!mbox_gap(f, &gap))
        return false;
    if (gap > 0 && !store_pwrite_all(f->fd, "\n\n", gap, f->size))
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
    f->is_dirty = !f->is_journaled;
    return true;
}

/* ---- commit ---- */

static bool
commit_sync(struct mbox *mb, struct mbox_file *f, struct outcome *why)
{
    if (f->is_dirty && fdatasync(f->fd) < 0)
        return mbox_errno(mb, why, "fdatasync", f->name);
    if (f->is_created && fsync(f->dir) < 0)
        return mbox_errno(mb, why, "fsync folder of", f->name);
    f->is_dirty = f->is_created = false;
    return true;
}

/* The mailboxes are safe before their records are emptied; a record that cannot be emptied does no
 * harm, because what it names is whole. */
bool
mbox_commit(struct store *st, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    struct outcome unused;

    for (struct mbox_file *f = mb->files; f != NULL; f = f->next) {
        if (!commit_sync(mb, f, why))
            return false;
    }
    for (struct store_staged *s = st->staged; s != NULL; s = s->next)
        ((struct mbox_staged *)s)->is_safe |= s->state == STAGED_PUBLISHED;
    for (struct mbox_file *f = mb->files; f != NULL; f = f->next) {
        f->start = f->size;
        mbox_record_write(mb, f, &unused);
    }
    return true;
}

/* ---- discard ---- */

/* Move what follows `from + n` down to `from`. */
static bool
cut_middle(struct mbox_file *f, uint64_t from, uint64_t n)
{
    char piece[MBOX_WINDOW];
    uint64_t to = from;

    for (uint64_t at = from + n; at < f->size;) {
        ssize_t got = pread(f->fd, piece, sizeof(piece), (off_t)at);
        if (got <= 0 || !store_pwrite_all(f->fd, piece, (size_t)got, to))
            return false;
        at += (uint64_t)got;
        to += (uint64_t)got;
    }
    f->size = to;
    return ftruncate(f->fd, (off_t)to) == 0;
}

/* With the blank line that stood before the first of them. */
static void
cut_end(struct mbox_file *f, uint64_t to)
{
    if (to > f->origin && to - f->origin <= 2)
        to = f->origin;
    if (ftruncate(f->fd, (off_t)to) == 0)
        f->size = to;
    f->is_dirty = !f->is_journaled;
}

/* The one that lies last in the file, taken out of the list. */
static struct mbox_staged *
gone_take_last(struct mbox_file *f)
{
    struct mbox_staged **last = &f->gone;

    for (struct mbox_staged **p = &f->gone; *p != NULL; p = &(*p)->next_gone) {
        if ((*p)->offset > (*last)->offset)
            last = p;
    }
    struct mbox_staged *s = *last;
    if (s != NULL)
        *last = s->next_gone;
    return s;
}

/* A caller discards a batch from its first to its last: from the end backwards it takes only
 * truncations, each of which happens or does not. */
void
mbox_cut_gone(struct mbox_file *f, bool all)
{
    struct mbox_staged *s;

    while ((s = gone_take_last(f)) != NULL) {
        if (s->offset + s->quoted == f->size) {
            cut_end(f, s->offset);
        } else if (all) {
            (void)!cut_middle(f, s->offset, s->quoted);
            f->is_dirty = !f->is_journaled;
        } else {
            s->next_gone = f->gone;
            f->gone = s;
            return;
        }
        if (f->start > f->size)
            f->start = f->size;
        mbox_staged_free(s);
    }
}

void
mbox_discard(struct store *st, struct store_staged *staged)
{
    struct mbox *mb = mbox_of(st);
    struct mbox_staged *s = (struct mbox_staged *)staged;
    struct mbox_file *f = s->file;
    struct outcome unused;

    if (staged->state == STAGED_WRITTEN) {
        mbox_staged_free(s);
    } else {
        s->next_gone = f->gone;
        f->gone = s;
        mbox_cut_gone(f, f->users == 1);
    }
    if (f->is_recorded) {
        if (f->is_dirty)
            (void)!fdatasync(f->fd);
        mbox_record_write(mb, f, &unused);
    }
    mbox_file_put(mb, f);
}
