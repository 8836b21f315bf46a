/* SPDX-License-Identifier: MIT
 *
 * A message on its way from standard input to LMTP: read twice, once to know what to announce, once
 * to send. As mail programs pipe it (line ends LF), turned into what the wire asks for.
 */
#ifndef DOORSTEP_SOURCE_PRIV_H
#define DOORSTEP_SOURCE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doorstep/span.h"

#define SOURCE_PIECE ((size_t)64 << 10)

struct source {
    int fd;             /* seekable; owned when it is not standard input */
    uint64_t start;     /* behind an mbox "From " line that some programs put in front */
    uint64_t wire_size; /* octets with CRLF line ends, before dots are stuffed (RFC 1870) */
    bool is_8bit;
};

/* source_open() - take standard input in: a regular file as it is, anything else copied into an
 * unnamed file. false with errno; EFBIG past max octets. */
bool source_open(struct source *s, uint64_t max);
void source_close(struct source *s);

/* source_send() - give the whole message in wire form, dots stuffed, without the final dot, to fn,
 * in pieces. false when fn returned false, or reading failed (errno). */
bool source_send(const struct source *s, bool (*fn)(void *arg, struct span piece), void *arg);

#endif
