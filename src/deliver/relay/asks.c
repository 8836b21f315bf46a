/* SPDX-License-Identifier: MIT
 *
 * Questions at homes of accounts: see asks_priv.h.
 *
 *   questions of a kind (route, sender, size)
 *
 *             end of the turn, none of the kind
 *             is under way, or all that are, are late         answered
 *   gathered ------------------------------------> sent -----------------> freed: the next of the
 *   in batches                                     (live.c)                kind may set out
 */
#include "asks_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/metrics.h"
#include "doorstep/table.h"

#include "ask_memory_priv.h"
#include "handover_priv.h"
#include "live_priv.h"

#define REMEMBERED_MAX 20000 /* answers */
#define KEY_MAX 4096

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
    struct kind *kind;
    struct question *questions;
    uint32_t count;
    bool is_sent;                       /* live.c has it */
    bool is_late;                       /* somebody waited too long for it: others do not */
    struct relay_recipient *recipients; /* owned, from when it goes */
};

struct kind { /* of questions that may go in one transaction; there while it has batches */
    struct kind *next, *prev; /* of those that are due */
    bool is_due;
    struct asks *asks;
    const struct settings_route *route;
    uint64_t size;
    const char *from; /* the end of its key */
    struct batch *gathered, *sent;
    unsigned under_way; /* sent, and not late */
    UT_hash_handle hh;
    char key[];
};

struct asks {
    struct loop *loop;
    struct scheduler *scheduler;
    struct ask_memory *memory;
    struct kind *kinds; /* table */
    struct kind *due;   /* those that may have something to send */
    struct loop_chore send;
};

/* ---- kinds ---- */

static struct kind *
kind_new(struct asks *a, const struct settings_route *route, const struct ask_subject *s,
         const struct buf *key)
{
    struct kind *k = calloc(1, sizeof *k + key->len + 1);

    if (k == NULL)
        return NULL;
    *k = (struct kind){.asks = a, .route = route, .size = s->size};
    memcpy(k->key, key->data, key->len + 1);
    k->from = k->key + key->len - strlen(s->from);
    HASH_ADD_STR(a->kinds, key, k);
    if (k->hh.tbl != NULL)
        return k;
    free(k);
    return NULL;
}

/* The one that there is, or a new one; NULL without memory. */
static struct kind *
kind_of(struct asks *a, const struct settings_route *route, const struct ask_subject *s)
{
    struct kind *k = NULL;
    struct buf key;

    buf_init(&key, KEY_MAX);
    if (buf_printf(&key, "%s\n%llu\n%s", s->route, (unsigned long long)s->size, s->from)) {
        HASH_FIND_STR(a->kinds, buf_str(&key), k);
        if (k == NULL)
            k = kind_new(a, route, s, &key);
    }
    buf_release(&key);
    return k;
}

static void
kind_drop_empty(struct kind *k)
{
    if (k->gathered != NULL || k->sent != NULL)
        return;
    if (k->is_due)
        DL_DELETE(k->asks->due, k);
    HASH_DEL(k->asks->kinds, k);
    free(k);
}

static void
kind_look(struct kind *k)
{
    if (k->is_due || k->gathered == NULL || k->under_way > 0)
        return;
    k->is_due = true;
    DL_APPEND(k->asks->due, k);
    loop_chore_add(k->asks->loop, &k->asks->send);
}

/* ---- batches ---- */

static void
question_free(struct question *q)
{
    DL_DELETE(q->batch->questions, q);
    q->batch->count--;
    loop_timer_free(q->deadline);
    free(q);
}

/* The kind may be gone behind this. */
static void
batch_free(struct batch *b)
{
    struct kind *k = b->kind;
    struct question *q, *next;

    DL_FOREACH_SAFE(b->questions, q, next)
    {
        question_free(q);
    }
    if (b->is_sent)
        DL_DELETE(k->sent, b);
    else
        DL_DELETE(k->gathered, b);
    k->under_way -= b->is_sent && !b->is_late;
    free(b->recipients);
    free(b);
    kind_look(k);
    kind_drop_empty(k);
}

/* The last one, where it has room, or a new one; NULL without memory. */
static struct batch *
open_batch(struct kind *k)
{
    struct batch *b = k->gathered == NULL ? NULL : k->gathered->prev;

    if (b != NULL && b->count < k->route->recipients)
        return b;
    b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->kind = k;
    DL_APPEND(k->gathered, b);
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
    const struct kind *k = b->kind;
    const struct ask_subject subject = {k->route->name, k->from, q->to, k->size};
    const bool is_yes = outcome_is_success(why);
    const uint64_t keep_ms = is_yes ? k->route->ask_accepted : k->route->ask_refused;

    if (keep_ms > 0)
        ask_memory_add(k->asks->memory, &subject, why, clock_ms() + keep_ms);
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

    for (uint32_t i = 0; b->questions != NULL; i++)
        end_question(b->questions, result != NULL ? &result->answers[i] : why, result != NULL);
    batch_free(b);
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
        .route = b->kind->route->name,
        .reverse_path = b->kind->from,
        .envid = "",
        .by = "",
        .recipients = b->recipients,
        .recipient_count = b->count,
        .octets = b->kind->size,
        .is_question = true,
    };
    return true;
}

/* The first of a kind, while none of that is under way: the others gather more. */
static void
send_first(struct kind *k)
{
    static const struct live_job_calls calls = {fill, on_done};
    struct batch *b = k->gathered;

    DL_DELETE(k->gathered, b);
    DL_APPEND(k->sent, b);
    b->is_sent = true;
    k->under_way++;
    live_job_send(k->asks->scheduler, &b->live, k->route, k->route->ask_timeout, &calls);
}

/* Sending one may end others, where the relay's door turns out to be closed. */
static void
send_gathered(void *arg)
{
    struct asks *a = arg;
    struct kind *k;

    while ((k = a->due) != NULL) {
        DL_DELETE(a->due, k);
        k->is_due = false;
        if (k->gathered != NULL && k->under_way == 0)
            send_first(k);
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
    if (b->is_sent) {
        b->kind->under_way -= !b->is_late;
        b->is_late = true;
        kind_look(b->kind);
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
    q->deadline = loop_timer_new(b->kind->asks->loop, on_deadline, q);
    if (q->deadline == NULL) {
        free(q);
        return NULL;
    }
    loop_timer_start(q->deadline, b->kind->route->ask_timeout);
    DL_APPEND(b->questions, q);
    b->count++;
    return q;
}

static void
ask(struct asks *a, const struct settings_route *route, const struct ask_subject *s, asks_fn fn,
    void *arg)
{
    struct kind *k = kind_of(a, route, s);
    struct batch *b = k == NULL ? NULL : open_batch(k);
    struct outcome why;

    if (b != NULL && question_new(b, s->to, fn, arg) != NULL) {
        kind_look(k);
        return;
    }
    if (b != NULL && b->count == 0)
        batch_free(b);
    else if (k != NULL)
        kind_drop_empty(k);
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
    if (a == NULL)
        return;
    while (a->kinds != NULL) { /* each has a batch, and goes with its last one */
        struct batch *b = a->kinds->sent != NULL ? a->kinds->sent : a->kinds->gathered;

        if (b->is_sent)
            live_job_withdraw(&b->live);
        batch_free(b);
    }
    loop_chore_cancel(a->loop, &a->send);
    ask_memory_free(a->memory);
    free(a);
}
