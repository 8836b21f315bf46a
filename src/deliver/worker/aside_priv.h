/* SPDX-License-Identifier: MIT
 *
 * Deliveries that wait for a busy account. Worker's thread.
 */
#ifndef DELIVER_ASIDE_PRIV_H
#define DELIVER_ASIDE_PRIV_H

#include "batch_priv.h"

/* aside_put() - try again after `wait`. false: it waited as long as its store's lock_timeout, or
 * too many wait for that account; d->why says BUSY. */
bool aside_put(struct worker *w, struct delivery *d, struct store_wait wait);

/* aside_take_due() - what is due joins the batch, as much as fits. */
void aside_take_due(struct worker *w);

/* aside_next_due() - ms until something is due, JOB_WAIT_FOREVER when nothing waits. */
unsigned aside_next_due(const struct worker *w);

/* aside_take_any() - one that waits, due or not; NULL when none does. */
struct delivery *aside_take_any(struct worker *w);

/* aside_take_of() - one that waits for this account, due or not; NULL when none does. */
struct delivery *aside_take_of(struct worker *w, const char *user, const char *domain);

#endif
