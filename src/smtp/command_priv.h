/* SPDX-License-Identifier: MIT
 *
 * Command lines: where one ends, and what it says.
 */
#ifndef DOORSTEP_SMTP_COMMAND_PRIV_H
#define DOORSTEP_SMTP_COMMAND_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/span.h"
#include "replies_priv.h"

/* command_line_length() - octets of the first line of `in`, CRLF included; 0 when its end is not
 * there. Only CRLF ends a line. */
size_t command_line_length(struct span in);

/* command_split() - a line (without CRLF) into verb and the rest behind one space. false: it is no
 * command: a control octet (a bare CR or LF, NUL) somewhere, or no letter first. */
bool command_split(struct span line, struct span *verb, struct span *args);

struct smtp_session;

struct verb {
    const char *name;
    unsigned states;           /* IN() of those in which it runs */
    enum smtp_reply otherwise; /* where it does not */
    enum smtp_reply between;   /* the same between two chunks of a message */
    bool may_overtake;         /* may run while RCPTs wait for the store */
    bool may_be_plain;         /* where TLS is required and has not begun (RFC 3207 section 4) */
    void (*run)(struct smtp_session *s, struct span args);
};

/* verb_find() - NULL for an unknown one. */
const struct verb *verb_find(struct span name);

#endif
