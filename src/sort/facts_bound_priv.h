/* SPDX-License-Identifier: MIT
 *
 * The last step of a scan: no more than SORT_FACTS_MAX octets when packed, in memory of the
 * caller's.
 */
#ifndef DOORSTEP_SORT_FACTS_BOUND_PRIV_H
#define DOORSTEP_SORT_FACTS_BOUND_PRIV_H

#include <stdbool.h>

#include "doorstep/facts.h"

/* facts_bound_copy() - move every string of f into arena; one that is missing (NULL) becomes "".
 * What is too much is left out and marked FACTS_TRUNCATED. false without memory: f then points to
 * both. */
bool facts_bound_copy(struct facts *f, struct arena *arena);

#endif
