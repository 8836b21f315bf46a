/* SPDX-License-Identifier: MIT
 *
 * What the files of a transaction's deliveries share: resolve.c (whose it is), deliveries.c (out
 * they go, and the answers), deliveries_log.c (what is said of them).
 */
#ifndef DELIVER_DELIVERIES_PRIV_H
#define DELIVER_DELIVERIES_PRIV_H

#include "transaction_priv.h"

/* recipient_is_added() - by a content filter: the client knows nothing of it. */
static inline bool
recipient_is_added(const struct recipient *r)
{
    return r->number >= r->transaction->asked;
}

/* deliveries_done() - of a parcel: it is counted and told, and whoever waited for it alone is
 * answered. The transaction may be gone after it. */
void deliveries_done(struct delivery *delivery);

/* deliveries_log() - one line in the delivery log: for a parcel's copy, or for a recipient that
 * never became one (p and copy NULL). */
void deliveries_log(struct transaction *t, uint32_t recipient, const struct parcel *p,
                    const struct delivery *copy, const struct outcome *why);

#endif
