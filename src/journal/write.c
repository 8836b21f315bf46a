/* SPDX-License-Identifier: MIT
 *
 * Writing: records are gathered by reference, laid out as one batch a segment, and go to the kernel
 * as they are. A segment is synced before anything is written to the next one, so what a reader
 * finds in a segment says that all before it were whole. After a failure the next segment begins
 * with a record that cuts off what was not acknowledged.
 */
#include "doorstep/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "batches_priv.h"

struct place {
    uint64_t segment;
    uint64_t offset;
};

struct journal {
    struct segments segments;
    struct slot *now;   /* where the next record goes, NULL: into a segment not yet taken */
    uint64_t end;       /* of what was written or waits for `now`; whole blocks */
    uint64_t synced;    /* up to here `now` is on stable storage */
    struct slot *dirty; /* was written and not synced; at most one */
    struct place told; /* end of what the last journal_write() or journal_sync() has told as done */
    struct place kept; /* up to here that is on stable storage too */
    bool must_cut;     /* what lies behind `kept` must not be given back */
    uint64_t freed;    /* as the caller said */
    struct batches waiting;
};

struct journal *
journal_open(const struct journal_options *options, struct outcome *why)
{
    struct journal *j = calloc(1, sizeof *j);

    if (j == NULL) {
        outcome_errno(why, errno, "calloc", NULL);
        return NULL;
    }
    if (!segments_open(&j->segments, options, why)) {
        segments_close(&j->segments);
        free(j);
        return NULL;
    }
    j->freed = j->segments.needed;
    j->told = j->kept = (struct place){j->segments.newest + 1, 0};
    return j;
}

void
journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    segments_close(&j->segments);
    batches_release(&j->waiting);
    free(j);
}

uint64_t
journal_record_max(const struct journal *j)
{
    return j->segments.octets - JOURNAL_BLOCK - JOURNAL_BATCH_HEAD - JOURNAL_RECORD_HEAD;
}

/* ---- gathering ---- */

static bool
take_next(struct journal *j, struct outcome *why)
{
    struct slot *slot = segments_take(&j->segments, why);

    if (slot == NULL)
        return false;
    j->now = slot;
    j->end = j->synced = JOURNAL_BLOCK;
    return true;
}

/* The batch that a record of that many octets goes into; memory was reserved. */
static struct batch *
find_batch(struct journal *j, uint64_t octets, struct outcome *why)
{
    struct batch *b = batches_last(&j->waiting, j->now);
    uint64_t at = b != NULL ? b->offset + b->octets : j->end + JOURNAL_BATCH_HEAD;

    if (j->now == NULL || at + octets > j->segments.octets) {
        if (!take_next(j, why))
            return NULL;
        b = NULL;
    }
    return b != NULL ? b : batches_begin(&j->waiting, j->now, j->end, j->synced);
}

/* As journal_add(), types of the journal's own too. */
static bool
add_record(struct journal *j, uint16_t type, const struct span *parts, size_t count,
           uint64_t *segment, struct outcome *why)
{
    uint64_t octets = JOURNAL_RECORD_HEAD;
    struct batch *b;

    for (size_t i = 0; i < count; i++) {
        octets += parts[i].n;
        if (octets - JOURNAL_RECORD_HEAD > journal_record_max(j) || octets < parts[i].n)
            return outcome_set(why, OUTCOME_TOO_BIG, "journal: a record past %llu octets",
                               (unsigned long long)journal_record_max(j));
    }
    if (!batches_reserve(&j->waiting, count, why) || (b = find_batch(j, octets, why)) == NULL)
        return false;
    batches_add(&j->waiting, type, parts, count);
    j->end = b->offset + format_round(b->octets);
    *segment = b->slot->number;
    return true;
}

/* ---- writing ---- */

/* What the caller has freed, but for what is still on its way to the disk. */
static void
free_segments(struct journal *j)
{
    uint64_t needed = j->freed;

    if (j->waiting.count > 0 && needed > j->waiting.list[0].slot->number)
        needed = j->waiting.list[0].slot->number;
    segments_free(&j->segments, needed, j->dirty);
}

/* Nothing waits: the end of what was written. */
static struct place
written_end(const struct journal *j)
{
    return j->now != NULL ? (struct place){j->now->number, j->end}
                          : (struct place){j->segments.newest, j->segments.octets};
}

/* What was told as done lies in the dirty segment, or before it. */
static bool
sync_dirty(struct journal *j, struct slot **failed, struct outcome *why)
{
    if (j->dirty == NULL)
        return true;
    if (!segment_sync(j->dirty->fd)) {
        outcome_errno(why, errno, "fdatasync", "journal");
        *failed = j->dirty;
        return false;
    }
    j->dirty = NULL;
    j->kept = j->told;
    return true;
}

static bool
write_added(struct journal *j, struct slot **failed, struct outcome *why)
{
    for (size_t i = 0; i < j->waiting.count; i++) {
        const struct batch *b = &j->waiting.list[i];
        if (j->dirty != b->slot && !sync_dirty(j, failed, why))
            return false;
        *failed = b->slot;
        if (!batches_write(&j->waiting, b, j->freed, why))
            return false;
        j->dirty = b->slot;
    }
    return true;
}

/* ---- failure ---- */

static bool
write_and_sync(struct journal *j, struct slot **failed, struct outcome *why)
{
    if (!write_added(j, failed, why) || !sync_dirty(j, failed, why))
        return false;
    batches_clear(&j->waiting);
    j->synced = j->end;
    j->told = j->kept = written_end(j);
    return true;
}

static void
lose(struct journal *j, struct slot *failed)
{
    batches_clear(&j->waiting);
    segments_lose(&j->segments, failed);
    j->dirty = NULL;
    j->told = j->kept;
    j->must_cut = true;
    if (j->now == failed)
        j->now = NULL;
    else
        j->end = j->synced = JOURNAL_BLOCK; /* taken ahead, and nothing was written to it yet */
}

/* One record, in a segment behind the place that it names. */
static bool
write_cut(struct journal *j, struct outcome *why)
{
    uint8_t place[16];
    struct span part = {(const char *)place, sizeof place};
    struct slot *failed = NULL;
    uint64_t segment;

    format_put_u64(place, j->kept.segment);
    format_put_u64(place + 8, j->kept.offset);
    if (!add_record(j, JOURNAL_TYPE_CUT, &part, 1, &segment, why))
        return false;
    if (!write_and_sync(j, &failed, why)) {
        lose(j, failed);
        return false;
    }
    j->must_cut = false;
    return true;
}

/* The answers that wait for these records become failures at once, so the cut is tried at once; if
 * it fails too, the next journal_add() tries again. */
static bool
fail(struct journal *j, struct slot *failed)
{
    struct outcome why;

    lose(j, failed);
    (void)write_cut(j, &why);
    return false;
}

/* ---- entry points ---- */

bool
journal_add(struct journal *j, uint16_t type, const struct span *parts, size_t count,
            uint64_t *segment, struct outcome *why)
{
    assert(type >= JOURNAL_TYPE_MIN);
    if (j->must_cut && !write_cut(j, why))
        return false;
    return add_record(j, type, parts, count, segment, why);
}

bool
journal_write(struct journal *j, struct outcome *why)
{
    struct slot *failed = NULL;

    if (!write_added(j, &failed, why))
        return fail(j, failed);
    batches_clear(&j->waiting);
    j->told = written_end(j);
    free_segments(j);
    return true;
}

bool
journal_sync(struct journal *j, struct outcome *why)
{
    struct slot *failed = NULL;

    if (j->waiting.count == 0 && j->dirty == NULL)
        return true;
    if (!write_and_sync(j, &failed, why))
        return fail(j, failed);
    free_segments(j);
    return true;
}

void
journal_turn(struct journal *j)
{
    if (j->now != NULL && j->end > JOURNAL_BLOCK)
        j->now = NULL;
}

uint64_t
journal_current(const struct journal *j)
{
    return j->now != NULL ? j->now->number : j->segments.newest + 1;
}

uint64_t
journal_oldest(const struct journal *j)
{
    return segments_oldest((struct segments *)(uintptr_t)&j->segments);
}

bool
journal_is_pressed(const struct journal *j)
{
    struct segments *s = (struct segments *)(uintptr_t)&j->segments;

    return 2 * segments_waiting(s, journal_current(j)) >= s->max;
}

void
journal_free(struct journal *j, uint64_t segment)
{
    if (segment > journal_current(j))
        segment = journal_current(j);
    if (segment > j->freed)
        j->freed = segment;
    free_segments(j);
}

bool
journal_prepare(struct journal *j)
{
    return segments_prepare(&j->segments);
}
