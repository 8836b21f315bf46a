/* SPDX-License-Identifier: MIT
 *
 * Mail of the last hour by account: see rates_priv.h.
 */
#include "rates_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/rate_table.h"

enum { MESSAGES, OCTETS, EACH };

struct rates {
    const struct settings_limits *limits; /* borrowed */
    struct rate_table accounts;           /* by user@domain */
};

static bool
is_refused(const struct settings_limits *limits, const char *account, struct rate *rates,
           uint64_t octets, uint64_t now_ms)
{
    if (!rate_has(&rates[MESSAGES], limits->account_messages, 1, now_ms))
        limit_hit(METRICS_LIMIT_ACCOUNT_MESSAGES, NULL, account);
    else if (!rate_has(&rates[OCTETS], limits->account_octets, octets, now_ms))
        limit_hit(METRICS_LIMIT_ACCOUNT_OCTETS, NULL, account);
    else
        return false;
    return true;
}

/* Without memory nothing is counted, since mail is not lost for that. */
static bool
look(struct rates *r, const struct account *a, uint64_t octets, bool takes)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    uint64_t now_ms = clock_ms();
    struct rate *rates;

    if (r->limits->account_messages == UINT64_MAX && r->limits->account_octets == UINT64_MAX)
        return true;
    snprintf(key, sizeof key, "%s@%s", a->user, a->domain);
    rates = rate_table_get(&r->accounts, key, now_ms);
    if (rates == NULL)
        return true;
    if (is_refused(r->limits, key, rates, octets, now_ms))
        return false;
    if (takes) {
        rate_take(&rates[MESSAGES], 1);
        rate_take(&rates[OCTETS], octets);
    }
    return true;
}

bool
rates_have(struct rates *r, const struct account *a, uint64_t octets)
{
    return look(r, a, octets, false);
}

bool
rates_take(struct rates *r, const struct account *a, uint64_t octets)
{
    return look(r, a, octets, true);
}

struct rates *
rates_new(const struct settings_limits *limits)
{
    struct rates *r = malloc(sizeof *r);

    if (r == NULL)
        return NULL;
    r->limits = limits;
    rate_table_init(&r->accounts, EACH);
    return r;
}

void
rates_free(struct rates *r)
{
    if (r == NULL)
        return;
    rate_table_release(&r->accounts);
    free(r);
}
