/* SPDX-License-Identifier: MIT
 *
 * What the files of a transaction's deliveries share: resolve.c (whose it is), deliveries.c (out
 * they go), answers.c (what the client hears), deliveries_log.c (what is said of them).
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

/* deliveries_post() - to its account's worker, once more or for the first time: those whose
 * recipients it is wait for it. */
void deliveries_post(struct parcel *p);

/* answers_complete() - why, as delivery `id`, is the recipient's answer as far as it is known now.
 * Copied. */
void answers_complete(struct transaction *t, struct recipient *r, const struct outcome *why,
                      const char *id);

/* answers_recipient_done() - all deliveries to it are: its answer is folded from theirs, or some
 * are sent again and it goes on waiting. */
void answers_recipient_done(struct transaction *t, struct recipient *r);

/* answers_progress() - after something was completed: what can be said now is said. The transaction
 * may be gone after it. */
void answers_progress(struct transaction *t);

/* answers_send() - the same without the fold: what is complete is said as it is. */
void answers_send(struct transaction *t);

/* deliveries_log() - one line in the delivery log: for a parcel's copy, or for a recipient that
 * never became one (p and copy NULL). */
void deliveries_log(struct transaction *t, uint32_t recipient, const struct parcel *p,
                    const struct delivery *copy, const struct outcome *why);

#endif
