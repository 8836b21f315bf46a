/* SPDX-License-Identifier: MIT
 *
 * How much each account got lately: limits.account_messages and account_octets an hour. In memory:
 * a store that is started anew begins anew. Loop's thread only.
 */
#ifndef DELIVER_RATES_PRIV_H
#define DELIVER_RATES_PRIV_H

#include "doorstep/accounts.h"
#include "doorstep/settings.h"

struct rates;

/* rates_new() - limits: borrowed. NULL without memory. */
struct rates *rates_new(const struct settings_limits *limits);
void rates_free(struct rates *r);

/* rates_have() - may the account get one more message of so many octets? What is refused is logged
 * and counted. */
bool rates_have(struct rates *r, const struct account *a, uint64_t octets);

/* rates_take() - the same, and it gets it. */
bool rates_take(struct rates *r, const struct account *a, uint64_t octets);

#endif
