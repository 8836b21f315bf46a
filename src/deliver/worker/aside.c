/* SPDX-License-Identifier: MIT
 *
 * Deliveries that wait for a busy account (a mailbox that another program has locked, a hand that
 * is still starting), so that the worker goes on with the others: see aside_priv.h.
 */
#include "aside_priv.h"

#include <string.h>
#include <utlist.h>

#include "doorstep/metrics.h"

#define AGAIN_MAX_MS 50
#define ASIDE_MAX 100 /* deliveries that may wait for one account */

bool
aside_put(struct worker *w, struct delivery *d, struct store_wait wait)
{
    uint64_t now = clock_ms();
    unsigned ms = wait.ms == 0 || wait.ms > AGAIN_MAX_MS ? AGAIN_MAX_MS : wait.ms;

    if (d->give_up_ms == 0)
        d->give_up_ms = now + d->account->store_settings->lock_timeout;
    if (now >= d->give_up_ms || d->account->aside >= ASIDE_MAX)
        return outcome_set(&d->why, OUTCOME_BUSY, "%s is busy", d->account->key);
    buf_release(&d->trace);
    for (uint32_t i = 0; i < d->copy_count; i++)
        buf_release(&d->copies[i].trace);
    d->again_ms = now + ms;
    d->account->aside++;
    DL_APPEND(w->aside, d);
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_ASIDE, 1);
    return true;
}

static void
take(struct worker *w, struct delivery *d)
{
    DL_DELETE(w->aside, d);
    d->account->aside--;
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_ASIDE, -1);
}

void
aside_take_due(struct worker *w)
{
    uint64_t now = clock_ms();
    struct delivery *d, *next;

    DL_FOREACH_SAFE(w->aside, d, next)
    {
        if (d->again_ms > now || w->batch_count == BATCH_MAX)
            continue;
        take(w, d);
        w->batch[w->batch_count++] = d;
    }
}

unsigned
aside_next_due(const struct worker *w)
{
    uint64_t now = clock_ms(), soonest = UINT64_MAX;
    struct delivery *d;

    DL_FOREACH(w->aside, d)
    {
        if (d->again_ms < soonest)
            soonest = d->again_ms;
    }
    if (soonest == UINT64_MAX)
        return JOB_WAIT_FOREVER;
    return soonest <= now ? 0 : (unsigned)(soonest - now);
}

struct delivery *
aside_take_any(struct worker *w)
{
    struct delivery *d = w->aside;

    if (d != NULL) {
        take(w, d);
    }
    return d;
}

struct delivery *
aside_take_of(struct worker *w, const char *user, const char *domain)
{
    struct delivery *d;

    DL_FOREACH(w->aside, d)
    {
        const struct account *a = &d->target.account;
        if (strcmp(a->user, user) != 0 || strcmp(a->domain, domain) != 0)
            continue;
        take(w, d);
        return d;
    }
    return NULL;
}
