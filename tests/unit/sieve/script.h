/* SPDX-License-Identifier: MIT
 *
 * A script and a message, and in one line what comes of them: for tables of cases.
 */
#ifndef TESTS_SIEVE_SCRIPT_H
#define TESTS_SIEVE_SCRIPT_H

#include "doorstep/sieve.h"

struct script_world { /* all borrowed; what is NULL or 0 has a usual value */
    const struct sieve_host *host;
    const struct sieve_limits *limits;
    const struct sieve_envelope *envelope;
    time_t now;
};

/* script_outcome() - what becomes of message, whose lines end in LF or CRLF:
 *   "refused 2: text"  errors and the first of them
 *   "failed: text"     the run's error
 *   "fileinto Junk; redirect a@example.org; (keep)"   actions; the implicit keep in parentheses
 * Owned by the caller: free(). */
char *script_outcome(const struct script_world *world, const char *script, struct span message);

/* script_truth() - the outcome of a test: "true", "false", "refused ..." or "failed ...". `require`
 * is a string list's inside: "\"date\", \"index\"". Owned by the caller. */
char *script_truth(const struct script_world *world, const char *require, const char *test,
                   struct span message);

/* script_message() - the message as the first action took it, or "refused ...", "failed ...".
 * Owned by the caller. */
char *script_message(const struct script_world *world, const char *script, struct span message);

#endif
