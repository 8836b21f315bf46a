/* SPDX-License-Identifier: MIT
 *
 * Compiled scripts that a sorter keeps, by the hash of their text: accounts with the same script
 * share one. The longest unused goes first.
 */
#ifndef SORT_PROGRAMS_PRIV_H
#define SORT_PROGRAMS_PRIV_H

#include "doorstep/sieve.h"

struct programs;

/* programs_new() - that keeps about octets_max. NULL without memory. */
struct programs *programs_new(size_t octets_max);
void programs_free(struct programs *p); /* NULL is allowed */

/* programs_find() - NULL: it is not kept. Borrowed until the next programs_trim(). */
struct sieve_program *programs_find(struct programs *p, const char *hash);

/* programs_keep() - program (taken) is found by this hash from now on. false: no memory, it is
 * still the caller's. */
bool programs_keep(struct programs *p, const char *hash, struct sieve_program *program);

/* programs_trim() - drops the longest unused where they take more than octets_max, all but one at
 * most. Between two runs: actions point into the programs of theirs. */
void programs_trim(struct programs *p);

#endif
