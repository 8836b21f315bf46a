/* SPDX-License-Identifier: MIT
 *
 * Bodies as lines of ASCII (RFC 2045 6), as a stream: octets split anyhow give the same text.
 */
#ifndef DOORSTEP_RELAY_CLIENT_ENCODE_PRIV_H
#define DOORSTEP_RELAY_CLIENT_ENCODE_PRIV_H

#include "doorstep/buf.h"

#define ENCODE_LINE 57 /* octets that a line of base64 holds */

enum encode_kind {
    ENCODE_QUOTED,      /* text to quoted-printable: its line ends stay line ends */
    ENCODE_BASE64,      /* any octets */
    ENCODE_MEND_QUOTED, /* quoted-printable with octets in it that may not be there */
    ENCODE_MEND_BASE64  /* the same of base64: nobody decodes them */
};

struct encode {
    enum encode_kind kind;
    size_t column;
    char blank;    /* held back: at the end of a line it must be encoded; 0: none */
    bool has_cr;   /* the same */
    bool has_line; /* base64: one was printed; mended: one has begun */
    char octets[ENCODE_LINE];
    size_t count;
};

void encode_init(struct encode *e, enum encode_kind kind);

/* encode_feed(), encode_finish() - false when out is full. */
bool encode_feed(struct encode *e, char octet, struct buf *out);
bool encode_finish(struct encode *e, struct buf *out);

#endif
