/* SPDX-License-Identifier: MIT
 *
 * Two stores for tests alone: one that wraps any other and fails call n, and one that takes every
 * delivery and keeps nothing. For the tests of whoever uses stores.
 */
#ifndef STORE_TEST_DRIVERS_H
#define STORE_TEST_DRIVERS_H

#include "doorstep/store_driver.h"

/* store_failing() - inner (taken) behind calls of which the n-th (1 is the first) fails with
 * `kind`; 0: none does. Calls that cannot fail are not counted. who and settings as for
 * store_open(). */
struct store *store_failing(struct store *inner, unsigned n, enum outcome_kind kind);

/* store_failing_arm() - from now on; store_failing_happened() - did it? */
void store_failing_arm(struct store *failing, unsigned n, enum outcome_kind kind);
bool store_failing_happened(const struct store *failing);

extern const struct store_driver store_empty; /* for store_new() */

#endif
