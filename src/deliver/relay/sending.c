/* SPDX-License-Identifier: MIT
 *
 * What was taken from the queue goes to its next hop: one job for each, and what became of it; and
 * what each next hop has under way, those jobs included that somebody waits for (live.c).
 */
#include "scheduler_state_priv.h"

#include <stdio.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/deliver_by.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

static bool
is_answered(const struct relay_result *result)
{
    for (uint32_t i = 0; i < result->answer_count; i++)
        if (result->answers[i].code != 0)
            return true;
    return false;
}

static void
note_state(struct next_hop *n, bool was_up)
{
    if (was_up == hop_is_up(&n->hop))
        return;
    metrics_gauge_set(METRIC_RELAY_HOP_DOWN, n->label, was_up);
    log_event(LOG_LEVEL_WARNING, was_up ? "next_hop_down" : "next_hop_up", "next_hop",
              n->route->next_hop.text, "cause", was_up ? n->cause : NULL, NULL);
}

void
sending_begin(struct next_hop *n)
{
    hop_begin(&n->hop);
    metrics_gauge_add(METRIC_RELAY_UNDER_WAY, n->label, 1);
}

void
sending_end(struct scheduler *s, struct next_hop *n, const struct relay_result *result,
            uint64_t began_us, const struct live_job *j)
{
    const bool was_up = hop_is_up(&n->hop), is_late = j != NULL && j->is_late;
    const bool answered = result != NULL && is_answered(result);
    const bool is_question = j != NULL && j->is_question;

    metrics_gauge_add(METRIC_RELAY_UNDER_WAY, n->label, -1);
    metrics_observe(is_question ? METRIC_RELAY_ASK_TIME : METRIC_RELAY_TIME, n->label,
                    clock_us() - began_us);
    n->late -= is_late;
    if (result != NULL && !answered)
        snprintf(n->cause, sizeof n->cause, "%s", result->answers[0].text);
    if (result == NULL || (is_late && !answered))
        hop_forget(&n->hop);
    else
        hop_end(&n->hop, answered, &s->rules, clock_ms(), retry_chance());
    note_state(n, was_up);
}

void
sending_late(struct scheduler *s, struct next_hop *n, const char *cause)
{
    const bool was_up = hop_is_up(&n->hop);

    n->late++;
    snprintf(n->cause, sizeof n->cause, "%s", cause);
    hop_late(&n->hop, &s->rules, clock_ms(), retry_chance());
    note_state(n, was_up);
}

static void
on_result(void *arg, const struct relay_result *result)
{
    struct handover *h = arg;
    struct scheduler *s = h->scheduler;
    struct next_hop *n = &s->hops[h->hop_place];

    s->under_way--;
    sending_end(s, n, result, h->began_us, NULL);
    if (result != NULL)
        handover_end(h, result);
    else
        handover_end_all(h, s->is_draining ? HANDOVER_NOT_TRIED : HANDOVER_LOST, RELAY_DEFERRED,
                         "4.3.0", "the relay process went away");
    scheduler_give_back(s, h);
    sending_go_on(s, n);
    scheduler_take_due(s);
    scheduler_check_drained(s);
}

/* What is left of the time by which it should be delivered (RFC 2852 4.1.4); NULL without memory.
 */
static const char *
time_left(struct handover *h)
{
    const struct queue_item *item = &h->taken->item;
    char text[DELIVER_BY_SIZE];
    struct deliver_by by;

    if (!deliver_by_parse(item->by, &by))
        return "";
    by.seconds -= clock_wall().tv_sec - item->queued;
    deliver_by_print(&by, text);
    return arena_copy(&h->arena, span_of(text));
}

static bool
fill_job(struct handover *h, const struct settings_route *route, struct relay_job *job)
{
    const struct queue_item *item = &h->taken->item;
    const char *by = time_left(h);
    struct relay_recipient *list = arena_alloc(&h->arena, h->count * sizeof *list);

    for (uint32_t i = 0; list != NULL && i < h->count; i++) {
        const struct queue_recipient *r = handover_recipient(h, i);

        list[i] = (struct relay_recipient){r->address, r->notify, r->orcpt};
    }
    *job = (struct relay_job){
        .route = route->name,
        .reverse_path = item->reverse_path,
        .envid = item->envid,
        .ret = item->ret,
        .body = item->body,
        .smtputf8 = item->smtputf8,
        .require_tls = item->require_tls,
        .by = by,
        .recipients = list,
        .recipient_count = h->count,
        .head = item->head,
        .octets = item->octets,
    };
    return list != NULL && by != NULL;
}

/* What cannot be read now may be readable later; when it expires its sender hears of it. */
static void
fail_to_send(struct scheduler *s, struct handover *h, const char *cause)
{
    log_event(LOG_LEVEL_ERROR, "relay_not_sent", "item", log_num(h->taken->item.id), "cause", cause,
              NULL);
    h->end = HANDOVER_NOT_TRIED;
    if (relay_link_is_connected(s->with.link))
        handover_end_all(h, HANDOVER_LOST, RELAY_DEFERRED, "4.3.0",
                         "it cannot be read or sent here");
    scheduler_give_back(s, h);
}

static void
send_one(struct scheduler *s, struct next_hop *n, struct handover *h)
{
    struct relay_job job;
    struct outcome why;
    int fd = taken_open(h->taken, s->with.queue, &why);

    if (fd < 0) {
        fail_to_send(s, h, why.cause);
        return;
    }
    h->began_us = clock_us();
    bool ok = fill_job(h, n->route, &job) && relay_link_send(s->with.link, &job, fd, on_result, h);
    close(fd);
    if (!ok) {
        fail_to_send(s, h, "no job of it");
        return;
    }
    s->under_way++;
    sending_begin(n);
}

static struct handover *
pop_ready(struct next_hop *n)
{
    struct handover *h = n->ready;

    DL_DELETE(n->ready, h);
    n->ready_count--;
    return h;
}

/* From the queue and of those that somebody waits for by turns, where there are both. false: there
 * is nothing that can go now. */
static bool
send_next(struct scheduler *s, struct next_hop *n)
{
    const unsigned connections = (unsigned)n->route->connections;

    if (!relay_link_is_connected(s->with.link))
        return false;
    bool has_ready =
        n->ready != NULL && !s->is_draining && hop_has_room(&n->hop, connections, clock_ms());
    bool has_live = live_has_room(n);
    if (!has_ready && !has_live)
        return false;
    n->was_live = has_live && !(has_ready && n->was_live);
    if (n->was_live)
        live_send_next(s, n);
    else
        send_one(s, n, pop_ready(n));
    return true;
}

void
sending_go_on(struct scheduler *s, struct next_hop *n)
{
    while (send_next(s, n))
        ;
    if (!relay_link_is_connected(s->with.link))
        live_give_up(n, "4.3.0", LIVE_NOBODY);
    else if (!hop_is_up(&n->hop))
        live_give_up(n, "4.4.1", n->cause);
    while (n->ready != NULL &&
           (!hop_is_up(&n->hop) || s->is_draining || !relay_link_is_connected(s->with.link))) {
        struct handover *h = pop_ready(n);

        h->end = HANDOVER_NOT_TRIED;
        scheduler_give_back(s, h);
    }
}
