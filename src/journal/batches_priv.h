/* SPDX-License-Identifier: MIT
 *
 * Records that wait to be written: gathered by reference, laid out as one batch a segment. Memory
 * is found when a record is added, so that a write does not fail for want of it.
 */
#ifndef DOORSTEP_JOURNAL_BATCHES_PRIV_H
#define DOORSTEP_JOURNAL_BATCHES_PRIV_H

#include "segments_priv.h"

#define BATCHES_PIECE (1024 * 1024) /* octets, whole blocks */

struct added { /* a record */
    uint8_t head[JOURNAL_RECORD_HEAD];
    size_t parts; /* how many of batches.parts are its own */
};

struct batch { /* what waits for one segment */
    struct slot *slot;
    uint64_t offset;
    uint64_t octets; /* with its head, without padding */
    uint64_t synced; /* what lies before this in the segment is on stable storage */
    uint32_t records;
    size_t first_added, first_part;
};

struct batches { /* all owned; they grow and stay. Zeroed: empty */
    struct batch *list;
    size_t count, room;
    struct added *added;
    size_t added_count, added_room;
    struct span *parts; /* their octets are borrowed */
    size_t parts_count, parts_room;
    char *blocks; /* where a batch is laid out for the disk, a piece at a time */
};

void batches_release(struct batches *b);
void batches_clear(struct batches *b);

/* batches_reserve() - memory for one more record of that many parts, in a batch of its own. */
bool batches_reserve(struct batches *b, size_t parts, struct outcome *why);

/* batches_last() - the last one, when it is that slot's; else NULL. batches_begin() - one more. */
struct batch *batches_last(const struct batches *b, const struct slot *slot);
struct batch *batches_begin(struct batches *b, struct slot *slot, uint64_t offset, uint64_t synced);

/* batches_add() - to the last batch; reserved before. */
void batches_add(struct batches *b, uint16_t type, const struct span *parts, size_t count);

/* batches_write() - one of them, padded, with one pwrite(2) up to BATCHES_PIECE. */
bool batches_write(struct batches *b, const struct batch *one, uint64_t needed,
                   struct outcome *why);

#endif
