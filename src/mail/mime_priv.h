/* SPDX-License-Identifier: MIT
 *
 * Inside the MIME scanner: the boundaries that are open, and what a part's header says.
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

#endif
