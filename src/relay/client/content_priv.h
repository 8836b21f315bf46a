/* SPDX-License-Identifier: MIT
 *
 * The octets of a message on their way to the wire: the job's head and what the owner reads, with
 * line ends put right and dots stuffed.
 */
#ifndef DOORSTEP_RELAY_CLIENT_CONTENT_PRIV_H
#define DOORSTEP_RELAY_CLIENT_CONTENT_PRIV_H

#include "doorstep/relay_client.h"

/* Where the octets come from. */
struct source {
    const struct relay_job *job;                             /* borrowed */
    ssize_t (*read)(void *arg, uint64_t at, void *, size_t); /* relay_client_calls.read_message */
    void *arg;
};

/* source_read() - up to n octets at offset `at` of head and message together. 0: the end; -1: the
 * message cannot be read, or is shorter than the job says. */
ssize_t source_read(const struct source *s, uint64_t at, void *out, size_t n);

enum content_form {
    CONTENT_DATA,  /* lines, dots stuffed (RFC 5321 4.5.2) */
    CONTENT_LINES, /* lines, by BDAT */
    CONTENT_RAW    /* as it is, by BDAT: BINARYMIME (RFC 3030 3) */
};

struct content {
    struct source source;
    enum content_form form;
    uint64_t at; /* in the source */
    bool is_at_line_start;
    bool has_cr; /* held back: what is behind it says what it is */
    bool is_over;
};

void content_init(struct content *c, const struct source *source, enum content_form form);

/* content_next() - append the next piece to out, at most CONTENT_PIECE_MAX octets; c->is_over when
 * it was the last. false: it cannot be read, or out is full. */
#define CONTENT_READ 16384
#define CONTENT_PIECE_MAX (2 * CONTENT_READ + 4)
bool content_next(struct content *c, struct buf *out);

#endif
