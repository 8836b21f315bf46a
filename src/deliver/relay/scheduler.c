/* SPDX-License-Identifier: MIT
 *
 * Mail that leaves: see scheduler_priv.h. One turn at a time looks for what is due, and one settles
 * what has ended; what ends meanwhile is settled together by the next, in one transaction. A turn
 * that took long, since much waits that nobody takes, is followed by a pause in proportion.
 */
#include "scheduler_priv.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "handover_log_priv.h"
#include "hop_priv.h"
#include "jobs_priv.h"
#include "settle_priv.h"
#include "take_priv.h"

#define AHEAD 2       /* handovers taken from the queue, for each connection */
#define PAUSE_TIMES 4 /* what a turn took, until the next */
#define PAUSE_MAX_MS 10000
#define SETTLE_AGAIN_MS 1000
#define OVERDUE_MS 60000 /* between two looks for what has waited too long */
#define COUNT_MS 30000   /* between two looks at how much waits */
#define SLEEP_MAX_MS 60000

struct next_hop {
    const struct settings_route *route;
    struct hop hop;
    struct handover *ready; /* taken, and not sent yet */
    unsigned ready_count;
    unsigned label;
};

struct take_turn { /* first: a job of the queue's thread */
    struct job job;
    struct scheduler *scheduler;
    struct take take;
    uint64_t took_us;
};

struct settle_turn {
    struct job job;
    struct scheduler *scheduler;
    struct handover *list;
    bool ok;
};

struct scheduler {
    struct scheduler_with with;
    struct retry_rules rules;
    struct job_thread *thread;
    struct taker *taker; /* the thread's */
    struct next_hop *hops;
    size_t hop_count;
    struct loop_timer *timer;       /* the next look */
    struct loop_timer *again_timer; /* what could not be settled */
    struct loop_timer *drain_timer;
    atomic_bool is_told; /* a look is on its way from another thread */

    struct take_turn taking;
    bool is_taking;
    bool wants_look; /* once the turn is over */
    uint64_t not_before_ms;
    uint64_t overdue_ms, count_ms; /* when to look for that again */

    struct settle_turn settling;
    bool is_settling;
    struct handover *ended; /* they wait for the next turn */
    unsigned under_way;     /* sent, not answered */

    bool is_draining;
    void (*on_drained)(void *arg); /* NULL: told */
    void *drained_arg;
};

static void look(struct scheduler *s);
static void settle(struct scheduler *s);

/* ---- draining ---- */

static void
check_drained(struct scheduler *s)
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
        look(s);
    } else {
        loop_timer_start(s->again_timer, SETTLE_AGAIN_MS);
    }
    check_drained(s);
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

static void
end_handover(struct scheduler *s, struct handover *h)
{
    DL_APPEND(s->ended, h);
    settle(s);
}

/* ---- sending ---- */

static bool
is_answered(const struct relay_result *result)
{
    for (uint32_t i = 0; i < result->answer_count; i++)
        if (result->answers[i].code != 0)
            return true;
    return false;
}

static void
end_at_hop(struct next_hop *n, const struct handover *h, const struct relay_result *result,
           const struct retry_rules *rules)
{
    bool was_up = hop_is_up(&n->hop);

    metrics_gauge_add(METRIC_RELAY_UNDER_WAY, n->label, -1);
    metrics_observe(METRIC_RELAY_TIME, n->label, clock_us() - h->began_us);
    if (result == NULL)
        hop_forget(&n->hop);
    else
        hop_end(&n->hop, is_answered(result), rules, clock_ms(), retry_chance());
    if (was_up == hop_is_up(&n->hop))
        return;
    metrics_gauge_set(METRIC_RELAY_HOP_DOWN, n->label, was_up);
    log_event(LOG_LEVEL_WARNING, was_up ? "next_hop_down" : "next_hop_up", "next_hop",
              n->route->next_hop.text, "cause", was_up ? result->answers[0].text : NULL, NULL);
}

static void send_ready(struct scheduler *s, struct next_hop *n);

static void
on_result(void *arg, const struct relay_result *result)
{
    struct handover *h = arg;
    struct scheduler *s = h->scheduler;
    struct next_hop *n = &s->hops[h->hop_place];

    s->under_way--;
    end_at_hop(n, h, result, &s->rules);
    if (result != NULL)
        handover_end(h, result);
    else
        handover_end_all(h, s->is_draining ? HANDOVER_NOT_TRIED : HANDOVER_LOST, RELAY_DEFERRED,
                         "4.3.0", "the relay process went away");
    end_handover(s, h);
    send_ready(s, n);
    look(s);
    check_drained(s);
}

static bool
fill_job(struct handover *h, const struct settings_route *route, struct relay_job *job)
{
    const struct queue_item *item = &h->taken->item;
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
        .by = item->by,
        .recipients = list,
        .recipient_count = h->count,
        .head = item->head,
        .octets = item->octets,
    };
    return list != NULL;
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
    end_handover(s, h);
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
    hop_begin(&n->hop);
    metrics_gauge_add(METRIC_RELAY_UNDER_WAY, n->label, 1);
}

static struct handover *
pop_ready(struct next_hop *n)
{
    struct handover *h = n->ready;

    DL_DELETE(n->ready, h);
    n->ready_count--;
    return h;
}

/* Those that a next hop that went down has no use for go back. */
static void
send_ready(struct scheduler *s, struct next_hop *n)
{
    const unsigned connections = (unsigned)n->route->connections;

    while (n->ready != NULL && !s->is_draining && relay_link_is_connected(s->with.link) &&
           hop_has_room(&n->hop, connections, clock_ms()))
        send_one(s, n, pop_ready(n));
    while (n->ready != NULL &&
           (!hop_is_up(&n->hop) || s->is_draining || !relay_link_is_connected(s->with.link))) {
        struct handover *h = pop_ready(n);

        h->end = HANDOVER_NOT_TRIED;
        end_handover(s, h);
    }
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
        send_ready(s, &s->hops[i]);
    settle(s);
    if (goes_on && !turn->take.failed)
        look(s);
    else if (!s->is_draining)
        sleep_on(s);
    check_drained(s);
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
    t->looks_for_overdue =
        settings_has_relay(s->with.settings) && is_time(&s->overdue_ms, OVERDUE_MS, now);
    t->wants_counts = is_time(&s->count_ms, COUNT_MS, now);
    return room > 0 || t->looks_for_overdue || t->wants_counts;
}

static void
look(struct scheduler *s)
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
    look(arg);
}

static void
on_told(void *arg)
{
    struct scheduler *s = arg;

    atomic_store(&s->is_told, false);
    look(s);
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
    look(s);
}

void
scheduler_try_now(struct scheduler *s)
{
    for (size_t i = 0; i < s->hop_count; i++)
        hop_try_now(&s->hops[i].hop, clock_ms());
    look(s);
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
    look(s);
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
        send_ready(s, &s->hops[i]);
    loop_timer_start(s->drain_timer, ms);
    check_drained(s);
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
