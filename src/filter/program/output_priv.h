/* SPDX-License-Identifier: MIT
 *
 * What a program says of a message: by its exit status, and by header fields that it writes. Both
 * are hostile: a program works on strangers' octets. Pure.
 */
#ifndef FILTER_PROGRAM_OUTPUT_PRIV_H
#define FILTER_PROGRAM_OUTPUT_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/buf.h"

#define OUTPUT_FIELDS_MAX 64
#define OUTPUT_LINE_MAX 998 /* octets of a line without its end (RFC 5322 2.1.1) */

enum program_verdict {
    PROGRAM_ACCEPTS,
    PROGRAM_REFUSES,
    PROGRAM_DEFERS,
    PROGRAM_DISCARDS,
    PROGRAM_SAYS_NOTHING /* it has failed */
};

/* program_status_verdict() - of an exit status (sysexits(3)). */
enum program_verdict program_status_verdict(int status);

struct program_said {  /* strings are the arena's, "" without one */
    struct buf header; /* fields to be put in front of a message, lines end in CRLF */
    uint32_t count;    /* of them */
    enum program_verdict verdict;
    const char *mailbox, *flags, *reply;
};

/* program_output_read() - a text of header fields; *why: what is wrong with it, when the result is
 * false. out->header is initialised and, in any case, released by the caller. */
bool program_output_read(struct span text, struct arena *arena, struct program_said *out,
                         const char **why);

#endif
