/* SPDX-License-Identifier: MIT
 *
 * Inside the MIME scanner: the boundaries that are open, what a part's header says, and the
 * scanner's state, which mime.c (lines) and mime_part.c (parts) share.
 */
#ifndef DOORSTEP_MAIL_MIME_PRIV_H
#define DOORSTEP_MAIL_MIME_PRIV_H

#include "doorstep/mime.h"

#define BOUNDARY_BUCKETS 64

struct boundary {
    char text[MIME_BOUNDARY_MAX];
    uint16_t length;
    int16_t next; /* in its bucket, older; -1 ends */
    uint64_t hash;
};

/* A stack that can be searched: a line matches the longest boundary that it begins with (RFC 2046
 * 5.1.1: no more than the beginning is compared), and of equal ones the innermost. One pass over
 * the line finds it, however many are open: the hash of each prefix is looked up. */
struct boundaries {
    struct boundary item[MIME_DEPTH_MAX];
    int16_t bucket[BOUNDARY_BUCKETS];         /* newest first; -1: empty */
    uint8_t of_length[MIME_BOUNDARY_MAX + 1]; /* how many are that long */
    size_t length_max;
    int count;
    uint64_t work;
};

void boundaries_init(struct boundaries *b);

/* boundaries_push() - text is copied; its index. The caller keeps to MIME_DEPTH_MAX and
 * MIME_BOUNDARY_MAX. */
int boundaries_push(struct boundaries *b, struct span text);

/* boundaries_cut() - forget index and all that came after it. */
void boundaries_cut(struct boundaries *b, int index);

/* boundaries_find() - line begins behind its "--"; the index, or -1. *is_last: "--" follows the
 * boundary. */
int boundaries_find(struct boundaries *b, struct span line, bool *is_last);

/* mime_header_parse() - memory for unquoted values comes from arena. in_digest: the default type is
 * message/rfc822. The first field of a name counts. */
void mime_header_parse(struct span block, bool in_digest, struct arena *arena,
                       struct mime_header *out);

#define MIME_NO_BOUNDARY (-1)

struct mime_level {
    uint32_t part;
    int boundary; /* that its children are divided by; MIME_NO_BOUNDARY: a leaf, or behind the last
                   * one
                   */
};

struct mime_place {  /* a place in the message */
    uint64_t offset; /* as CRLF */
    uint64_t lines;  /* line ends before it */
};

struct mime {
    const struct mime_events *events; /* borrowed */
    void *arg;                        /* borrowed */

    uint64_t octets;        /* as they came */
    uint64_t bare;          /* LF without CR: an octet more in the count */
    uint64_t lines;         /* line ends */
    char last;              /* the last octet */
    struct mime_place line; /* where the current line begins */

    bool in_header;
    bool at_line_start;
    bool skips_line;  /* the rest of a boundary line */
    bool skips_field; /* it, or its beginning, was too long */
    bool is_truncated;
    size_t field_length; /* of the field at the end of header */
    struct buf header;   /* of the top part, line ends as LF */
    struct buf window;   /* the beginning of a line whose end did not come yet */

    struct mime_level level[MIME_DEPTH_MAX + 1];
    size_t depth; /* levels in use */
    struct boundaries boundaries;
    uint32_t wants_body;     /* the part, or MIME_NO_PART */
    struct mime_part *parts; /* owned */
    uint32_t part_count, part_size;
};

static inline struct mime_place
mime_here(const struct mime *m)
{
    return (struct mime_place){m->octets + m->bare, m->lines};
}

static inline struct mime_level *
mime_top(struct mime *m)
{
    return &m->level[m->depth - 1];
}

static inline struct mime_part *
mime_top_part(struct mime *m)
{
    return &m->parts[mime_top(m)->part];
}

/* mime_begin_part() - open a part whose header begins at `at`, in the top part if there is one. The
 * caller has checked the depth. False at the limit of parts, or without memory. */
bool mime_begin_part(struct mime *m, struct mime_place at);

/* mime_end_header() - the header of the top part ends at `at`, where its body begins. */
void mime_end_header(struct mime *m, struct mime_place at);

/* mime_end_part() - the top part ends: its body goes up to `end`. Where it turns out to be a
 * message that was not opened yet, the message inside is the top part then and is to be ended
 * first. */
void mime_end_part(struct mime *m, struct mime_place end);

/* mime_cross_boundary() - a line, at m->line, begins with that boundary: the part it divides goes
 * on with its next child, or with its epilogue (is_last). */
void mime_cross_boundary(struct mime *m, int boundary, bool is_last);

#endif
