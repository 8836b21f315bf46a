/* SPDX-License-Identifier: MIT
 *
 * What a next hop announces in its reply to EHLO or LHLO.
 */
#ifndef DOORSTEP_RELAY_CLIENT_CAPABILITIES_PRIV_H
#define DOORSTEP_RELAY_CLIENT_CAPABILITIES_PRIV_H

#include "doorstep/sasl.h"
#include "reply_priv.h"

struct capabilities {
    bool pipelining; /* RFC 2920 */
    bool eightbit;   /* 8BITMIME, RFC 6152 */
    bool chunking;   /* and the next: RFC 3030 */
    bool binary;
    bool smtputf8;       /* RFC 6531 */
    bool dsn;            /* RFC 3461 */
    bool starttls;       /* RFC 3207 */
    bool requiretls;     /* RFC 8689 */
    bool deliverby;      /* RFC 2852 */
    uint64_t by_min;     /* seconds: with less it returns; 0: it does not say */
    bool announces_size; /* RFC 1870 */
    uint64_t size;       /* its limit; 0: there is none that it says */
    unsigned auth;       /* RFC 4954: a bit 1 << enum sasl_mechanism for each */
    unsigned forward;    /* XFORWARD: a bit 1 << enum relay_forward_attribute for each */
};

/* capabilities_read() - of a whole reply; everything of before is forgotten. Keywords that are not
 * known, and known ones in a wrong form, announce nothing. */
void capabilities_read(struct capabilities *c, const struct reply *r);

#endif
