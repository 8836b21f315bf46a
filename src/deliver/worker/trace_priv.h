/* SPDX-License-Identifier: MIT
 *
 * The trace fields that final delivery puts before a message: Return-Path, Delivered-To, Received
 * (RFC 5321 4.4).
 */
#ifndef DELIVER_TRACE_PRIV_H
#define DELIVER_TRACE_PRIV_H

#include <time.h>

#include "doorstep/envelope.h"
#include "doorstep/span.h"

struct trace_options {
    const char *hostname;
    const char *id;
    struct timespec when;
    bool delivered_to;
    bool is_front; /* mail from a queue for an account that is at home elsewhere */
};

#define TRACE_MAX 8192 /* octets of all trace fields together */

/* trace_build() - the fields for one recipient, CRLF line ends, into out (reset before). Everything
 * from the envelope is hostile: what could end a line is replaced. false: does not fit. */
bool trace_build(const struct trace_options *options, const struct envelope *e,
                 const struct envelope_recipient *to, struct buf *out);

/* trace_build_passage() - the same for a message that goes on from here: Received, and
 * Delivered-To, by which a message that comes again is known. No Return-Path, which is final
 * delivery's. */
bool trace_build_passage(const struct trace_options *options, const struct envelope *e,
                         const struct envelope_recipient *to, struct buf *out);

/* trace_front_length() - octets of the Received fields at the beginning of a message that fronts
 * wrote (is_front), one above the other. What stands below comes again as it is, should the client
 * not hear the answer; these fields differ each time. Those beyond TRACE_MAX octets do not count.
 */
size_t trace_front_length(struct span message);

#endif
