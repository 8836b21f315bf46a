/* SPDX-License-Identifier: MIT
 *
 * The accounts whose deliveries took longest in the last seconds, for `doorstep top`: the names of
 * a few, in memory, for whoever may use the control socket; they are no metrics. Loop's thread
 * only.
 */
#ifndef DELIVER_SLOW_PRIV_H
#define DELIVER_SLOW_PRIV_H

#include "doorstep/accounts.h"

#define SLOW_ACCOUNTS 32  /* of a span */
#define SLOW_SPAN_MS 5000 /* what is told is of one to two of them */
#define SLOW_NAME_SIZE (ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE)

struct slow_account {
    char name[SLOW_NAME_SIZE]; /* user@domain */
    uint64_t deliveries;
    uint64_t total_us;
    uint64_t longest_us;
};

struct slow_span {
    uint64_t began_ms;
    size_t count;
    struct slow_account rows[SLOW_ACCOUNTS];
};

struct slow { /* all zero to begin with */
    struct slow_span spans[2];
    unsigned current;
};

/* slow_note() - one delivery to the account has ended, whatever its outcome, so long after the
 * message was whole. now_ms: clock_ms(). */
void slow_note(struct slow *s, const struct account *account, uint64_t us, uint64_t now_ms);

/* slow_list() - their number; the slowest first. */
size_t slow_list(struct slow *s, uint64_t now_ms, struct slow_account rows[2 * SLOW_ACCOUNTS]);

#endif
