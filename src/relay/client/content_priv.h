/* SPDX-License-Identifier: MIT
 *
 * The octets of a message on their way to the wire, with line ends put right and dots stuffed.
 */
#ifndef DOORSTEP_RELAY_CLIENT_CONTENT_PRIV_H
#define DOORSTEP_RELAY_CLIENT_CONTENT_PRIV_H

#include "source_priv.h"

enum content_form {
    CONTENT_DATA,  /* lines, dots stuffed (RFC 5321 4.5.2) */
    CONTENT_LINES, /* lines, by BDAT */
    CONTENT_RAW    /* as it is, by BDAT: BINARYMIME (RFC 3030 3) */
};

struct convert;

struct content {
    struct source source;
    enum content_form form;
    struct convert *convert; /* owned; NULL: octets go as they are read */
    uint64_t at;             /* in the source */
    bool is_at_line_start;
    bool has_cr; /* held back: what is behind it says what it is */
    bool is_over;
};

/* content_init() - source is copied; convert is taken, or NULL. */
void content_init(struct content *c, const struct source *source, struct convert *convert,
                  enum content_form form);
void content_release(struct content *c);

/* content_next() - append the next piece to out, at most CONTENT_PIECE_MAX octets; c->is_over when
 * it was the last. false: it cannot be read, or out is full. */
#define CONTENT_READ 16384
#define CONTENT_PIECE_MAX (2 * CONTENT_READ + 4)
bool content_next(struct content *c, struct buf *out);

#endif
