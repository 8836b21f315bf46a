/* SPDX-License-Identifier: MIT
 *
 * "did you mean ...?"
 */
#ifndef DOORSTEP_CONFIG_NEAREST_PRIV_H
#define DOORSTEP_CONFIG_NEAREST_PRIV_H

#include <stddef.h>

/* nearest_distance() - insertions, deletions, changes and swaps of neighbours that make b of a
 * (optimal string alignment, the restricted Damerau-Levenshtein distance). Names longer than 64
 * octets are compared by their first 64. */
size_t nearest_distance(const char *a, const char *b);

/* nearest_name() - the name with the least distance, the first of several; NULL when there is none.
 */
const char *nearest_name(const char *wanted, const char *const *names, size_t count);

#endif
