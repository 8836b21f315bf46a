/* SPDX-License-Identifier: MIT
 *
 * The comparator i;unicode-casemap.
 */
#ifndef SIEVE_COMPARATOR_UNICODE_PRIV_H
#define SIEVE_COMPARATOR_UNICODE_PRIV_H

#include "doorstep/buf.h"
#include "doorstep/span.h"

#define UNICODE_FOLDED_MAX 72 /* octets of one character: Unicode's longest has 18 characters */

/* As struct sieve_comparator has them. Octets that are no UTF-8 stay, and stand behind all
 * characters. */
int unicode_order(struct span a, struct span b);
bool unicode_fold(struct span s, struct buf *out);

#endif
