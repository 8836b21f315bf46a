/* SPDX-License-Identifier: MIT
 *
 * Questions at homes of accounts: see asks_priv.h.
 *
 *             end of the turn        room at the next hop        answered: the next of its kind
 *   GATHERED ----------------> SENT -----------------> (live.c) ------> freed, and
 *      ^                                                                HELD ones set out
 *      HELD: one of the same sender and size is SENT, and not late
 */
#include "asks_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/metrics.h"

#include "ask_memory_priv.h"
#include "handover_priv.h"
#include "live_priv.h"

#define REMEMBERED_MAX 20000 /* answers */

struct question {
    struct question *next, *prev;
    struct batch *batch;
    asks_fn fn; /* NULL: it was answered, since it took too long */
    void *arg;
    struct loop_timer *deadline;
    char to[];
};

struct batch {            /* questions that go in one transaction */
    struct live_job live; /* first */
    struct batch *next, *prev;
    struct asks *asks;
    const struct settings_route *route;
    uint64_t size;
    struct question *questions;
    uint32_t count;
    bool is_sent;                       /* live.c has it */
    bool is_late;                       /* somebody waited too long for it: others do not */
    struct relay_recipient *recipients; /* owned, from when it goes */
    char from[2 * ADDRESS_PATH_MAX];
};

struct asks {
    struct loop *loop;
    struct scheduler *scheduler;
    struct ask_memory *memory;
    struct batch *batches; /* all */
    struct loop_chore send;
};

/* ---- batches ---- */

static bool
is_of_kind(const struct batch *b, const struct settings_route *route, const char *from,
           uint64_t size)
{
    return b->route == route && b->size == size && strcmp(b->from, from) == 0;
}

static void
question_free(struct question *q)
{
    DL_DELETE(q->batch->questions, q);
    q->batch->count--;
    loop_timer_free(q->deadline);
    free(q);
}

static void
batch_free(struct batch *b)
{
    struct question *q, *next;

    DL_FOREACH_SAFE(b->questions, q, next)
    {
        question_free(q);
    }
    DL_DELETE(b->asks->batches, b);
    free(b->recipients);
    free(b);
}

/* One that still takes questions, or a new one; NULL without memory. */
static struct batch *
open_batch(struct asks *a, const struct settings_route *route, const char *from, uint64_t size)
{
    struct batch *b;

    DL_FOREACH(a->batches, b)
    {
        if (!b->is_sent && b->count < route->recipients && is_of_kind(b, route, from, size))
            return b;
    }
    b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    *b = (struct batch){.asks = a, .route = route, .size = size};
    snprintf(b->from, sizeof b->from, "%s", from);
    DL_APPEND(a->batches, b);
    return b;
}

/* ---- answers ---- */

static void
count_answer(enum metrics_HOMES answer)
{
    metrics_count(METRIC_RELAY_ASKED, answer, 1);
}

static void
remember(const struct batch *b, const struct question *q, const struct outcome *why)
{
    const struct ask_subject subject = {b->route->name, b->from, q->to, b->size};
    const bool is_yes = outcome_is_success(why);
    const uint64_t keep_ms = is_yes ? b->route->ask_accepted : b->route->ask_refused;

    if (keep_ms > 0)
        ask_memory_add(b->asks->memory, &subject, why, clock_ms() + keep_ms);
}

static void
end_question(struct question *q, const struct relay_answer *answer, bool is_answered)
{
    asks_fn fn = q->fn;
    void *arg = q->arg;
    struct outcome why;

    if (answer->state == RELAY_DELIVERED)
        outcome_set(&why, OUTCOME_RCPT_OK, NULL);
    else
        handover_outcome(answer, &why);
    if (is_answered)
        remember(q->batch, q, &why);
    question_free(q);
    if (fn == NULL)
        return;
    count_answer(handover_home(answer));
    fn(arg, &why);
}

static void
on_done(struct live_job *j, const struct relay_result *result, const struct relay_answer *why)
{
    struct batch *b = (struct batch *)j;
    struct asks *a = b->asks;

    for (uint32_t i = 0; b->questions != NULL; i++)
        end_question(b->questions, result != NULL ? &result->answers[i] : why, result != NULL);
    batch_free(b);
    loop_chore_add(a->loop, &a->send);
}

/* ---- sending ---- */

static bool
fill(struct live_job *j, struct relay_job *out, int *fd)
{
    struct batch *b = (struct batch *)j;
    const struct question *q;
    uint32_t i = 0;

    b->recipients = calloc(b->count, sizeof *b->recipients);
    if (b->recipients == NULL)
        return false;
    DL_FOREACH(b->questions, q)
    {
        b->recipients[i++] = (struct relay_recipient){.address = q->to, .orcpt = ""};
    }
    *fd = -1;
    *out = (struct relay_job){
        .route = b->route->name,
        .reverse_path = b->from,
        .envid = "",
        .by = "",
        .recipients = b->recipients,
        .recipient_count = b->count,
        .octets = b->size,
        .is_question = true,
    };
    return true;
}

/* While one of its kind is under way it gathers more. */
static bool
must_wait(const struct batch *b)
{
    const struct batch *other;

    DL_FOREACH(b->asks->batches, other)
    {
        if (other->is_sent && !other->is_late && is_of_kind(other, b->route, b->from, b->size))
            return true;
    }
    return false;
}

static struct batch *
next_to_send(const struct asks *a)
{
    struct batch *b;

    DL_FOREACH(a->batches, b)
    {
        if (!b->is_sent && !must_wait(b))
            return b;
    }
    return NULL;
}

/* Sending one may end others, where the relay's door turns out to be closed. */
static void
send_gathered(void *arg)
{
    static const struct live_job_calls calls = {fill, on_done};
    struct asks *a = arg;
    struct batch *b;

    while ((b = next_to_send(a)) != NULL) {
        b->is_sent = true;
        live_job_send(a->scheduler, &b->live, b->route, b->route->ask_timeout, &calls);
    }
}

/* ---- questions ---- */

#define TOO_LATE "its home did not answer in time"

/* Its answer, when it comes, is remembered all the same. */
static void
on_deadline(void *arg)
{
    static const struct relay_answer late = {
        .state = RELAY_DEFERRED, .enhanced = "4.4.1", .text = TOO_LATE};
    struct question *q = arg;
    struct batch *b = q->batch;
    asks_fn fn = q->fn;
    void *fn_arg = q->arg;
    struct outcome why;

    q->fn = NULL;
    loop_chore_add(b->asks->loop, &b->asks->send);
    if (b->is_sent) {
        b->is_late = true;
        live_job_late(&b->live, TOO_LATE);
    } else {
        question_free(q);
        if (b->count == 0)
            batch_free(b);
    }
    handover_outcome(&late, &why);
    count_answer(METRICS_HOME_LATE);
    fn(fn_arg, &why);
}

static struct question *
question_new(struct batch *b, const char *to, asks_fn fn, void *arg)
{
    struct question *q = calloc(1, sizeof *q + strlen(to) + 1);

    if (q == NULL)
        return NULL;
    *q = (struct question){.batch = b, .fn = fn, .arg = arg};
    memcpy(q->to, to, strlen(to) + 1);
    q->deadline = loop_timer_new(b->asks->loop, on_deadline, q);
    if (q->deadline == NULL) {
        free(q);
        return NULL;
    }
    loop_timer_start(q->deadline, b->route->ask_timeout);
    DL_APPEND(b->questions, q);
    b->count++;
    return q;
}

static void
ask(struct asks *a, const struct settings_route *route, const struct ask_subject *s, asks_fn fn,
    void *arg)
{
    struct batch *b = open_batch(a, route, s->from, s->size);
    struct outcome why;

    if (b != NULL && question_new(b, s->to, fn, arg) != NULL) {
        loop_chore_add(a->loop, &a->send);
        return;
    }
    if (b != NULL && b->count == 0)
        batch_free(b);
    outcome_set(&why, OUTCOME_OVERLOAD, "no memory for a question");
    fn(arg, &why);
}

void
asks_ask(struct asks *a, const struct settings_route *route, const struct address *from,
         const char *to, uint64_t size, asks_fn fn, void *arg)
{
    struct outcome why;
    struct buf sender;

    buf_init(&sender, 2 * ADDRESS_PATH_MAX - 1);
    address_print(from, &sender);
    const struct ask_subject subject = {route->name, buf_str(&sender), to, size};
    if (ask_memory_find(a->memory, &subject, clock_ms(), &why)) {
        count_answer(METRICS_HOME_REMEMBERED);
        fn(arg, &why);
    } else {
        ask(a, route, &subject, fn, arg);
    }
    buf_release(&sender);
}

void
asks_forget(struct asks *a, const struct settings_route *route, const char *from, const char *to)
{
    const struct ask_subject subject = {route->name, from, to, 0};

    ask_memory_forget(a->memory, &subject);
}

struct asks *
asks_new(struct loop *loop, struct scheduler *s)
{
    struct asks *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    *a = (struct asks){.loop = loop, .scheduler = s, .memory = ask_memory_new(REMEMBERED_MAX)};
    loop_chore_init(&a->send, send_gathered, a);
    if (a->memory != NULL)
        return a;
    free(a);
    return NULL;
}

void
asks_free(struct asks *a)
{
    struct batch *b, *next;

    if (a == NULL)
        return;
    loop_chore_cancel(a->loop, &a->send);
    DL_FOREACH_SAFE(a->batches, b, next)
    {
        if (b->is_sent)
            live_job_withdraw(&b->live);
        batch_free(b);
    }
    ask_memory_free(a->memory);
    free(a);
}
