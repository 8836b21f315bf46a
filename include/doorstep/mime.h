/* SPDX-License-Identifier: MIT
 *
 * The MIME structure of a message (RFC 2045, 2046) in one pass while its octets arrive, split
 * anyhow. The scanner keeps a row per part and one header block at a time, never a body; who wants
 * the inside of headers or some of a body gets it by an event.
 * CRLF and LF both end a line, and both count as two octets, so that a message stored with LF has
 * the facts of the same message with CRLF; a bare CR is an octet like any other.
 */
#ifndef DOORSTEP_MIME_H
#define DOORSTEP_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/params.h"
#include "doorstep/span.h"

#define MIME_DEPTH_MAX 100           /* multiparts and messages inside one another */
#define MIME_PARTS_MAX 10000         /* the message itself counts */
#define MIME_HEADER_MAX (256 * 1024) /* octets of one header block */
#define MIME_FIELD_MAX                                                                             \
    (64 * 1024)               /* octets of one field; longer ones end at the last line that fits */
#define MIME_BOUNDARY_MAX 256 /* RFC 2046 5.1.1 allows 70 */
#define MIME_NO_PART UINT32_MAX

enum mime_kind {
    MIME_LEAF,
    MIME_MULTIPART,
    MIME_MESSAGE /* message/rfc822 or message/global: its only child is the message inside */
};

struct mime_part {
    enum mime_kind kind;
    uint32_t parent; /* row of it, or MIME_NO_PART: the message itself */
    uint32_t number; /* among its siblings, from 1 */
    uint32_t child_count;
    bool is_digest;        /* multipart/digest */
    uint64_t header_start; /* offsets and octets as CRLF, from the first octet fed */
    uint64_t body_start;
    uint64_t body_octets;
    uint64_t body_lines;   /* line ends in the body; the one before a boundary is not in it */
    uint64_t lines_before; /* line ends before body_start */
};

struct mime_header {           /* spans are valid during the event only */
    struct span block;         /* whole, lines ended by LF */
    struct span type, subtype; /* as written; defaults filled in (RFC 2045 5.2, RFC 2046 5.1.5) */
    struct span encoding, id, description, md5, disposition, language,
        location;         /* n is 0: absent */
    struct params params; /* of Content-Type */
};

struct mime_events {
    /* The header of a part is complete. True: send the body as it comes. */
    bool (*on_header)(void *arg, uint32_t part, const struct mime_header *header);
    /* Octets of the body of a part that was asked for; some line end behind the body may come with
     * it. False: enough. */
    bool (*on_body)(void *arg, uint32_t part, struct span octets);
    /* The part is over; its row is final. Children end before their parent. */
    void (*on_end)(void *arg, uint32_t part);
};

struct mime;

/* mime_new() - events and arg are borrowed. NULL without memory. One thread at a time. */
struct mime *mime_new(const struct mime_events *events, void *arg);
void mime_free(struct mime *m); /* NULL is allowed */

/* mime_feed() - linear time whatever comes; never fails. */
void mime_feed(struct mime *m, struct span in);

/* mime_finish() - no more octets: ends every part. */
void mime_finish(struct mime *m);

/* mime_reset() - ready for another message; keeps the memory. */
void mime_reset(struct mime *m);

/* Rows are in the order of their headers, the message itself first; borrowed until the next call
 * that changes the scanner. */
const struct mime_part *mime_parts(const struct mime *m, uint32_t *count);

uint64_t mime_octets(const struct mime *m); /* fed, counted as CRLF */
uint64_t mime_lines(const struct mime *m);  /* line ends, and a last line without one */

/* mime_is_truncated() - a limit was passed or memory ran out: the rows are right, but some are
 * missing. */
bool mime_is_truncated(const struct mime *m);

/* mime_work() - steps of boundary matching so far: tests see from it that time is linear. */
uint64_t mime_work(const struct mime *m);

#endif
