/* SPDX-License-Identifier: MIT
 *
 * Heads of segments, batches and records, to bytes and back: see format_priv.h.
 */
#include "format_priv.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define VERSION 1

enum { STATE_FREE, STATE_USED };

static const char segment_magic[8] = "DSTPJRNL";
static const char batch_magic[4] = "DJB1";

/* Offsets in a segment's head. */
enum {
    SEGMENT_VERSION = 8,
    SEGMENT_STATE = 12,
    SEGMENT_WRITER = 16,
    SEGMENT_NUMBER = 24,
    SEGMENT_OCTETS = 32,
    SEGMENT_SALT = 40,
    SEGMENT_FIRST = 48,
    SEGMENT_NEEDED = 56,
    SEGMENT_CHECKSUM = 64
};

/* Offsets in a batch's head. */
enum {
    BATCH_RECORDS = 4,
    BATCH_SEGMENT = 8,
    BATCH_OFFSET = 16,
    BATCH_OCTETS = 24,
    BATCH_SYNCED = 32,
    BATCH_NEEDED = 40,
    BATCH_CHECKSUM = 48
};

/* Offsets in a record's head. */
enum { RECORD_OCTETS = 0, RECORD_TYPE = 4, RECORD_CHECKSUM = 8 };

uint64_t
format_get_u64(const uint8_t *in)
{
    uint64_t v;

    memcpy(&v, in, sizeof v);
    return le64toh(v);
}

void
format_put_u64(uint8_t *out, uint64_t v)
{
    v = htole64(v);
    memcpy(out, &v, sizeof v);
}

static uint32_t
get_u32(const uint8_t *in)
{
    uint32_t v;

    memcpy(&v, in, sizeof v);
    return le32toh(v);
}

static void
put_u32(uint8_t *out, uint32_t v)
{
    v = htole32(v);
    memcpy(out, &v, sizeof v);
}

uint64_t
format_round(uint64_t n)
{
    return (n + JOURNAL_BLOCK - 1) / JOURNAL_BLOCK * JOURNAL_BLOCK;
}

void
format_name(char name[JOURNAL_NAME_SIZE], unsigned writer, unsigned slot, bool is_new)
{
    snprintf(name, JOURNAL_NAME_SIZE, "worker-%02u-%02u.%s", writer, slot,
             is_new ? "new" : "journal");
}

bool
format_parse_name(const char *name, unsigned *writer, unsigned *slot, bool *is_new)
{
    char again[JOURNAL_NAME_SIZE];

    if (sscanf(name, "worker-%9u-%9u.", writer, slot) != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        *is_new = i == 1;
        format_name(again, *writer, *slot, *is_new);
        if (strcmp(name, again) == 0)
            return true;
    }
    return false;
}

void
format_print_segment(const struct segment_head *h, uint8_t block[JOURNAL_BLOCK])
{
    memset(block, 0, JOURNAL_BLOCK);
    memcpy(block, segment_magic, sizeof segment_magic);
    put_u32(block + SEGMENT_VERSION, VERSION);
    put_u32(block + SEGMENT_STATE, h->is_free ? STATE_FREE : STATE_USED);
    put_u32(block + SEGMENT_WRITER, h->writer);
    format_put_u64(block + SEGMENT_NUMBER, h->segment);
    format_put_u64(block + SEGMENT_OCTETS, h->octets);
    format_put_u64(block + SEGMENT_SALT, h->salt);
    format_put_u64(block + SEGMENT_FIRST, h->first);
    format_put_u64(block + SEGMENT_NEEDED, h->needed);
    format_put_u64(block + SEGMENT_CHECKSUM, XXH3_64bits(block, SEGMENT_CHECKSUM));
}

bool
format_parse_segment(struct segment_head *h, const uint8_t block[JOURNAL_BLOCK])
{
    if (memcmp(block, segment_magic, sizeof segment_magic) != 0 ||
        get_u32(block + SEGMENT_VERSION) != VERSION ||
        get_u32(block + SEGMENT_STATE) > STATE_USED ||
        format_get_u64(block + SEGMENT_CHECKSUM) != XXH3_64bits(block, SEGMENT_CHECKSUM))
        return false;
    *h = (struct segment_head){
        .is_free = get_u32(block + SEGMENT_STATE) == STATE_FREE,
        .writer = get_u32(block + SEGMENT_WRITER),
        .segment = format_get_u64(block + SEGMENT_NUMBER),
        .octets = format_get_u64(block + SEGMENT_OCTETS),
        .salt = format_get_u64(block + SEGMENT_SALT),
        .first = format_get_u64(block + SEGMENT_FIRST),
        .needed = format_get_u64(block + SEGMENT_NEEDED),
    };
    return h->segment > 0 && h->segment < UINT64_MAX && h->first <= h->needed &&
           h->needed <= h->segment;
}

void
format_print_batch(const struct batch_head *h, uint64_t salt, uint8_t out[JOURNAL_BATCH_HEAD])
{
    memset(out, 0, JOURNAL_BATCH_HEAD);
    memcpy(out, batch_magic, sizeof batch_magic);
    put_u32(out + BATCH_RECORDS, h->records);
    format_put_u64(out + BATCH_SEGMENT, h->segment);
    format_put_u64(out + BATCH_OFFSET, h->offset);
    format_put_u64(out + BATCH_OCTETS, h->octets);
    format_put_u64(out + BATCH_SYNCED, h->synced);
    format_put_u64(out + BATCH_NEEDED, h->needed);
    format_put_u64(out + BATCH_CHECKSUM, XXH3_64bits_withSeed(out, BATCH_CHECKSUM, salt));
}

bool
format_parse_batch(struct batch_head *h, const struct segment_head *segment, uint64_t offset,
                   const uint8_t in[JOURNAL_BATCH_HEAD])
{
    if (memcmp(in, batch_magic, sizeof batch_magic) != 0 ||
        format_get_u64(in + BATCH_CHECKSUM) !=
            XXH3_64bits_withSeed(in, BATCH_CHECKSUM, segment->salt))
        return false;
    *h = (struct batch_head){
        .records = get_u32(in + BATCH_RECORDS),
        .segment = format_get_u64(in + BATCH_SEGMENT),
        .offset = format_get_u64(in + BATCH_OFFSET),
        .octets = format_get_u64(in + BATCH_OCTETS),
        .synced = format_get_u64(in + BATCH_SYNCED),
        .needed = format_get_u64(in + BATCH_NEEDED),
    };
    return h->segment == segment->segment && h->offset == offset && h->synced <= offset &&
           h->needed <= h->segment && h->octets >= JOURNAL_BATCH_HEAD &&
           h->octets <= segment->octets - offset;
}

/* The place is part of the seed: a record that a drive wrote elsewhere is none. */
static void
begin_checksum(XXH3_state_t *state, uint64_t salt, uint64_t offset)
{
    XXH3_INITSTATE(state); /* the reset reads the old seed */
    XXH3_64bits_reset_withSeed(state, salt + offset);
}

void
format_print_record(uint16_t type, const struct span *parts, size_t count, uint64_t salt,
                    uint64_t offset, uint8_t out[JOURNAL_RECORD_HEAD])
{
    XXH3_state_t state = {0}; /* gcc does not see that the reset fills it */
    uint32_t octets = 0;

    for (size_t i = 0; i < count; i++)
        octets += (uint32_t)parts[i].n;
    memset(out, 0, JOURNAL_RECORD_HEAD);
    put_u32(out + RECORD_OCTETS, octets);
    out[RECORD_TYPE] = (uint8_t)type;
    out[RECORD_TYPE + 1] = (uint8_t)(type >> 8);
    begin_checksum(&state, salt, offset);
    XXH3_64bits_update(&state, out, RECORD_CHECKSUM);
    for (size_t i = 0; i < count; i++)
        if (parts[i].n > 0)
            XXH3_64bits_update(&state, parts[i].p, parts[i].n);
    format_put_u64(out + RECORD_CHECKSUM, XXH3_64bits_digest(&state));
}

bool
format_parse_record(struct record_head *h, uint64_t salt, uint64_t offset, const uint8_t *in,
                    uint64_t room)
{
    XXH3_state_t state = {0}; /* gcc does not see that the reset fills it */

    if (room < JOURNAL_RECORD_HEAD)
        return false;
    *h = (struct record_head){
        .octets = get_u32(in + RECORD_OCTETS),
        .type = (uint16_t)(in[RECORD_TYPE] | in[RECORD_TYPE + 1] << 8),
        .checksum = format_get_u64(in + RECORD_CHECKSUM),
    };
    if (h->octets > room - JOURNAL_RECORD_HEAD)
        return false;
    begin_checksum(&state, salt, offset);
    XXH3_64bits_update(&state, in, RECORD_CHECKSUM);
    XXH3_64bits_update(&state, in + JOURNAL_RECORD_HEAD, h->octets);
    return h->checksum == XXH3_64bits_digest(&state);
}
