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
#define HOUR_MS UINT64_C(3600000)

struct bucket {
    struct rate rate;
    uint64_t last_ms; /* when the last of those that wait comes back */
};

struct entry {
    struct bucket bucket;
    UT_hash_handle hh; /* in the order in which they came */
    char account[];
};

struct send_rates {
    uint64_t account_max, all_max;
    struct bucket all;
    bool has_begun; /* all's clock */
    struct entry *entries;
};

static void
forget(struct send_rates *r, struct entry *e)
{
    HASH_DEL(r->entries, e);
    free(e);
}

/* NULL without memory: then the limit of all must do. */
static struct bucket *
bucket_of(struct send_rates *r, const char *account, uint64_t now_ms)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, account, e);
    if (e != NULL)
        return &e->bucket;
    if (HASH_COUNT(r->entries) >= ENTRIES_MAX)
        forget(r, r->entries); /* the oldest */
    e = calloc(1, sizeof *e + strlen(account) + 1);
    if (e == NULL)
        return NULL;
    memcpy(e->account, account, strlen(account) + 1);
    rate_init(&e->bucket.rate, now_ms);
    HASH_ADD_STR(r->entries, account, e);
    if (e->hh.tbl != NULL)
        return &e->bucket;
    free(e);
    return NULL;
}

/* As fast as tokens come back. */
static uint64_t
wait_for(struct bucket *b, uint64_t max, uint64_t now_ms)
{
    uint64_t step = max < HOUR_MS ? HOUR_MS / max : 1;

    b->last_ms = (b->last_ms > now_ms ? b->last_ms : now_ms) + step;
    return b->last_ms - now_ms;
}

enum send_verdict
send_rates_take(struct send_rates *r, const char *account, uint64_t now_ms, uint64_t *wait_ms)
{
    struct bucket *own = *account != '\0' ? bucket_of(r, account, now_ms) : NULL;

    *wait_ms = 0;
    if (!r->has_begun)
        rate_init(&r->all.rate, now_ms);
    r->has_begun = true;
    if (own != NULL && !rate_has(&own->rate, r->account_max, 1, now_ms)) {
        *wait_ms = wait_for(own, r->account_max, now_ms);
        return SEND_ACCOUNT_OVER;
    }
    if (!rate_has(&r->all.rate, r->all_max, 1, now_ms)) {
        *wait_ms = wait_for(&r->all, r->all_max, now_ms);
        return SEND_ALL_OVER;
    }
    if (own != NULL)
        rate_take(&own->rate, 1);
    rate_take(&r->all.rate, 1);
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
