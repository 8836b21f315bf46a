/* SPDX-License-Identifier: MIT
 *
 * What is in a segment. Nothing in it is believed: a length counts when it stays inside, a head or
 * record when its checksum is right for this life of the file and this place. Where something is
 * broken, reading goes on at the next thing that is whole: the record behind it, or the next block
 * that begins a batch. So damage costs what it hits and nothing else.
 */
#include "read_priv.h"

#include <stdlib.h>

static bool
add_found(struct segment *g, const struct found *f)
{
    if (g->found_count == g->found_room) {
        size_t room = g->found_room > 0 ? 2 * g->found_room : 64;
        struct found *grown = reallocarray(g->found, room, sizeof *grown);
        if (grown == NULL)
            return false;
        g->found = grown;
        g->found_room = room;
    }
    g->found[g->found_count++] = *f;
    return true;
}

static bool
add_hole(struct segment *g, uint64_t offset)
{
    return add_found(g, &(struct found){.kind = FOUND_HOLE, .offset = offset});
}

static bool
add_record(struct segment *g, uint64_t at, const struct record_head *h)
{
    struct found f = {.kind = FOUND_RECORD, .type = h->type, .octets = h->octets, .offset = at};

    if (h->type < JOURNAL_TYPE_MIN) {
        if (h->type != JOURNAL_TYPE_CUT || h->octets != 16)
            return true; /* of a later version, and none that we need */
        f.kind = FOUND_CUT;
    }
    return add_found(g, &f);
}

/* Records from `at` on, as long as they are whole; *at is then behind the last of them. */
static bool
scan_records(struct segment *g, uint64_t *at, uint64_t end)
{
    struct record_head h;

    while (format_parse_record(&h, g->head.salt, *at, g->data + *at, end - *at)) {
        if (!add_record(g, *at, &h))
            return false;
        *at += JOURNAL_RECORD_HEAD + h.octets;
    }
    return true;
}

/* Behind a broken record, where its own length says that the next one is. */
static bool
step_over(const struct segment *g, uint64_t *at, uint64_t end)
{
    struct record_head h, next;
    uint64_t behind;

    if (end - *at < JOURNAL_RECORD_HEAD)
        return false;
    (void)format_parse_record(&h, g->head.salt, *at, g->data + *at, end - *at);
    if (h.octets > end - *at - JOURNAL_RECORD_HEAD)
        return false;
    behind = *at + JOURNAL_RECORD_HEAD + h.octets;
    if (!format_parse_record(&next, g->head.salt, behind, g->data + behind, end - behind))
        return false;
    *at = behind;
    return true;
}

static bool
scan_batch(struct segment *g, const struct batch_head *b)
{
    uint64_t at = b->offset + JOURNAL_BATCH_HEAD;
    uint64_t end = b->offset + b->octets < g->size ? b->offset + b->octets : g->size;

    g->batches++;
    if (b->synced > g->synced)
        g->synced = b->synced;
    if (b->needed > g->needed)
        g->needed = b->needed;
    do {
        if (!scan_records(g, &at, end))
            return false;
        if (at < b->offset + b->octets && !add_hole(g, at))
            return false;
    } while (at < end && step_over(g, &at, end));
    return true;
}

/* A batch should begin at *at and its head is none: the end, or a broken head with records behind
 * it. *at is then where to look for the next batch; *salvaged when it should begin just there. */
static bool
scan_headless(struct segment *g, uint64_t *at, bool *salvaged)
{
    uint64_t records = *at + JOURNAL_BATCH_HEAD;
    size_t before = g->found_count;

    if (!add_hole(g, *at) || !scan_records(g, &records, g->size))
        return false;
    *salvaged = g->found_count > before + 1;
    if (!*salvaged)
        g->found_count = before; /* whether something was here only the next batch can tell */
    *at = *salvaged ? format_round(records) : *at + JOURNAL_BLOCK;
    return true;
}

bool
scan_segment(struct segment *g)
{
    uint64_t at = JOURNAL_BLOCK, expected = at;
    struct batch_head b;
    bool salvaged;

    g->needed = g->head.needed;
    while (at < g->size && g->size - at >= JOURNAL_BATCH_HEAD) {
        if (format_parse_batch(&b, &g->head, at, g->data + at)) {
            if ((at != expected && !add_hole(g, expected)) || !scan_batch(g, &b))
                return false;
            at = expected = format_round(at + b.octets);
        } else if (at == expected) {
            if (!scan_headless(g, &at, &salvaged))
                return false;
            expected = salvaged ? at : expected;
        } else {
            at += JOURNAL_BLOCK;
        }
    }
    return true;
}

/* A cut in segment `by` voids what lies between the place and itself. */
static void
apply_cut(struct segment *segments, size_t count, const struct segment *by, const struct found *cut)
{
    const uint8_t *place = by->data + cut->offset + JOURNAL_RECORD_HEAD;
    uint64_t from = format_get_u64(place), offset = format_get_u64(place + 8);

    for (size_t i = 0; i < count; i++) {
        struct segment *g = &segments[i];
        for (size_t n = 0; n < g->found_count; n++)
            if (g->head.segment < by->head.segment &&
                (g->head.segment > from ||
                 (g->head.segment == from && g->found[n].offset >= offset)))
                g->found[n].is_void = true;
    }
}

/* What a later segment of the same opening says of those before it: they were synced whole before
 * anything was written to it, and it knows which were freed. Of what an earlier opening has left it
 * knows nothing. */
static void
apply_later(struct segment *segments, size_t count, const struct segment *later)
{
    for (size_t i = 0; i < count; i++) {
        struct segment *g = &segments[i];
        if (g->head.first != later->head.first || g->head.segment >= later->head.segment)
            continue;
        if (later->batches > 0)
            g->synced = UINT64_MAX;
        if (g->head.segment < later->needed)
            g->found_count = 0;
    }
}

void
scan_settle(struct segment *segments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < segments[i].found_count; n++)
            if (segments[i].found[n].kind == FOUND_CUT)
                apply_cut(segments, count, &segments[i], &segments[i].found[n]);
    for (size_t i = 0; i < count; i++)
        if (!segments[i].head.is_free)
            apply_later(segments, count, &segments[i]);
}
