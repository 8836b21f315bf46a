/* SPDX-License-Identifier: MIT
 *
 * Replies of a next hop (RFC 5321 4.2), which may say anything: octets in, whole replies out.
 */
#ifndef DOORSTEP_RELAY_CLIENT_REPLY_PRIV_H
#define DOORSTEP_RELAY_CLIENT_REPLY_PRIV_H

#include "doorstep/relay_job.h"

#define REPLY_LINE_MAX 2048 /* octets; RFC 5321 4.5.3.1.5 has 512 */
#define REPLY_LINES_MAX 128
#define REPLY_TEXT_MAX 800 /* octets of what is kept for reports and logs */

enum reply_result { REPLY_MORE, REPLY_WHOLE, REPLY_BROKEN };

struct reply {
    unsigned code;       /* 200 to 599 */
    struct buf lines;    /* what stands behind the code, a line each, ended by LF */
    unsigned count;      /* of lines */
    struct buf line;     /* that is being read */
    bool is_whole;       /* the next octet begins another reply */
    const char *problem; /* what is broken */
};

void reply_init(struct reply *r);
void reply_release(struct reply *r);

/* reply_take() - octets off *in, up to the end of a reply. A broken one cannot be followed by
 * anything. */
enum reply_result reply_take(struct reply *r, struct span *in);

/* reply_next_line() - off *lines, which begins as buf_span(&r->lines). */
struct span reply_next_line(struct span *lines);

/* reply_enhanced() - the status code at the front (RFC 2034, RFC 3463) where it is of the class
 * that the reply is; else "". */
void reply_enhanced(const struct reply *r, char out[12]);

/* reply_text() - all lines on one, without enhanced codes, printable UTF-8, cut to REPLY_TEXT_MAX.
 * Appended to out. */
void reply_text(const struct reply *r, struct buf *out);

#endif
