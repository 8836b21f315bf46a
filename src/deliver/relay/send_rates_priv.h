/* SPDX-License-Identifier: MIT
 *
 * How much mail accounts cause: relay.account_messages and relay.messages an hour, so that no flood
 * of forged senders makes a flood of answers. Counted when a message is first sent. In memory: a
 * store that is started anew begins anew. One thread at a time; the caller says what time it is
 * (clock_ms()).
 */
#ifndef DELIVER_RELAY_SEND_RATES_PRIV_H
#define DELIVER_RELAY_SEND_RATES_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct send_rates;

enum send_verdict { SEND_NOW, SEND_ACCOUNT_OVER, SEND_ALL_OVER };

/* send_rates_new() - messages an hour: of one account, of all. NULL without memory. */
struct send_rates *send_rates_new(uint64_t account_max, uint64_t all_max);
void send_rates_free(struct send_rates *r); /* NULL is allowed */

/* send_rates_take() - may it go? One that may is counted. account: user@domain, or "" where
 * nobody's account caused it. wait_ms: what one that may not has to wait, so that those that wait
 * do not come back together. */
enum send_verdict send_rates_take(struct send_rates *r, const char *account, uint64_t now_ms,
                                  uint64_t *wait_ms);

#endif
