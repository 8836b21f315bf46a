/* SPDX-License-Identifier: MIT
 *
 * The report that a sender is owed when a handover has ended (RFC 3461): which recipients it is
 * about, and the item that brings it. It goes to the reverse-path that the message was sent with,
 * never to <>, so never about a report.
 */
#ifndef DELIVER_RELAY_REPORT_PRIV_H
#define DELIVER_RELAY_REPORT_PRIV_H

#include "doorstep/dsn.h"
#include "doorstep/settings.h"

#include "handover_priv.h"
#include "senders_priv.h"

/* report_consider() - recipient i is in the report, where its sender wants to know. */
void report_consider(struct handover *h, uint32_t i, enum dsn_action action);

/* report_in_any_case() - the same, where its sender wants to hear anything at all. */
void report_in_any_case(struct handover *h, uint32_t i, enum dsn_action action);

/* report_make() - *out: the report on those considered, in the handover's arena, its message in the
 * queue where it is not small; NULL: nobody is owed one. The queue's thread. */
bool report_make(const struct senders *from, struct queue *q, struct handover *h, time_t now,
                 const struct queue_item **out, struct outcome *why);

#endif
