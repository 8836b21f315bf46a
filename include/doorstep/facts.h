/* SPDX-License-Identifier: MIT
 *
 * What a sorter found out about a message, once a message: everything that an IMAP or POP client
 * will ask for and that takes parsing. Made in sort/, carried through the door, kept by
 * index/. Strings are in IMAP's own syntax where IMAP sends them (RFC 9051 7.5.2).
 */
#ifndef DOORSTEP_FACTS_H
#define DOORSTEP_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/pack.h"

enum facts_flags {
    FACTS_HAS_ATTACHMENT = 1,
    FACTS_TRUNCATED = 2,     /* a limit was passed: what is here is right, something is missing */
    FACTS_HEADER_BROKEN = 4, /* a line of the header block was no field */
    FACTS_UNKNOWN = 8,       /* no sorter could read the message */
    FACTS_TLS_OPTIONAL = 16, /* TLS-Required: No (RFC 8689 5): better without TLS than not at all.
                              * The envelope's REQUIRETLS wins */
};

struct facts_header {  /* a cached header field, in the order of the message */
    const char *name;  /* as written */
    const char *value; /* unfolded, raw (RFC 2047 words as they are), without the final CRLF */
};

struct facts_part {        /* one row a MIME part, depth first; offsets from the message's start
                            * (after our trace), counted as if every line end were CRLF */
    const char *number;    /* "1.2.3" (RFC 9051 6.4.5.1); "" is the message itself, "2.TEXT" the one
                            * inside    part 2: their header and text. A message that is no multipart
                            * is    also its own part 1: "1", "2.1" */
    uint64_t header_start; /* of the part's MIME header */
    uint64_t body_start;
    uint64_t body_octets;
    uint64_t body_lines;
    uint64_t lines_before; /* line ends before body_start: LF offset = CRLF offset - lines_before */
};

struct facts {
    unsigned flags;            /* FACTS_* */
    uint64_t octets;           /* of the scanned bytes, counted as CRLF */
    uint64_t lines;            /* line ends, a last line without one counted too */
    uint64_t header_octets;    /* header block with the empty line, counted as CRLF */
    uint32_t received_count;   /* Received fields: hops */
    const char *message_id;    /* with brackets, or "" */
    const char *subject;       /* decoded to UTF-8, one line */
    const char *base_subject;  /* RFC 5256 2.1, upper case: for threads and sorting */
    const char *from;          /* decoded for people: first mailbox, "Name <addr>" */
    const char *references;    /* space-separated message ids: References, else In-Reply-To */
    const char *list_id;       /* RFC 2919, or "" */
    const char *date;          /* Date field as RFC 3339, or "" */
    const char *envelope;      /* RFC 9051 ENVELOPE, with parentheses */
    const char *bodystructure; /* RFC 9051 BODYSTRUCTURE, extended, with parentheses */
    const char *preview;       /* RFC 8970: at most 200 characters of UTF-8 */
    struct facts_header *headers;
    uint32_t header_count;
    struct facts_part *parts;
    uint32_t part_count;
};

void facts_pack(const struct facts *f, struct pack *p);

/* facts_unpack() - memory from arena; false when the bytes are no facts. */
bool facts_unpack(struct facts *f, struct arena *arena, struct unpack *u);

#endif
