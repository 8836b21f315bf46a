/* SPDX-License-Identifier: MIT
 *
 * The content transfer encodings of RFC 2045 section 6, decoded as a stream: input split anyhow
 * gives the same octets. Broken input decodes as far as it makes sense, never fails.
 */
#ifndef DOORSTEP_DECODE_H
#define DOORSTEP_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

enum decode_kind { DECODE_NONE, DECODE_BASE64, DECODE_QUOTED_PRINTABLE };

#define DECODE_BLANKS_MAX 80 /* longer than a quoted-printable line may be (RFC 2045 6.7) */

struct decode {
    enum decode_kind kind;
    uint32_t bits;     /* base64: digits of the group of four so far */
    unsigned count;    /* base64: how many */
    unsigned qp_state; /* quoted-printable: what came since the last '=' */
    char digit;        /* quoted-printable: the first digit behind it */
    char
        blanks[DECODE_BLANKS_MAX]; /* quoted-printable: white space that vanishes at a line's end */
    unsigned blank_count;
};

/* decode_kind_of() - by the value of Content-Transfer-Encoding; anything else is DECODE_NONE. */
enum decode_kind decode_kind_of(struct span encoding);

void decode_init(struct decode *d, enum decode_kind kind);

/* decode_feed() - append what `in` decodes to. False when out is full: the rest of `in` is lost. */
bool decode_feed(struct decode *d, struct span in, struct buf *out);

/* decode_finish() - append what was held back at the end of the content. */
bool decode_finish(struct decode *d, struct buf *out);

/* decode_q_word() - the "Q" encoding of RFC 2047 4.2, one whole word. False when out is full. */
bool decode_q_word(struct span in, struct buf *out);

#endif
