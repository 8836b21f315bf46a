/* SPDX-License-Identifier: MIT
 *
 * The words of a log-in (RFC 4422, RFC 4954) that edge, store and auth role share: mechanisms, how
 * an attempt ends, and the limits of what is said. The exchange itself is auth/'s.
 */
#ifndef DOORSTEP_SASL_H
#define DOORSTEP_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/span.h"

/* In the order in which they are announced: what a client should prefer stands first. */
enum sasl_mechanism {
    SASL_SCRAM_SHA_256_PLUS,
    SASL_SCRAM_SHA_256,
    SASL_PLAIN,
    SASL_LOGIN,
    SASL_EXTERNAL,
    SASL_MECHANISM_COUNT
};

enum sasl_verdict {
    SASL_ACCEPTED,
    SASL_REFUSED,     /* wrong name or password, or no right to that account: never which */
    SASL_MALFORMED,   /* not what the mechanism says */
    SASL_BANNED,      /* too many failures from there, or for that account */
    SASL_UNAVAILABLE, /* nobody can tell now */
    SASL_VERDICT_COUNT
};

#define SASL_LINE_MAX 12288                     /* octets of a line, CRLF included (RFC 4954 4) */
#define SASL_OCTETS_MAX (SASL_LINE_MAX / 4 * 3) /* what it may hold, decoded */
#define SASL_CHALLENGE_MAX 4096 /* octets of a challenge; of ours none is a tenth of it */
#define SASL_LOGIN_SIZE 520     /* user@domain, with its NUL */

/* sasl_mechanism_name() - as it is announced. */
const char *sasl_mechanism_name(enum sasl_mechanism m);

/* sasl_mechanism_find() - without case; false: none of ours. */
bool sasl_mechanism_find(struct span name, enum sasl_mechanism *out);

/* sasl_is_weak() - a mechanism that others have and that is not strong enough here. */
bool sasl_is_weak(struct span name);

/* sasl_decode() - strict base64 (RFC 4648 4): padded, nothing but the alphabet, no bits left over.
 * The time depends on the length only. false: it is none, or longer than size. */
bool sasl_decode(struct span text, char *out, size_t size, size_t *n);

/* sasl_encode() - out has room for SASL_TEXT_SIZE(octets.n). */
#define SASL_TEXT_SIZE(n) (((n) + 2) / 3 * 4 + 1)
void sasl_encode(struct span octets, char *out);

#endif
