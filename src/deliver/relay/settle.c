/* SPDX-License-Identifier: MIT
 *
 * What becomes of handovers: see settle_priv.h.
 */
#include "settle_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/deliver_by.h"

#include "report_priv.h"

#define REPLY_MAX 1024 /* octets of a reply, as the queue keeps it */

struct retry_rules
settle_rules(const struct settings *s)
{
    return (struct retry_rules){s->relay.retry, s->relay.retry_max, s->relay.delay_report};
}

/* ---- fates ---- */

struct judging {
    const struct senders *senders;
    struct retry_rules rules;
    time_t now;
};

/* When its sender wants to hear that it is not there: of those who named a time, by then (RFC 2852
 * 4.1.3). Whether it is to come back by then, the item's expiry says. */
static bool
is_late(const struct judging *j, const struct queue_item *item)
{
    struct deliver_by by;

    if (deliver_by_parse(item->by, &by) && !by.is_return)
        return item->queued + by.seconds <= j->now;
    return retry_is_late(&j->rules, item->queued, j->now);
}

/* RFC 2852 4.1.4: those who want a trace, and those who will hear nothing of the time any more. */
static bool
ends_its_time(const struct judging *j, const struct handover *h)
{
    const struct queue_item *item = &h->taken->item;
    struct deliver_by by;

    if (!deliver_by_parse(item->by, &by))
        return false;
    return by.has_trace ||
           (!by.is_return && !h->result.deliverby && item->queued + by.seconds > j->now);
}

static void
judge_delivered(const struct judging *j, struct handover *h, uint32_t i)
{
    h->fates[i].is_over = true;
    if (ends_its_time(j, h))
        report_in_any_case(h, i, DSN_RELAYED);
    else if (!h->result.dsn)
        report_consider(h, i, DSN_RELAYED);
}

static void
judge_deferred(const struct judging *j, struct handover *h, uint32_t i)
{
    const struct queue_recipient *r = handover_recipient(h, i);
    const struct queue_item *item = &h->taken->item;
    struct handover_fate *f = &h->fates[i];

    if (item->expires <= j->now) {
        *f = (struct handover_fate){.is_over = true, .is_expired = true};
        report_consider(h, i, DSN_FAILED);
        return;
    }
    f->next_attempt = h->end == HANDOVER_OVERDUE ? r->next_attempt
                                                 : retry_next(&j->rules, j->now, r->attempts + 1,
                                                              item->expires, retry_chance());
    f->is_delay_told = r->is_delay_told || is_late(j, item);
    if (f->is_delay_told && !r->is_delay_told)
        report_consider(h, i, DSN_DELAYED);
}

static void
judge(const struct judging *j, struct handover *h, uint32_t i)
{
    switch (h->result.answers[i].state) {
    case RELAY_DELIVERED:
        judge_delivered(j, h, i);
        break;
    case RELAY_FAILED:
        h->fates[i].is_over = true;
        report_consider(h, i, DSN_FAILED);
        break;
    case RELAY_DEFERRED:
        judge_deferred(j, h, i);
        break;
    }
}

static void
judge_all(const struct judging *j, struct handover *h)
{
    memset(h->fates, 0, h->count * sizeof *h->fates);
    for (uint32_t i = 0; i < h->count; i++) {
        switch (h->end) {
        case HANDOVER_ANSWERED:
        case HANDOVER_LOST:
        case HANDOVER_OVERDUE:
            judge(j, h, i);
            break;
        case HANDOVER_PUT_OFF:
            h->fates[i].next_attempt = h->until;
            break;
        case HANDOVER_DROPPED:
            h->fates[i].is_over = true;
            break;
        case HANDOVER_NOT_TRIED:
            break;
        }
    }
}

/* ---- rows ---- */

/* "250 2.0.0 ok", or the cause where no reply came. */
static const char *
print_reply(struct handover *h, uint32_t i)
{
    const struct relay_answer *a = &h->result.answers[i];
    struct buf text;

    buf_init(&text, REPLY_MAX);
    if (a->code != 0)
        buf_printf(&text, "%u %s%s", a->code, a->enhanced, a->enhanced[0] != '\0' ? " " : "");
    buf_append_str(&text, a->text);
    const char *copy = arena_copy(&h->arena, buf_span(&text));
    buf_release(&text);
    return copy == NULL ? "" : copy;
}

static struct queue_outcome
outcome_of(struct handover *h, uint32_t i)
{
    const struct queue_recipient *r = handover_recipient(h, i);
    const struct handover_fate *f = &h->fates[i];
    bool is_attempt = h->end == HANDOVER_ANSWERED || h->end == HANDOVER_LOST;

    return (struct queue_outcome){
        .recipient = r->id,
        .is_over = f->is_over,
        .next_attempt = f->next_attempt,
        .is_delay_told = f->is_delay_told || r->is_delay_told,
        .reply = is_attempt                   ? print_reply(h, i)
                 : h->end == HANDOVER_PUT_OFF ? HANDOVER_TOO_MUCH
                                              : r->last_reply,
        .host = is_attempt ? h->result.host : r->last_host,
        .was_put_off = !is_attempt,
    };
}

static bool
fill(const struct judging *j, struct queue *q, struct handover *h, struct queue_settlement *out,
     struct outcome *why)
{
    struct queue_outcome *list = arena_alloc(&h->arena, h->count * sizeof *list);

    if (list == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory");
    judge_all(j, h);
    for (uint32_t i = 0; i < h->count; i++)
        list[i] = outcome_of(h, i);
    *out = (struct queue_settlement){h->taken->item.id, list, h->count, NULL};
    return report_make(j->senders, q, h, j->now, &out->dsn, why);
}

/* ---- all of them ---- */

static void
land(struct queue *q, const struct handover *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        queue_land(q, &handover_recipient(h, i)->id, 1);
}

static size_t
count_settled(const struct handover *list)
{
    size_t n = 0;

    for (; list != NULL; list = list->next)
        n += list->end != HANDOVER_NOT_TRIED;
    return n;
}

static bool
settle_all(const struct judging *j, struct queue *q, struct handover *list, size_t count,
           struct outcome *why)
{
    struct queue_settlement *all = calloc(count, sizeof *all);
    bool ok = all != NULL;
    size_t n = 0;

    outcome_set(why, OUTCOME_OVERLOAD, "no memory");
    for (struct handover *h = list; ok && h != NULL; h = h->next)
        if (h->end != HANDOVER_NOT_TRIED)
            ok = fill(j, q, h, &all[n++], why);
    ok = ok && queue_settle(q, all, count, j->now, why);
    free(all);
    return ok;
}

bool
settle_run(const struct senders *s, struct queue *q, struct handover *list, struct outcome *why)
{
    const struct judging j = {s, settle_rules(s->settings), clock_wall().tv_sec};
    size_t count = count_settled(list);

    if (count > 0 && !settle_all(&j, q, list, count, why))
        return false;
    for (const struct handover *h = list; h != NULL; h = h->next)
        if (h->end == HANDOVER_NOT_TRIED)
            land(q, h);
    return true;
}
