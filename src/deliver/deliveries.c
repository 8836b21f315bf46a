/* SPDX-License-Identifier: MIT
 *
 * A transaction whose message is whole, and known whose it is (resolve.c): its deliveries set out
 * together, and as each is done it is counted, logged and told to those who answer (answers.c).
 */
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "deliveries_priv.h"
#include "forward_priv.h"
#include "notes_priv.h"
#include "returns_priv.h"

struct transaction *
transaction_next_part(const struct transaction *whole, const struct transaction *part)
{
    return part == whole ? whole->parts : part->next_part;
}

void
transaction_ready(struct transaction *t)
{
    if (--t->whole->unready == 0)
        transaction_deliver(t->whole);
}

void
transaction_refuse_part(struct transaction *t)
{
    for (struct parcel *p = t->parcels; p != NULL; p = p->hh.next) {
        p->delivery.why = t->why;
        p->is_settled = true;
    }
    transaction_ready(t);
}

void
transaction_refuse(struct transaction *t)
{
    if (t->whole->parts != NULL) {
        transaction_refuse_part(t);
        return;
    }
    for (uint32_t i = 0; i < t->asked; i++) {
        deliveries_log(t, i, NULL, NULL, &t->why);
        answers_complete(t, &t->recipients[i], &t->why, t->source.id);
    }
    answers_send(t);
}

void
deliveries_post(struct parcel *p)
{
    const struct account *a = &p->delivery.target.account;

    p->is_done = false;
    p->delivery.links = p->links;
    p->delivery.times = (struct delivery_times){.posted_us = clock_us()};
    for (struct link *l = p->links; l != NULL; l = l->next_of_parcel)
        p->transaction->recipients[l->recipient].pending++;
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_WORKERS, 1);
    workers_post(p->transaction->deliver->workers, a->user, a->domain, &p->delivery.job);
}

static void
observe_stages(const struct transaction *t, const struct delivery *d)
{
    const struct delivery_times *times = &d->times;
    const uint64_t now = clock_us();

    metrics_count(METRIC_DELIVERIES, d->why.kind, 1);
    slow_note(&t->deliver->slow, &d->target.account, now - t->times.ended_us, clock_ms());
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_QUEUE, times->queue_us);
    if (!outcome_is_success(&d->why))
        return;
    metrics_observe(METRIC_DELIVERY_TIME, METRICS_NO_LABEL, now - t->times.ended_us);
    if (d->why.kind != OUTCOME_DELIVERED)
        return;
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_STAGE, times->stage_us);
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_JOURNAL, times->journal_us);
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_PUBLISH, times->publish_us);
}

static void
count_parcel(struct transaction *t, const struct parcel *p)
{
    t->deliver->counters.delivered += p->delivery.why.kind == OUTCOME_DELIVERED;
    t->deliver->counters.duplicates += p->delivery.why.kind == OUTCOME_DUPLICATE;
    if (p->delivery.has_usage)
        usage_publish(t->deliver->usage, &p->delivery.target.account, p->delivery.usage_octets,
                      p->delivery.usage_messages);
}

void
deliveries_done(struct delivery *delivery)
{
    struct parcel *p = (struct parcel *)delivery;
    struct transaction *t = p->transaction;

    p->is_done = true;
    if (p->failure != NULL && outcome_is_success(&delivery->why))
        notes_send(t->deliver, &delivery->target.account, p->failure);
    count_parcel(t, p);
    observe_stages(t, delivery);
    for (uint32_t i = 0; i <= delivery->copy_count; i++) {
        struct delivery *copy = delivery_member(delivery, i);
        if (i == 0 || (outcome_is_success(&delivery->why) && !copy->is_merged))
            deliveries_log(t, delivery->recipient, p, copy, &delivery->why);
    }
    for (struct link *l = p->links; l != NULL; l = l->next_of_parcel)
        if (--t->recipients[l->recipient].pending == 0)
            answers_recipient_done(t->whole, &t->recipients[l->recipient]);
    answers_progress(t->whole);
}

/* Recipients that filters took off are answered, and delivered to nowhere. Where none is left and
 * those that filters wanted instead cannot be had, the client hears of it: nothing is lost. */
static void
complete_deleted(struct transaction *t)
{
    struct outcome discarded;
    bool is_lost = t->has_added_failure && t->parcels == NULL;

    outcome_set(&discarded, OUTCOME_DISCARDED, "a content filter took the recipient off");
    for (uint32_t i = 0; i < t->asked; i++) {
        struct recipient *r = &t->recipients[i];

        if (!r->is_deleted || r->links != NULL)
            continue;
        deliveries_log(t, i, NULL, NULL, is_lost ? &t->added_failure : &discarded);
        answers_complete(t, r, is_lost ? &t->added_failure : &discarded, t->source.id);
    }
}

/* A parcel that is delivered nowhere is done when all have set out. */
static void
settle_now(void *arg)
{
    struct delivery *d = arg;

    while (d != NULL) {
        struct delivery *next = d->next;
        deliveries_done(d);
        d = next;
    }
}

static void
wait_for(struct parcel *p)
{
    for (struct link *l = p->links; l != NULL; l = l->next_of_parcel)
        p->transaction->recipients[l->recipient].pending++;
}

/* Before the first worker sees it. */
static void
convert_once(struct transaction *t)
{
    for (struct transaction *part = t; part != NULL; part = transaction_next_part(t, part))
        if (HASH_COUNT(part->parcels) > 1)
            message_make_lf(part->source.msg);
}

/* The deliveries set out together. */
static void
post_all(struct transaction *t)
{
    struct delivery *settled = NULL;

    convert_once(t);
    for (struct transaction *part = t; part != NULL; part = transaction_next_part(t, part))
        for (struct parcel *p = part->parcels; p != NULL; p = p->hh.next) {
            if (!p->is_settled && !forward_is(p)) {
                deliveries_post(p);
                continue;
            }
            wait_for(p);
            if (!p->is_settled)
                continue; /* it goes on, below */
            p->delivery.next = settled;
            settled = &p->delivery;
        }
    if (settled != NULL)
        loop_post(t->deliver->loop, settle_now, settled);
    for (struct transaction *part = t; part != NULL; part = transaction_next_part(t, part))
        forward_post(part);
}

static void
refuse_recipient(struct recipient *r)
{
    struct transaction *t = r->transaction;

    deliveries_log(t, r->number, NULL, NULL, &r->why);
    if (recipient_is_added(r)) {
        t->has_added_failure = true;
        t->added_failure = r->why;
    } else {
        answers_complete(t, r, &r->why, t->source.id);
    }
}

/* What comes to an address of SRS is done when it is in the queue: returns.c. */
static void
complete_behind(struct transaction *t)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_OK, NULL);
    for (uint32_t i = 0; i < t->asked; i++)
        if (t->recipients[i].behind != NULL)
            answers_complete(t, &t->recipients[i], &ok, t->source.id);
}

void
transaction_deliver(struct transaction *t)
{
    t->has_returns = returns_expected(t);
    complete_behind(t);
    for (uint32_t i = 0; i < t->envelope.recipient_count; i++)
        if (t->recipients[i].is_refused)
            refuse_recipient(&t->recipients[i]);
    complete_deleted(t);
    if (t->parcels == NULL)
        answers_progress(t);
    else
        post_all(t);
}
