/* SPDX-License-Identifier: MIT
 *
 * Mail of the last hour by account: see rates_priv.h.
 */
#include "rates_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/rate.h"

#include "doorstep/table.h"

#define ENTRIES_MAX 100000

struct entry {
    struct rate messages, octets;
    UT_hash_handle hh; /* in the order in which they came */
    char key[];        /* user@domain */
};

struct rates {
    const struct settings_limits *limits; /* borrowed */
    struct entry *entries;
};

static void
forget(struct rates *r, struct entry *e)
{
    HASH_DEL(r->entries, e);
    free(e);
}

/* NULL without memory: then nothing is counted, since mail is not lost for that. */
static struct entry *
find_or_make(struct rates *r, const char *key, uint64_t now_ms)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, key, e);
    if (e != NULL)
        return e;
    if (HASH_COUNT(r->entries) >= ENTRIES_MAX)
        forget(r, r->entries); /* the oldest */
    e = calloc(1, sizeof *e + strlen(key) + 1);
    if (e == NULL)
        return NULL;
    memcpy(e->key, key, strlen(key) + 1);
    rate_init(&e->messages, now_ms);
    rate_init(&e->octets, now_ms);
    HASH_ADD_STR(r->entries, key, e);
    if (e->hh.tbl != NULL)
        return e;
    free(e);
    return NULL;
}

static bool
is_refused(struct rates *r, struct entry *e, uint64_t octets, uint64_t now_ms)
{
    if (!rate_has(&e->messages, r->limits->account_messages, 1, now_ms))
        limit_hit(METRICS_LIMIT_ACCOUNT_MESSAGES, NULL, e->key);
    else if (!rate_has(&e->octets, r->limits->account_octets, octets, now_ms))
        limit_hit(METRICS_LIMIT_ACCOUNT_OCTETS, NULL, e->key);
    else
        return false;
    return true;
}

static bool
look(struct rates *r, const struct account *a, uint64_t octets, bool takes)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    uint64_t now_ms = clock_ms();
    struct entry *e;

    if (r->limits->account_messages == UINT64_MAX && r->limits->account_octets == UINT64_MAX)
        return true;
    snprintf(key, sizeof key, "%s@%s", a->user, a->domain);
    e = find_or_make(r, key, now_ms);
    if (e == NULL)
        return true;
    if (is_refused(r, e, octets, now_ms))
        return false;
    if (takes) {
        rate_take(&e->messages, 1);
        rate_take(&e->octets, octets);
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
    struct rates *r = calloc(1, sizeof *r);

    if (r != NULL)
        r->limits = limits;
    return r;
}

void
rates_free(struct rates *r)
{
    if (r == NULL)
        return;
    while (r->entries != NULL)
        forget(r, r->entries);
    free(r);
}
