/* SPDX-License-Identifier: MIT
 *
 * Bracket expressions of POSIX (1003.1, 9.3.5).
 */
#ifndef SIEVE_REGEX_BRACKET_PRIV_H
#define SIEVE_REGEX_BRACKET_PRIV_H

#include "regex_priv.h"

/* regex_bracket() - *s begins with '[': take it with its ']' and append it as PCRE2 writes it.
 * NULL, or what is wrong, with *s there. */
const char *regex_bracket(struct span *s, enum regex_flavour flavour, struct buf *out);

#endif
