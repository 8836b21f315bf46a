/* SPDX-License-Identifier: MIT
 *
 * What the tables of Sieve's tests share: a script to its errors, a script and a message to what
 * comes of them, both as one line of text.
 */
#ifndef SIEVE_CASE_H
#define SIEVE_CASE_H

#include "doorstep/sieve.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CASE_MESSAGE                                                                               \
    "From: Bob <bob@example.com>\r\nTo: ann+lists@example.org\r\nSubject: Hello\r\n"               \
    "X-Twice: one\r\nX-Twice: two\r\n\r\nA line.\r\n"

/* case_errors() - "2:3 text; 4:1 text", appended to out; "" when the script is right. */
void case_errors(struct span script, const struct sieve_limits *limits, struct buf *out);

/* case_outcome() - "fileinto Junk; redirect a@b; implicit keep", "failed: text (implicit keep)" or
 * "refused: errors". */
void case_outcome(struct span script, struct span message, const struct sieve_limits *limits,
                  struct buf *out);

/* case_check() - fails with the name when a and b differ. */
void case_check(const char *name, const struct buf *seen, const char *expected);

#endif
