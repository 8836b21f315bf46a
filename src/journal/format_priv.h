/* SPDX-License-Identifier: MIT
 *
 * A segment as it lies on the disk; docs/journal.md draws it. All numbers are little-endian.
 *
 *     block 0      head: whose, which life of the file, free or used
 *     block n      batch: head, then its records one behind the other, zeros to the block's end
 *
 * A block is 4 KiB, what a page and a drive write in one piece: batches begin at blocks, so that
 * nothing that was acknowledged is written again, and they are padded, so that the kernel need not
 * read what it is about to overwrite. Each life of a file has a random salt, which seeds all
 * checksums in it: what an earlier life left behind, or a message that looks like a batch, never
 * counts. The checksum is XXH3 (64 bits): docs/journal.md has the figures it was chosen by.
 */
#ifndef DOORSTEP_JOURNAL_FORMAT_PRIV_H
#define DOORSTEP_JOURNAL_FORMAT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doorstep/span.h"

#define JOURNAL_BLOCK 4096
#define JOURNAL_SEGMENT_MIN (16 * JOURNAL_BLOCK)
#define JOURNAL_SEGMENT_MAX (256 * 1024 * 1024)
#define JOURNAL_NAME_SIZE 40
#define JOURNAL_BATCH_HEAD 64
#define JOURNAL_RECORD_HEAD 16

/* A record of the journal's own: u64 segment, u64 offset. A write or sync failed: what lies between
 * that place and the segment of this record was not acknowledged and does not count. */
#define JOURNAL_TYPE_CUT 1

struct segment_head {
    bool is_free;
    unsigned writer;
    uint64_t segment; /* when free: the last one that the file was */
    uint64_t octets;  /* of the file */
    uint64_t salt;
    uint64_t first;  /* of this writer since it was opened */
    uint64_t needed; /* those from `first` up to this were free when this one was begun */
};

struct batch_head {
    uint64_t segment;
    uint64_t offset; /* its own place in the file */
    uint64_t octets; /* head and records, without padding */
    uint64_t synced; /* up to here the segment was on stable storage when this was written */
    uint64_t needed; /* as above, when this was written */
    uint32_t records;
};

struct record_head {
    uint32_t octets; /* of what follows the head */
    uint16_t type;
    uint64_t checksum;
};

/* format_round() - n rounded up to whole blocks. */
uint64_t format_round(uint64_t n);

/* format_name() - "worker-NN-MM.journal", or with the suffix ".new" while it is being made.
 * format_parse_name() - false when it is no such name; *is_new tells which suffix. */
void format_name(char name[JOURNAL_NAME_SIZE], unsigned writer, unsigned slot, bool is_new);
bool format_parse_name(const char *name, unsigned *writer, unsigned *slot, bool *is_new);

/* Print fills the whole block; parse trusts nothing and is false for what is not ours. */
void format_print_segment(const struct segment_head *h, uint8_t block[JOURNAL_BLOCK]);
bool format_parse_segment(struct segment_head *h, const uint8_t block[JOURNAL_BLOCK]);

/* A batch's place and segment must be what the reader expects of it. */
void format_print_batch(const struct batch_head *h, uint64_t salt, uint8_t out[JOURNAL_BATCH_HEAD]);
bool format_parse_batch(struct batch_head *h, const struct segment_head *segment, uint64_t offset,
                        const uint8_t in[JOURNAL_BATCH_HEAD]);

/* format_print_record() - the head of a record that will lie at offset. */
void format_print_record(uint16_t type, const struct span *parts, size_t count, uint64_t salt,
                         uint64_t offset, uint8_t out[JOURNAL_RECORD_HEAD]);

/* format_parse_record() - *h, when the record with its head fits into `room` octets at `in` and its
 * checksum is right. */
bool format_parse_record(struct record_head *h, uint64_t salt, uint64_t offset, const uint8_t *in,
                         uint64_t room);

uint64_t format_get_u64(const uint8_t *in);
void format_put_u64(uint8_t *out, uint64_t v);

#endif
