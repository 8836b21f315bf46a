/* SPDX-License-Identifier: MIT
 *
 * What goes back for a transaction, in the queue on stable storage before anything is answered:
 * the report to the sender (RFC 3461) - of recipients that refused a message which others have,
 * for SMTP has one answer, and of those delivered to whose NOTIFY asks for that - and reports of
 * others that came to an address of SRS, to the sender behind it.
 */
#ifndef DELIVER_RETURNS_PRIV_H
#define DELIVER_RETURNS_PRIV_H

#include "transaction_priv.h"

/* returns_can_report() - the sender can be told of refusals: it is no <>, and mail can leave. */
bool returns_can_report(const struct transaction *t);

/* returns_expected() - something may go back: its answers go out together. Before delivery. */
bool returns_expected(const struct transaction *t);

typedef void (*returns_fn)(struct transaction *t, const struct outcome *why);

/* returns_send() - all recipients are known. false: nothing goes back, and fn is not called; else
 * fn is called, perhaps at once: the queue has it, or `why` is a temporary failure. A report that
 * is repeated because its message came again is queued once. */
bool returns_send(struct transaction *t, returns_fn fn);

#endif
