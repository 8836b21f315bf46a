/* SPDX-License-Identifier: MIT
 *
 * The pool of sorters: see sorters_priv.h. A sorter is hostile once it has seen its first message:
 * every reply is bounded and must be facts, or the sorter is thrown away.
 */
#include "sorters_pool_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define FACTS_MAX (2 * 1024 * 1024) /* packed facts of one message */
#define DEATHS_MAX 2                /* sorters that one message may cost */
#define QUESTIONS_TIMES 4           /* timeouts.sort, for one with all its questions */

void
request_end(struct request *r, enum sorters_answer answer, const struct facts *facts,
            struct span packed)
{
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_SORT, -1);
    r->fn(r->arg, answer, facts, packed);
    message_unref(r->msg);
    free(r->name);
    free(r);
}

static void
feed_soon(struct sorters *s)
{
    loop_chore_add(s->loop, &s->feed);
}

/* From now on, while some wait: until the oldest has waited too long. */
static void
watch_oldest(struct sorters *s)
{
    uint64_t age, limit = s->timeouts->sort_wait;

    if (s->waiting == NULL)
        return;
    age = clock_ms() - s->waiting->asked_ms;
    loop_timer_start(s->late, age < limit ? limit - age : 1);
}

static void
close_door(struct sorter *so)
{
    if (so->deadline != NULL)
        loop_timer_stop(so->deadline);
    door_keeper_close(&so->keeper);
}

/* What it was given goes back to the front of the queue. */
static void
take_back(struct sorter *so)
{
    sorter_forget_partial(so);
    DL_CONCAT(so->given, so->pool->waiting);
    so->pool->waiting = so->given;
    so->given = NULL;
    watch_oldest(so->pool);
    feed_soon(so->pool);
}

/* The run that it was working on is at fault, not the message: what is left is tried again. */
static bool
gives_up_run(struct request *r)
{
    if (r->filing == NULL || !r->has_facts || r->filed_count == r->filing->count)
        return false;
    r->filed[r->filed_count++] = (struct sorters_filed){.is_killed = true};
    r->deaths = 0;
    return true;
}

/* The sorter is gone or not to be trusted any more. It worked on the first of its messages: that
 * one did it, the others are as good as new. */
void
sorter_lose(struct sorter *so, const char *reason)
{
    struct request *r = so->given;

    /* One that ends between two messages has served its number of them. */
    log_event(r == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              r == NULL ? "sorter_ended" : "sorter_lost", "slot", log_num(so->slot), "reason",
              reason, NULL);
    metrics_count(METRIC_SORTERS_LOST, METRICS_NO_LABEL, r != NULL);
    close_door(so);
    so->pool->replace(so->pool->arg, so->slot);
    take_back(so);
    if (r == NULL || ++r->deaths < DEATHS_MAX || gives_up_run(r))
        return;
    metrics_count(METRIC_UNSORTED, METRICS_NO_LABEL, r->name == NULL);
    log_event(LOG_LEVEL_ERROR, r->name == NULL ? "message_unsorted" : "script_unchecked", "digest",
              message_digest(r->msg), NULL);
    DL_DELETE(so->pool->waiting, r);
    request_end(r, SORTERS_UNKNOWN, NULL, SPAN_NONE);
}

static bool
take(void *arg, struct door_frame *f)
{
    struct sorter *so = arg;
    bool is_good = sorter_take(so, f);

    if (so->given == NULL)
        feed_soon(so->pool);
    return is_good;
}

static void
on_lost(void *arg, enum door_result how)
{
    sorter_lose(arg, how == DOOR_CLOSED ? "it ended" : "bad answer");
}

static bool
awaits(void *arg)
{
    const struct sorter *so = arg;

    return so->given != NULL;
}

/* A question that nobody answers in time is no fault of the sorter's. */
static void
on_deadline(void *arg)
{
    struct sorter *so = arg;

    if (so->given != NULL && so->given->asking != 0 && clock_ms() < so->end_ms &&
        sorter_tell(so, SORT_NOT_NOW, SPAN_NONE)) {
        loop_timer_start(so->deadline, so->pool->timeouts->sort);
        return;
    }
    sorter_lose(so, "time is up");
}

void
sorter_watch_next(struct sorter *so)
{
    so->end_ms = clock_ms() + QUESTIONS_TIMES * so->pool->timeouts->sort;
    loop_timer_start(so->deadline, so->pool->timeouts->sort);
}

static void
feed(void *arg)
{
    struct sorters *s = arg;

    for (size_t i = 0; i < SLOTS_MAX && s->waiting != NULL; i++) {
        struct sorter *so = &s->slots[i];
        if (so->keeper.door != NULL && so->given == NULL)
            sorter_give(so);
    }
}

static void
queue(struct sorters *s, struct request *r)
{
    r->id = ++s->next_id;
    r->asked_ms = clock_ms();
    DL_APPEND(s->waiting, r);
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_SORT, 1);
    if (s->waiting == r)
        watch_oldest(s);
    feed_soon(s);
}

void
sorters_ask(struct sorters *s, struct message *msg, struct arena *arena, sorters_fn fn, void *arg)
{
    struct request *r = malloc(sizeof *r);

    if (r == NULL) {
        fn(arg, SORTERS_UNKNOWN, NULL, SPAN_NONE);
        return;
    }
    *r = (struct request){.msg = message_ref(msg), .arena = arena, .fn = fn, .arg = arg};
    queue(s, r);
}

void
sorters_file(struct sorters *s, struct message *msg, struct arena *arena,
             const struct sorters_filing *filing, sorters_fn fn, void *arg)
{
    struct request *r = malloc(sizeof *r);
    struct sorters_filed *filed = arena_alloc(arena, filing->count * sizeof *filed);

    if (r == NULL || filed == NULL) {
        free(r);
        fn(arg, SORTERS_UNKNOWN, NULL, SPAN_NONE);
        return;
    }
    *filing->filed = filed;
    *r = (struct request){.msg = message_ref(msg),
                          .arena = arena,
                          .fn = fn,
                          .arg = arg,
                          .filing = filing,
                          .filed = filed};
    queue(s, r);
}

void
sorters_check(struct sorters *s, struct message *text, const char *name, sorters_fn fn, void *arg)
{
    struct request *r = malloc(sizeof *r);
    char *copy = strdup(name);

    if (r == NULL || copy == NULL) {
        free(r);
        free(copy);
        fn(arg, SORTERS_UNKNOWN, NULL, SPAN_NONE);
        return;
    }
    *r = (struct request){.msg = message_ref(text), .name = copy, .fn = fn, .arg = arg};
    queue(s, r);
}

void
sorters_add(struct sorters *s, uint32_t slot, int door_fd)
{
    struct sorter *so = slot < SLOTS_MAX ? &s->slots[slot] : NULL;

    if (so == NULL) {
        close(door_fd);
        return;
    }
    if (so->keeper.door != NULL) { /* main replaced it before we noticed its end */
        close_door(so);
        take_back(so);
    }
    if (so->deadline == NULL)
        so->deadline = loop_timer_new(s->loop, on_deadline, so);
    if (door_keeper_open(&so->keeper, door_new(door_fd, SORTER_QUEUE_MAX)))
        feed_soon(s);
}

unsigned
sorters_count(const struct sorters *s)
{
    unsigned n = 0;

    for (size_t i = 0; i < SLOTS_MAX; i++)
        n += s->slots[i].keeper.door != NULL;
    return n;
}

/* Those that no sorter took in time: none lives, or all have too much to do. */
static void
on_late(void *arg)
{
    struct sorters *s = arg;
    uint64_t now = clock_ms(), limit = s->timeouts->sort_wait;
    struct request *r;

    while ((r = s->waiting) != NULL && now - r->asked_ms >= limit) {
        log_event(LOG_LEVEL_WARNING, "no_sorter", "digest", message_digest(r->msg), NULL);
        DL_DELETE(s->waiting, r);
        request_end(r, SORTERS_LATE, NULL, SPAN_NONE);
    }
    watch_oldest(s);
}

struct sorters *
sorters_new(struct loop *loop, const struct settings_timeouts *timeouts, sorters_replace_fn replace,
            void *arg)
{
    static const struct door_keeper_calls calls = {.take = take, .lost = on_lost, .awaits = awaits};
    struct sorters *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    *s = (struct sorters){.loop = loop, .timeouts = timeouts, .replace = replace, .arg = arg};
    s->late = loop_timer_new(loop, on_late, s);
    if (s->late == NULL) {
        free(s);
        return NULL;
    }
    loop_chore_init(&s->feed, feed, s);
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        struct sorter *so = &s->slots[i];

        *so = (struct sorter){.pool = s, .slot = i};
        so->keeper = (struct door_keeper){.loop = loop, .calls = &calls, .arg = so};
        buf_init(&so->facts, FACTS_MAX);
    }
    return s;
}

void
sorters_free(struct sorters *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct sorter *so = &s->slots[i];
        take_back(so);
        close_door(so);
        loop_timer_free(so->deadline);
        sorter_forget_partial(so);
        buf_release(&so->facts);
    }
    while (s->waiting != NULL) {
        struct request *r = s->waiting;
        DL_DELETE(s->waiting, r);
        request_end(r, SORTERS_UNKNOWN, NULL, SPAN_NONE);
    }
    loop_timer_free(s->late);
    loop_chore_cancel(s->loop, &s->feed);
    free(s);
}

/* For threads that wait. */
struct waiter {
    struct sorters *sorters;
    struct message *msg;
    struct arena *arena;
    struct facts *facts;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool is_done;
    bool is_known;
};

static void
on_waited(void *arg, enum sorters_answer answer, const struct facts *facts, struct span packed)
{
    struct waiter *w = arg;

    (void)answer;
    (void)packed;
    pthread_mutex_lock(&w->mutex);
    w->is_known = facts != NULL;
    if (facts != NULL)
        *w->facts = *facts;
    w->is_done = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->mutex);
}

static void
ask_for_waiter(void *arg)
{
    struct waiter *w = arg;

    sorters_ask(w->sorters, w->msg, w->arena, on_waited, w);
}

bool
sorters_wait(struct sorters *s, struct message *msg, struct arena *arena, struct facts *facts)
{
    struct waiter w = {.sorters = s, .msg = msg, .arena = arena, .facts = facts};

    pthread_mutex_init(&w.mutex, NULL);
    pthread_cond_init(&w.done, NULL);
    if (loop_post(s->loop, ask_for_waiter, &w)) {
        pthread_mutex_lock(&w.mutex);
        while (!w.is_done)
            pthread_cond_wait(&w.done, &w.mutex);
        pthread_mutex_unlock(&w.mutex);
    }
    pthread_cond_destroy(&w.done);
    pthread_mutex_destroy(&w.mutex);
    return w.is_known;
}
