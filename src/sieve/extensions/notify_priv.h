/* SPDX-License-Identifier: MIT
 *
 * Methods of notify (RFC 5435): the one that there is, mailto (RFC 5436).
 */
#ifndef SIEVE_NOTIFY_PRIV_H
#define SIEVE_NOTIFY_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/sieve_extension.h"

#define MAILTO_RECIPIENTS_MAX 8 /* envelope recipients of one notification */
#define MAILTO_HEADERS_MAX 32

struct mailto { /* strings are the arena's, decoded */
    const char *to[MAILTO_RECIPIENTS_MAX];
    uint32_t to_count;
    const char *cc[MAILTO_RECIPIENTS_MAX];
    uint32_t cc_count;
    const char *subject, *body;              /* or NULL */
    const char *headers[MAILTO_HEADERS_MAX]; /* "Name: value" */
    uint32_t header_count;
};

/* mailto_parse() - a URI of RFC 6068. False: *why says what is wrong, for people. */
bool mailto_parse(struct span uri, struct arena *arena, struct mailto *out, const char **why);

#endif
