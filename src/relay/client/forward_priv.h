/* SPDX-License-Identifier: MIT
 *
 * XFORWARD, as Postfix has it: who gave the message to whom it came from. A content filter hears of
 * the client that an MTA has heard, and not of us alone.
 */
#ifndef DOORSTEP_RELAY_CLIENT_FORWARD_PRIV_H
#define DOORSTEP_RELAY_CLIENT_FORWARD_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/relay_job.h"

struct forward_lines {
    const char *list[RELAY_FORWARD_ATTRIBUTES]; /* commands without CRLF */
    uint32_t count;
};

/* forward_bit() - 1 << enum relay_forward_attribute of a word of EHLO's line; 0: none that is known
 * here. */
unsigned forward_bit(struct span word);

/* forward_plan() - what is known and announced, in as few lines as keep to 512 octets. f may be
 * NULL: none. false without memory. */
bool forward_plan(const struct relay_forward *f, unsigned announced, struct arena *arena,
                  struct forward_lines *out);

#endif
