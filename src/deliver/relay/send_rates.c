/* SPDX-License-Identifier: MIT
 *
 * Mail that accounts caused in the last hour: see send_rates_priv.h.
 */
#include "send_rates_priv.h"

#include <stdlib.h>

#include "doorstep/rate_table.h"

struct send_rates {
    uint64_t account_max, all_max;
    struct rate all;
    struct rate_table accounts;
};

/* Where there is no memory for the account, the limit of all must do. */
enum send_verdict
send_rates_take(struct send_rates *r, const char *account, uint64_t now_ms, uint64_t *wait_ms)
{
    struct rate *own = *account != '\0' ? rate_table_get(&r->accounts, account, now_ms) : NULL;

    *wait_ms = 0;
    if (own != NULL && !rate_has(own, r->account_max, 1, now_ms)) {
        *wait_ms = rate_wait(own, r->account_max, now_ms);
        return SEND_ACCOUNT_OVER;
    }
    if (!rate_has(&r->all, r->all_max, 1, now_ms)) {
        *wait_ms = rate_wait(&r->all, r->all_max, now_ms);
        return SEND_ALL_OVER;
    }
    if (own != NULL)
        rate_take(own, 1);
    rate_take(&r->all, 1);
    return SEND_NOW;
}

struct send_rates *
send_rates_new(uint64_t account_max, uint64_t all_max)
{
    struct send_rates *r = malloc(sizeof *r);

    if (r == NULL)
        return NULL;
    *r = (struct send_rates){.account_max = account_max, .all_max = all_max};
    rate_init(&r->all, 0); /* full, whatever the time */
    rate_table_init(&r->accounts, 1);
    return r;
}

void
send_rates_free(struct send_rates *r)
{
    if (r == NULL)
        return;
    rate_table_release(&r->accounts);
    free(r);
}
