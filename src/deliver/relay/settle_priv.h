/* SPDX-License-Identifier: MIT
 *
 * What becomes of handovers that have ended, written into the queue: gone, or when the next attempt
 * is, and the report that the sender is owed. On the queue's thread, many in one transaction.
 */
#ifndef DELIVER_RELAY_SETTLE_PRIV_H
#define DELIVER_RELAY_SETTLE_PRIV_H

#include "doorstep/settings.h"

#include "handover_priv.h"
#include "retry_priv.h"
#include "senders_priv.h"

/* settle_rules() - as the configuration has them. */
struct retry_rules settle_rules(const struct settings *s);

/* settle_run() - all of a list: each has its fates afterwards, and is in flight no longer. false:
 * nothing has changed, and the caller tries again. */
bool settle_run(const struct senders *s, struct queue *q, struct handover *list,
                struct outcome *why);

#endif
