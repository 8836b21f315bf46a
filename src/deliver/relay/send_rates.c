/* SPDX-License-Identifier: MIT
 *
 * Mail that accounts caused in the last hour: see send_rates_priv.h.
 */
#include "send_rates_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/rate.h"
#include "doorstep/table.h"

#define ENTRIES_MAX 100000

struct entry {
    struct rate rate;
    UT_hash_handle hh; /* in the order in which they came */
    char account[];
};

struct send_rates {
    uint64_t account_max, all_max;
    struct rate all;
    bool has_begun; /* all's clock */
    struct entry *entries;
};

static void
forget(struct send_rates *r, struct entry *e)
{
    HASH_DEL(r->entries, e);
    free(e);
}

/* Those whose hour is over make room; else the oldest does. */
static void
make_room(struct send_rates *r, uint64_t now_ms)
{
    struct entry *e, *next;

    if (HASH_COUNT(r->entries) < ENTRIES_MAX)
        return;
    HASH_ITER(hh, r->entries, e, next)
    {
        if (rate_is_full(&e->rate, r->account_max, now_ms))
            forget(r, e);
    }
    if (HASH_COUNT(r->entries) >= ENTRIES_MAX)
        forget(r, r->entries);
}

/* NULL without memory: then the limit of all must do. */
static struct rate *
rate_of(struct send_rates *r, const char *account, uint64_t now_ms)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, account, e);
    if (e != NULL)
        return &e->rate;
    make_room(r, now_ms);
    e = calloc(1, sizeof *e + strlen(account) + 1);
    if (e == NULL)
        return NULL;
    memcpy(e->account, account, strlen(account) + 1);
    rate_init(&e->rate, now_ms);
    HASH_ADD_STR(r->entries, account, e);
    if (e->hh.tbl != NULL)
        return &e->rate;
    free(e);
    return NULL;
}

enum send_verdict
send_rates_take(struct send_rates *r, const char *account, uint64_t now_ms)
{
    struct rate *own = *account != '\0' ? rate_of(r, account, now_ms) : NULL;

    if (!r->has_begun)
        rate_init(&r->all, now_ms);
    r->has_begun = true;
    if (own != NULL && !rate_has(own, r->account_max, 1, now_ms))
        return SEND_ACCOUNT_OVER;
    if (!rate_has(&r->all, r->all_max, 1, now_ms))
        return SEND_ALL_OVER;
    if (own != NULL)
        rate_take(own, 1);
    rate_take(&r->all, 1);
    return SEND_NOW;
}

struct send_rates *
send_rates_new(uint64_t account_max, uint64_t all_max)
{
    struct send_rates *r = calloc(1, sizeof *r);

    if (r != NULL)
        *r = (struct send_rates){.account_max = account_max, .all_max = all_max};
    return r;
}

void
send_rates_free(struct send_rates *r)
{
    if (r == NULL)
        return;
    while (r->entries != NULL)
        forget(r, r->entries);
    free(r);
}
