/* SPDX-License-Identifier: MIT
 *
 * Whose a message is: each recipient is looked up, and becomes one parcel for each account and
 * detail; the same one given twice is one parcel and two answers.
 */
#include <stdlib.h>
#include <string.h>

#include "doorstep/metrics.h"

#include "deliveries_priv.h"
#include "filing_priv.h"

/* The one for this account and detail, or a new one. NULL: there is none, *lack says why. */
static struct parcel *
find_parcel(struct transaction *t, const struct account_target *target, struct buf *key,
            enum outcome_kind *lack)
{
    struct parcel *p;

    *lack = OUTCOME_SYSTEM; /* no memory */
    buf_reset(key);
    if (!buf_append_str(key, target->account.user) || !buf_append_char(key, '@') ||
        !buf_append_str(key, target->account.domain) || !buf_append_char(key, '+') ||
        !buf_append_str(key, target->detail))
        return NULL;
    HASH_FIND(hh, t->parcels, key->data, key->len, p);
    if (p != NULL)
        return p;
    if (!rates_take(t->deliver->rates, &target->account, message_traits(t->msg)->octets)) {
        *lack = OUTCOME_ACCOUNT_RATE;
        return NULL;
    }
    p = calloc(1, sizeof *p + key->len + 1);
    if (p == NULL)
        return NULL;
    memcpy(p->key, key->data, key->len);
    p->transaction = t;
    p->delivery.job.run = batch_run_delivery;
    p->delivery.source = &t->source;
    p->delivery.may_create = true; /* where a content filter wants it */
    p->delivery.target = *target;
    p->delivery.done = deliveries_done;
    HASH_ADD_KEYPTR(hh, t->parcels, p->key, key->len, p);
    if (p->hh.tbl != NULL)
        return p;
    free(p);
    return NULL;
}

/* Who answers for it: a recipient that a filter added is one more target of the first that the
 * client gave and no filter took off, as if that were an alias. */
static struct recipient *
host_of(struct recipient *r)
{
    struct transaction *t = r->transaction;

    for (uint32_t i = 0; recipient_is_added(r) && i < t->asked; i++)
        if (!t->recipients[i].is_deleted)
            return &t->recipients[i];
    return recipient_is_added(r) ? &t->recipients[0] : r;
}

static bool
add_target(struct recipient *r, const struct account_target *target)
{
    struct transaction *t = r->transaction;
    struct recipient *host = host_of(r);
    struct buf key;

    buf_init(&key, sizeof *target);
    struct parcel *p = find_parcel(t, target, &key, &host->lack);
    buf_release(&key);
    struct link *l = p == NULL ? NULL : arena_alloc(&t->arena, sizeof *l);
    if (l == NULL)
        return false;
    if (p->links == NULL)
        p->delivery.recipient = r->number;
    *l = (struct link){host->number, p, host->links, p->links};
    host->links = l;
    p->links = l;
    return true;
}

static void
drop_unlinked(struct transaction *t)
{
    struct parcel *p, *next;

    HASH_ITER(hh, t->parcels, p, next)
    {
        if (p->links != NULL)
            continue;
        HASH_DEL(t->parcels, p); /* no memory for its link: its recipient was refused */
        free(p);
    }
}

static void
on_all_resolved(struct transaction *t)
{
    t->times.resolved_us = clock_us();
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_LOOKUP,
                    t->times.resolved_us - t->times.ended_us);
    drop_unlinked(t);
    t->unready = 1;
    hooks_before(t);
}

static void
refuse_later(struct recipient *r, const struct outcome *why)
{
    r->is_refused = true;
    r->why = *why;
}

static void
on_resolved(void *arg, const struct account_targets *targets, const struct outcome *why)
{
    struct recipient *r = arg;
    struct transaction *t = r->transaction;
    struct outcome none;

    if (!outcome_is_success(why)) {
        refuse_later(r, why);
    } else {
        for (size_t i = 0; i < targets->count; i++)
            if (!add_target(r, &targets->list[i]))
                host_of(r)->lacks_target = true;
        if (host_of(r)->links == NULL) {
            outcome_set(&none, host_of(r)->lack, "no delivery for any of its accounts");
            refuse_later(r, &none);
        }
    }
    if (--t->lookups == 0)
        on_all_resolved(t);
}

/* An address of SRS leads back to a sender; asked at RCPT already, and once more here. What a
 * filter adds has no answer of its own, and is looked up as any. */
static bool
is_behind(struct recipient *r)
{
    struct transaction *t = r->transaction;
    const struct address *to = &t->envelope.recipients[r->number].address;
    struct address behind;
    struct outcome why;
    struct buf text;

    if (recipient_is_added(r) || !senders_is_rewritten(&t->deliver->senders, to))
        return false;
    buf_init(&text, ADDRESS_PATH_MAX);
    if (t->envelope.reverse_path.is_null &&
        senders_behind(&t->deliver->senders, to, &t->arena, &behind) &&
        address_print(&behind, &text))
        r->behind = arena_copy(&t->arena, buf_span(&text));
    buf_release(&text);
    outcome_set(&why, OUTCOME_NOT_OURS, NULL);
    if (r->behind == NULL)
        refuse_later(r, &why);
    return true;
}

void
transaction_resolve(struct transaction *t)
{
    uint32_t count = t->envelope.recipient_count;

    t->lookups = count + 1;
    for (uint32_t i = 0; i < count; i++) {
        if (t->recipients[i].is_deleted || is_behind(&t->recipients[i]))
            t->lookups--;
        else
            directory_resolve(t->deliver->directory, &t->envelope.recipients[i].address,
                              on_resolved, &t->recipients[i]);
    }
    if (--t->lookups == 0)
        on_all_resolved(t);
}
