/* SPDX-License-Identifier: MIT
 *
 * Requests of Postfix's policy protocol (SMTPD_POLICY_README), as they come: lines "name=value", an
 * empty line ends a request. In any pieces; what is of no use here is skipped, not kept. Pure.
 */
#ifndef DOORSTEP_SMTP_POLICY_PARSE_PRIV_H
#define DOORSTEP_SMTP_POLICY_PARSE_PRIV_H

#include "doorstep/address.h"

#define POLICY_LINE_MAX (ADDRESS_PATH_MAX + 64) /* octets of a line that are looked at */
#define POLICY_REQUEST_MAX 65536                /* octets of a request, all lines together */
#define POLICY_WORD_MAX 32

struct policy_request {              /* the last value of an attribute that comes twice */
    char type[POLICY_WORD_MAX + 1];  /* request= */
    char state[POLICY_WORD_MAX + 1]; /* protocol_state= */
    char recipient[ADDRESS_PATH_MAX + 1];
    char sender[ADDRESS_PATH_MAX + 1];
    char size[POLICY_WORD_MAX + 1];
};

struct policy_parser {
    struct policy_request request; /* so far; whole behind POLICY_DONE */
    struct buf line;               /* the begin of the line under way */
    size_t octets;                 /* of this request */
    bool is_skipping;              /* the line is longer than what is looked at */
    bool is_done;                  /* the next octet begins another request */
};

enum policy_result { POLICY_MORE, POLICY_DONE, POLICY_BAD };

void policy_parser_init(struct policy_parser *p);
void policy_parser_release(struct policy_parser *p);

/* policy_take() - octets of the peer's: *used of them belong to this request. DONE: p->request has
 * it. BAD: a line without "=", a NUL, an attribute of ours or a request that is too long, or no
 * memory. */
enum policy_result policy_take(struct policy_parser *p, struct span in, size_t *used);

#endif
