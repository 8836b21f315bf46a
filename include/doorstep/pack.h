/* SPDX-License-Identifier: MIT
 *
 * Plain values to bytes and back, for what travels through doors and lies in the journal:
 * fixed-width little-endian numbers and length-prefixed strings. The reader trusts nothing:
 * its first short or over-long read sets `broken`, and everything after it reads as zero or
 * empty; check unpack_done() once at the end.
 */
#ifndef DOORSTEP_PACK_H
#define DOORSTEP_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

struct pack {
    struct buf *out; /* borrowed */
    bool full;       /* sticky: something did not fit */
};

void pack_init(struct pack *p, struct buf *out);
void pack_u8(struct pack *p, uint8_t v);
void pack_u16(struct pack *p, uint16_t v);
void pack_u32(struct pack *p, uint32_t v);
void pack_u64(struct pack *p, uint64_t v);
void pack_span(struct pack *p, struct span s); /* u32 length, then the octets */
void pack_str(struct pack *p, const char *s);  /* NULL is packed as empty */

struct unpack {
    struct span rest; /* borrowed */
    bool broken;      /* sticky */
};

void unpack_init(struct unpack *u, struct span in);
uint8_t unpack_u8(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);

/* unpack_span() - borrowed from the input; longer than max breaks the reader. */
struct span unpack_span(struct unpack *u, size_t max);

/* unpack_str() - copied into out (size octets, always terminated); a NUL inside or too long breaks
 * the reader. */
void unpack_str(struct unpack *u, char *out, size_t size);

/* unpack_done() - true when nothing broke and nothing is left over. */
bool unpack_done(const struct unpack *u);

#endif
