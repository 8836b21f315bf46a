/* SPDX-License-Identifier: MIT
 *
 * Records that wait to be written: see batches_priv.h.
 */
#include "batches_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
batches_release(struct batches *b)
{
    free(b->list);
    free(b->added);
    free(b->parts);
    free(b->blocks);
}

void
batches_clear(struct batches *b)
{
    b->count = b->added_count = b->parts_count = 0;
}

/* The array, or a larger one; NULL: no memory, and it is as it was. */
static void *
grow(void *array, size_t *room, size_t wanted, size_t size)
{
    size_t n = *room > 0 ? *room : 16;
    void *grown;

    if (wanted <= *room)
        return array;
    while (n < wanted)
        n *= 2;
    grown = reallocarray(array, n, size);
    if (grown != NULL)
        *room = n;
    return grown;
}

bool
batches_reserve(struct batches *b, size_t parts, struct outcome *why)
{
    struct batch *list = grow(b->list, &b->room, b->count + 1, sizeof *list);
    struct added *added = grow(b->added, &b->added_room, b->added_count + 1, sizeof *added);
    struct span *spans = grow(b->parts, &b->parts_room, b->parts_count + parts + 1, sizeof *spans);

    if (b->blocks == NULL)
        b->blocks = aligned_alloc(JOURNAL_BLOCK, BATCHES_PIECE); /* resident as far as it is used */
    b->list = list != NULL ? list : b->list;
    b->added = added != NULL ? added : b->added;
    b->parts = spans != NULL ? spans : b->parts;
    return (list != NULL && added != NULL && spans != NULL && b->blocks != NULL) ||
           outcome_errno(why, ENOMEM, "realloc", NULL);
}

struct batch *
batches_last(const struct batches *b, const struct slot *slot)
{
    struct batch *last = b->count > 0 ? &b->list[b->count - 1] : NULL;

    return last != NULL && last->slot == slot ? last : NULL;
}

struct batch *
batches_begin(struct batches *b, struct slot *slot, uint64_t offset, uint64_t synced)
{
    struct batch *one = &b->list[b->count++];

    *one = (struct batch){.slot = slot,
                          .offset = offset,
                          .octets = JOURNAL_BATCH_HEAD,
                          .synced = synced,
                          .first_added = b->added_count,
                          .first_part = b->parts_count};
    return one;
}

void
batches_add(struct batches *b, uint16_t type, const struct span *parts, size_t count)
{
    struct batch *one = &b->list[b->count - 1];
    struct added *a = &b->added[b->added_count++];

    a->parts = count;
    format_print_record(type, parts, count, one->slot->salt, one->offset + one->octets, a->head);
    one->records++;
    one->octets += JOURNAL_RECORD_HEAD;
    for (size_t i = 0; i < count; i++) {
        b->parts[b->parts_count++] = parts[i];
        one->octets += parts[i].n;
    }
}

/* A batch on its way to the disk: octets gather in memory that is aligned, as a write that passes
 * by the page cache wants it. */
struct layout {
    int fd;
    char *blocks;
    size_t used;
    uint64_t offset; /* of blocks in the segment */
};

static bool
flush(struct layout *l)
{
    size_t whole = format_round(l->used);

    memset(l->blocks + l->used, 0, whole - l->used);
    if (!segment_write(l->fd, l->blocks, whole, l->offset))
        return false;
    l->offset += whole;
    l->used = 0;
    return true;
}

static bool
put(struct layout *l, const void *octets, size_t n)
{
    const char *p = octets;

    while (n > 0) {
        size_t room = BATCHES_PIECE - l->used, take = n < room ? n : room;
        memcpy(l->blocks + l->used, p, take);
        l->used += take;
        p += take;
        n -= take;
        if (l->used == BATCHES_PIECE && !flush(l))
            return false;
    }
    return true;
}

static bool
put_records(struct layout *l, const struct batches *b, const struct batch *one)
{
    const struct added *a = b->added + one->first_added;
    const struct span *part = b->parts + one->first_part;

    for (uint32_t r = 0; r < one->records; r++, a++) {
        if (!put(l, a->head, sizeof a->head))
            return false;
        for (size_t i = 0; i < a->parts; i++, part++)
            if (!put(l, part->p, part->n))
                return false;
    }
    return true;
}

bool
batches_write(struct batches *b, const struct batch *one, uint64_t needed, struct outcome *why)
{
    struct batch_head head = {.segment = one->slot->number,
                              .offset = one->offset,
                              .octets = one->octets,
                              .synced = one->synced,
                              .needed = needed < one->slot->number ? needed : one->slot->number,
                              .records = one->records};
    struct layout l = {.fd = one->slot->fd, .blocks = b->blocks, .offset = one->offset};
    uint8_t bytes[JOURNAL_BATCH_HEAD];

    format_print_batch(&head, one->slot->salt, bytes);
    return (put(&l, bytes, sizeof bytes) && put_records(&l, b, one) && flush(&l)) ||
           outcome_errno(why, errno, "pwrite", "journal");
}
