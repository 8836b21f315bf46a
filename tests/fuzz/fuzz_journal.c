/* SPDX-License-Identifier: MIT
 *
 * Two segments of a writer, built from the input step by step: heads and records whose checksums
 * are right but whose lengths and places are not, and raw octets over them; the first octet 'r':
 * one segment of raw octets. What the scan finds must lie inside, in order, and be what it says.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "read_priv.h"

#define SIZE (8 * JOURNAL_BLOCK)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p;
    size_t n;
};

static unsigned
take(struct input *in, unsigned octets)
{
    unsigned v = 0;

    for (unsigned i = 0; i < octets && in->n > 0; i++, in->p++, in->n--)
        v = v << 8 | *in->p;
    return v;
}

static void
begin(struct segment *g, uint64_t number)
{
    g->head = (struct segment_head){.writer = 1,
                                    .segment = number,
                                    .octets = SIZE,
                                    .salt = 77 * number,
                                    .first = 5,
                                    .needed = 5};
    g->size = SIZE;
    g->data = calloc(1, SIZE);
    format_print_segment(&g->head, g->data);
}

static void
put_batch(struct segment *g, struct input *in)
{
    struct batch_head h = {.segment = g->head.segment - take(in, 1) % 2,
                           .offset = (uint64_t)take(in, 1) % 8 * JOURNAL_BLOCK,
                           .octets = take(in, 2),
                           .synced = take(in, 2),
                           .needed = 4 + take(in, 1) % 4,
                           .records = take(in, 1)};

    format_print_batch(&h, g->head.salt, g->data + h.offset);
}

static void
put_record(struct segment *g, struct input *in)
{
    uint64_t offset = take(in, 2) % (SIZE - JOURNAL_RECORD_HEAD);
    uint16_t type = (uint16_t)(take(in, 1) % 24);
    size_t n = take(in, 2) % SIZE;
    struct span part;

    if (n > SIZE - offset - JOURNAL_RECORD_HEAD)
        n = SIZE - offset - JOURNAL_RECORD_HEAD;
    part = (struct span){(char *)g->data + offset + JOURNAL_RECORD_HEAD, n};
    format_print_record(type, &part, 1, g->head.salt, offset, g->data + offset);
}

static void
put_octets(struct segment *g, struct input *in)
{
    size_t offset = take(in, 2) % SIZE, n = take(in, 1) % 64;

    for (; n > 0 && offset < SIZE && in->n > 0; n--)
        g->data[offset++] = (uint8_t)take(in, 1);
}

static void
build(struct segment *segments, struct input *in)
{
    struct segment *g = segments;

    while (in->n > 0)
        switch (take(in, 1) % 4) {
        case 0:
            put_batch(g, in);
            break;
        case 1:
            put_record(g, in);
            break;
        case 2:
            put_octets(g, in);
            break;
        default:
            g = g == segments ? segments + 1 : segments;
        }
}

static void
check(const struct segment *g)
{
    struct record_head h;
    uint64_t end = JOURNAL_BLOCK;

    for (size_t i = 0; i < g->found_count; i++) {
        const struct found *f = &g->found[i];
        assert(f->offset >= end && f->offset <= g->size);
        end = f->offset;
        if (f->kind == FOUND_HOLE)
            continue;
        assert(format_parse_record(&h, g->head.salt, f->offset, g->data + f->offset,
                                   g->size - f->offset));
        assert(h.octets == f->octets && h.type == f->type);
        end += JOURNAL_RECORD_HEAD + f->octets;
        assert(end <= g->size);
    }
}

/* The input as a file's name, and as its first block. */
static void
try_file(const uint8_t *data, size_t size)
{
    char name[JOURNAL_NAME_SIZE] = "", again[JOURNAL_NAME_SIZE];
    uint8_t block[JOURNAL_BLOCK] = {0};
    struct segment_head head;
    unsigned writer, slot;
    bool is_new;

    memcpy(name, data, size < sizeof(name) ? size : sizeof(name) - 1);
    if (format_parse_name(name, &writer, &slot, &is_new)) {
        format_name(again, writer, slot, is_new);
        assert(strcmp(name, again) == 0);
    }
    memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
    if (format_parse_segment(&head, block))
        assert(head.segment > 0 && head.first <= head.needed && head.needed <= head.segment);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct segment segments[2] = {{.data = NULL}};
    struct input in = {data, size};

    try_file(data, size);
    begin(&segments[0], 6);
    begin(&segments[1], 7);
    if (size > 0 && data[0] == 'r') {
        segments[0].size = size < SIZE ? size : SIZE;
        memcpy(segments[0].data, data, segments[0].size);
    } else {
        build(segments, &in);
    }
    for (int i = 0; i < 2; i++) {
        if (!scan_segment(&segments[i]))
            abort();
        check(&segments[i]);
    }
    scan_settle(segments, 2);
    for (int i = 0; i < 2; i++) {
        free(segments[i].data);
        free(segments[i].found);
    }
    return 0;
}
