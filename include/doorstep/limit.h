/* SPDX-License-Identifier: MIT
 *
 * What happens when something goes as far as a limit: it is counted, and logged, by the limit's
 * name (docs/limits.md has them all). A flood that passes a limit thousands of times a second
 * writes one line a second for it.
 */
#ifndef DOORSTEP_LIMIT_H
#define DOORSTEP_LIMIT_H

#include "doorstep/metrics_labels.h"

/* limit_hit() - id: of the session, or NULL; subject: who it was (a peer, an account), or NULL. One
 * thread of a process, the loop's. */
void limit_hit(enum metrics_LIMITS limit, const char *id, const char *subject);

#endif
