/* SPDX-License-Identifier: MIT
 *
 * Accounts that are at home elsewhere: their mail is handed on while the client waits, and what the
 * far side says of each is the client's answer. Nothing is kept here. Loop's thread.
 */
#ifndef DELIVER_RELAY_FORWARD_PRIV_H
#define DELIVER_RELAY_FORWARD_PRIV_H

#include "transaction_priv.h"

/* forward_route() - to the home of a domain's accounts; NULL: it is here. */
const struct settings_route *forward_route(const struct settings *s, const char *domain);

/* forward_is() - is this parcel's account at home elsewhere? */
bool forward_is(const struct parcel *p);

/* forward_post() - those of a transaction (or a part of one) that are and are not settled go on;
 * delivery.done() is called for each, once, after this returns. */
void forward_post(struct transaction *part);

#endif
