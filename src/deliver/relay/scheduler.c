/* SPDX-License-Identifier: MIT
 *
 * Mail that leaves: see scheduler_priv.h. One turn at a time looks for what is due, and one settles
 * what has ended; what ends meanwhile is settled together by the next, in one transaction. A turn
 * that took long, since much waits that nobody takes, is followed by a pause in proportion.
 */
#include "scheduler_state_priv.h"

#include <stdlib.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "handover_log_priv.h"
#include "settle_priv.h"

#define AHEAD 2       /* handovers taken from the queue, for each connection */
#define PAUSE_TIMES 4 /* what a turn took, until the next */
#define PAUSE_MAX_MS 10000
#define SETTLE_AGAIN_MS 1000
#define OVERDUE_MS 60000 /* between two looks for what has waited too long */
#define COUNT_MS 30000   /* between two looks at how much waits */
#define SLEEP_MAX_MS 60000

static void settle(struct scheduler *s);

/* ---- draining ---- */

void
scheduler_check_drained(struct scheduler *s)
{
    void (*fn)(void *arg) = s->on_drained;

    if (!s->is_draining || fn == NULL || s->is_taking || s->is_settling || s->ended != NULL ||
        s->under_way > 0)
        return;
    s->on_drained = NULL;
    fn(s->drained_arg);
}

static void
on_drain_deadline(void *arg)
{
    struct scheduler *s = arg;
    void (*fn)(void *arg) = s->on_drained;

    s->on_drained = NULL;
    if (fn != NULL)
        fn(s->drained_arg);
}

/* ---- settling ---- */

/* The queue's thread. */
static void
run_settle(struct settle_turn *turn)
{
    const struct scheduler *s = turn->scheduler;
    struct outcome why;

    turn->ok = settle_run(s->with.senders, s->with.queue, turn->list, &why);
    if (!turn->ok)
        log_event(LOG_LEVEL_ERROR, "relay_not_settled", "cause", why.cause, NULL);
    for (const struct handover *h = turn->list; turn->ok && h != NULL; h = h->next)
        taker_done(s->taker, h);
}

static void
free_settled(struct scheduler *s)
{
    struct handover *h, *next;

    DL_FOREACH_SAFE(s->settling.list, h, next)
    {
        handover_log(s->with.settings, s->with.log, h);
        handover_free(h);
    }
    s->settling.list = NULL;
}

static void
on_settled(void *arg)
{
    struct scheduler *s = arg;

    s->is_settling = false;
    if (s->settling.ok) {
        free_settled(s);
        settle(s);
        scheduler_take_due(s);
    } else {
        loop_timer_start(s->again_timer, SETTLE_AGAIN_MS);
    }
    scheduler_check_drained(s);
}

static void
run_settle_job(struct job *job, void *arg)
{
    struct settle_turn *turn = (struct settle_turn *)job;

    (void)arg;
    run_settle(turn);
    loop_post(turn->scheduler->with.loop, on_settled, turn->scheduler);
}

static void
settle(struct scheduler *s)
{
    if (s->is_settling || (s->settling.list == NULL && s->ended == NULL))
        return;
    if (s->settling.list == NULL) { /* else once more */
        s->settling.list = s->ended;
        s->ended = NULL;
    }
    s->is_settling = true;
    s->settling.job.run = run_settle_job;
    job_thread_post(s->thread, &s->settling.job);
}

static void
on_again(void *arg)
{
    settle(arg);
}

void
scheduler_give_back(struct scheduler *s, struct handover *h)
{
    DL_APPEND(s->ended, h);
    settle(s);
}

/* ---- taking ---- */

static unsigned
room_at(const struct scheduler *s, const struct next_hop *n)
{
    uint64_t connections = n->route->connections, most = connections * AHEAD;
    unsigned has = n->hop.under_way + n->ready_count;

    if (n->route->next_hop.text == NULL || !relay_link_is_connected(s->with.link))
        return 0;
    if (!hop_is_up(&n->hop))
        return n->ready_count == 0 && hop_has_room(&n->hop, (unsigned)connections, clock_ms());
    return has < most ? (unsigned)(most - has) : 0;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Until something becomes due, a next hop may be probed, or it is time to look all the same. */
static void
sleep_on(struct scheduler *s)
{
    const uint64_t now = clock_ms();
    const time_t wall = clock_wall().tv_sec;
    uint64_t at = now + SLEEP_MAX_MS;

    if (s->taking.take.next_due > wall)
        at = earlier(at, now + (uint64_t)(s->taking.take.next_due - wall) * 1000);
    for (size_t i = 0; i < s->hop_count; i++)
        if (!hop_is_up(&s->hops[i].hop) && s->hops[i].hop.under_way == 0)
            at = earlier(at, s->hops[i].hop.until_ms);
    at = earlier(at, s->overdue_ms);
    at = earlier(at, s->count_ms);
    loop_timer_start(s->timer, at > now ? at - now : 1);
}

static void
place_taken(struct scheduler *s, struct handover *list)
{
    struct handover *h, *next;

    DL_FOREACH_SAFE(list, h, next)
    {
        if (h->hop_place < 0) {
            DL_APPEND(s->ended, h);
            continue;
        }
        DL_APPEND(s->hops[h->hop_place].ready, h);
        s->hops[h->hop_place].ready_count++;
    }
}

static void
publish_counts(const struct take_counts *counts)
{
    const struct queue_counts *c = &counts->all;
    const time_t now = clock_wall().tv_sec;

    for (unsigned i = 0; i < METRICS_QUEUE_KINDS_COUNT; i++)
        metrics_gauge_set(METRIC_RELAY_QUEUE, i, (int64_t)counts->kinds[i]);
    metrics_gauge_set(METRIC_RELAY_QUEUE_RECIPIENTS, METRICS_QUEUE_NEW, (int64_t)c->untried);
    metrics_gauge_set(METRIC_RELAY_QUEUE_RECIPIENTS, METRICS_QUEUE_DEFERRED,
                      (int64_t)(c->recipients - c->held - c->untried));
    metrics_gauge_set(METRIC_RELAY_QUEUE_RECIPIENTS, METRICS_QUEUE_HELD, (int64_t)c->held);
    metrics_gauge_set(METRIC_RELAY_QUEUE_OLDEST, METRICS_NO_LABEL,
                      c->oldest == 0 || c->oldest > now ? 0 : (int64_t)(now - c->oldest) * 1000000);
}

static void
on_taken(void *arg)
{
    struct scheduler *s = arg;
    struct take_turn *turn = &s->taking;
    const uint64_t pause_ms = turn->took_us * PAUSE_TIMES / 1000;
    struct handover *list = turn->take.list;
    bool goes_on = list != NULL || turn->take.is_cut || s->wants_look;

    s->is_taking = false;
    s->wants_look = false;
    s->not_before_ms = clock_ms() + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    if (turn->take.has_counts)
        publish_counts(&turn->take.counts);
    turn->take.list = NULL;
    place_taken(s, list);
    for (size_t i = 0; i < s->hop_count; i++)
        sending_go_on(s, &s->hops[i]);
    settle(s);
    if (goes_on && !turn->take.failed)
        scheduler_take_due(s);
    else if (!s->is_draining)
        sleep_on(s);
    scheduler_check_drained(s);
}

static void
run_take_job(struct job *job, void *arg)
{
    struct take_turn *turn = (struct take_turn *)job;
    const uint64_t began_us = clock_us();

    (void)arg;
    take_run(turn->scheduler->taker, turn->scheduler, &turn->take);
    turn->took_us = clock_us() - began_us;
    loop_post(turn->scheduler->with.loop, on_taken, turn->scheduler);
}

/* Is it time for what is done once in a while? */
static bool
is_time(uint64_t *at_ms, uint64_t every_ms, uint64_t now_ms)
{
    if (now_ms < *at_ms)
        return false;
    *at_ms = now_ms + every_ms;
    return true;
}

static bool
prepare_take(struct scheduler *s)
{
    struct take *t = &s->taking.take;
    const uint64_t now = clock_ms();
    unsigned room = 0;

    for (size_t i = 0; i < s->hop_count; i++)
        room += t->room[i] = room_at(s, &s->hops[i]);
    t->looks_for_overdue = is_time(&s->overdue_ms, OVERDUE_MS, now);
    t->wants_counts = is_time(&s->count_ms, COUNT_MS, now);
    return room > 0 || t->looks_for_overdue || t->wants_counts;
}

void
scheduler_take_due(struct scheduler *s)
{
    if (s->is_taking) {
        s->wants_look = true;
        return;
    }
    if (s->is_draining)
        return;
    if (clock_ms() < s->not_before_ms) {
        loop_timer_start(s->timer, s->not_before_ms - clock_ms() + 1);
        return;
    }
    if (!prepare_take(s)) {
        sleep_on(s);
        return;
    }
    s->is_taking = true;
    s->taking.job.run = run_take_job;
    job_thread_post(s->thread, &s->taking.job);
}

static void
on_timer(void *arg)
{
    scheduler_take_due(arg);
}

static void
on_told(void *arg)
{
    struct scheduler *s = arg;

    atomic_store(&s->is_told, false);
    scheduler_take_due(s);
}

/* Any thread: many that add at once wake the loop once. */
static void
on_queue(void *arg)
{
    struct scheduler *s = arg;

    if (!atomic_exchange(&s->is_told, true))
        loop_post(s->with.loop, on_told, s);
}

void
scheduler_look(struct scheduler *s)
{
    scheduler_take_due(s);
}

void
scheduler_try_now(struct scheduler *s)
{
    for (size_t i = 0; i < s->hop_count; i++)
        hop_try_now(&s->hops[i].hop, clock_ms());
    scheduler_take_due(s);
}

struct next_hop *
scheduler_hop_of(struct scheduler *s, const struct settings_route *route)
{
    for (size_t i = 0; i < s->hop_count; i++)
        if (s->hops[i].route == route)
            return &s->hops[i];
    return NULL;
}

/* ---- from start to end ---- */

static bool
make_hops(struct scheduler *s)
{
    const struct settings *with = s->with.settings;

    s->hop_count = with->route_count + 1;
    s->hops = calloc(s->hop_count, sizeof *s->hops);
    s->taking.take.room = calloc(s->hop_count, sizeof *s->taking.take.room);
    for (size_t i = 0; s->hops != NULL && i < s->hop_count; i++) {
        s->hops[i].route = i < with->route_count ? &with->routes[i] : &with->relay.smarthost;
        s->hops[i].label = handover_metrics_label(with, (int)i);
    }
    return s->hops != NULL && s->taking.take.room != NULL;
}

static void
release(struct scheduler *s)
{
    taker_free(s->taker);
    loop_timer_free(s->timer);
    loop_timer_free(s->again_timer);
    loop_timer_free(s->drain_timer);
    free(s->taking.take.room);
    free(s->hops);
    free(s);
}

struct scheduler *
scheduler_start(const struct scheduler_with *with)
{
    struct scheduler *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->with = *with;
    s->rules = settle_rules(with->settings);
    s->taking.scheduler = s->settling.scheduler = s;
    s->taker = taker_new(with->settings, with->queue);
    s->timer = loop_timer_new(with->loop, on_timer, s);
    s->again_timer = loop_timer_new(with->loop, on_again, s);
    s->drain_timer = loop_timer_new(with->loop, on_drain_deadline, s);
    if (make_hops(s) && s->taker != NULL && s->timer != NULL && s->again_timer != NULL &&
        s->drain_timer != NULL)
        s->thread = job_thread_start("relay", &(struct job_hooks){0}, s);
    if (s->thread == NULL) {
        release(s);
        return NULL;
    }
    queue_watch(with->queue, on_queue, s);
    scheduler_take_due(s);
    return s;
}

void
scheduler_drain(struct scheduler *s, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    s->is_draining = true;
    s->on_drained = fn;
    s->drained_arg = arg;
    loop_timer_stop(s->timer);
    for (size_t i = 0; i < s->hop_count; i++)
        sending_go_on(s, &s->hops[i]);
    loop_timer_start(s->drain_timer, ms);
    scheduler_check_drained(s);
}

static void
free_list(struct handover *list)
{
    struct handover *h, *next;

    DL_FOREACH_SAFE(list, h, next)
    {
        handover_free(h);
    }
}

/* The thread has ended, so that its part may be done here; what it posted to the loop is not heard
 * any more. */
void
scheduler_end(struct scheduler *s)
{
    if (s == NULL)
        return;
    s->is_draining = true;
    queue_watch(s->with.queue, NULL, NULL);
    job_thread_end(s->thread);
    if (s->is_settling && s->settling.ok)
        free_settled(s);
    DL_CONCAT(s->settling.list, s->ended);
    run_settle(&s->settling);
    if (s->settling.ok)
        free_settled(s);
    free_list(s->settling.list);
    free_list(s->taking.take.list);
    for (size_t i = 0; i < s->hop_count; i++)
        free_list(s->hops[i].ready);
    release(s);
}
