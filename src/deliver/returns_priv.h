/* SPDX-License-Identifier: MIT
 *
 * What goes back for a transaction, in the queue on stable storage before anything is answered:
 * what accounts refused that no answer can tell - for SMTP has one, as has an alias in LMTP - as
 * the disposition of a script's `reject` (RFC 5429 2.2.1), and all else in one report (RFC 3461);
 * there, too, deliveries whose NOTIFY asks for it. And reports of others that came to an address of
 * SRS, to the sender behind it.
 */
#ifndef DELIVER_RETURNS_PRIV_H
#define DELIVER_RETURNS_PRIV_H

#include "transaction_priv.h"

/* returns_can_report() - the sender can be told of refusals: it is no <>, and mail can leave. */
bool returns_can_report(const struct transaction *t);

/* returns_are_unsayable() - all accounts of the recipient refuse the message, and one with words
 * that no answer can say. returns_speak_for() - all refuse it, and messages tell that in place of
 * the answer. returns_owed() - one or more refuse it, and the answer does not tell. All: when it is
 * known what became of the recipient. */
bool returns_are_unsayable(const struct recipient *r);
bool returns_speak_for(const struct recipient *r);
bool returns_owed(const struct recipient *r);

/* returns_expected() - something may go back: its answers go out together. Before delivery. */
bool returns_expected(const struct transaction *t);

typedef void (*returns_fn)(struct transaction *t, const struct outcome *why);

/* returns_send() - all recipients are known. false: nothing goes back, and fn is not called; else
 * fn is called, perhaps at once: the queue has it, or `why` is a temporary failure. A report that
 * is repeated because its message came again is queued once. */
bool returns_send(struct transaction *t, returns_fn fn);

#endif
