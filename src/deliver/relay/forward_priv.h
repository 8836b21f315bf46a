/* SPDX-License-Identifier: MIT
 *
 * Accounts that are at home elsewhere: their mail is handed on while the client waits, and what the
 * far side says of each is the client's answer. Nothing is kept here. Loop's thread.
 */
#ifndef DELIVER_RELAY_FORWARD_PRIV_H
#define DELIVER_RELAY_FORWARD_PRIV_H

#include "transaction_priv.h"

/* forward_route() - to the home of an account that has `forward`; NULL: the settings have no such
 * route, and `why` says so (SYSTEM). */
const struct settings_route *forward_route(const struct settings *s, const struct account *a,
                                           struct outcome *why);

/* forward_print() - the address by which its home knows an account, without brackets. false: no
 * room. */
bool forward_print(const struct settings *s, const struct account_target *t, struct buf *out);

/* forward_is() - is this parcel's account at home elsewhere? */
bool forward_is(const struct parcel *p);

/* forward_post() - those of a transaction (or a part of one) that are and are not settled go on;
 * delivery.done() is called for each, once, after this returns. */
void forward_post(struct transaction *part);

#endif
