/* SPDX-License-Identifier: MIT
 *
 * Carrying out a batch of deliveries. The order, and what holds after each step:
 *
 *  1. prepare  the account is open, the ledger does not know the message, the quota has room.
 *  2. stage    the bytes are written where nobody looks; everything that can fail has been tried.
 *  3. sync     the bytes are on stable storage.
 *  4. publish  the message is visible, whole: nobody ever saw a part of it (promise 3).
 *  5. commit   its name is on stable storage: one directory sync for all of an account's batch.
 *  6. rows     UID, facts and ledger are committed with synchronous=FULL. Only then
 *  7. answer   says 250 (promise 1).
 *
 * A failure in any step undoes that delivery alone, and it is answered with the cause. A failure
 * in 6 takes the published names back, so that a retry makes no second copy; a crash between
 * 4 and 6 leaves a message without a row, which the next reconcile takes in (at most one extra
 * copy, and only when the client tries again: RFC 1047).
 */
#include "batch_priv.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "doorstep/log.h"

#include "ledger_priv.h"
#include "rows_priv.h"
#include "trace_priv.h"

#define AGAIN_MAX_MS 50
#define ASIDE_MAX 100 /* deliveries that may wait for one account */

static void
on_finished(void *arg)
{
    struct delivery *d = arg;

    while (d != NULL) {
        struct delivery *next = d->next;
        d->done(d);
        d = next;
    }
}

/* Gives the finished ones back in one piece. */
static void
answer(struct worker *w, struct delivery *finished)
{
    if (finished != NULL)
        loop_post(w->with.loop, on_finished, finished);
}

static void
finish_one(struct delivery *d, struct delivery **finished)
{
    buf_release(&d->trace);
    if (!outcome_is_success(&d->why))
        log_event(outcome_is_temporary(&d->why) ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                  "not_delivered", "session", d->source->envelope->session, "id", d->source->id,
                  "account", d->account != NULL ? d->account->key : d->target.account.user, "cause",
                  d->why.cause, NULL);
    d->account = NULL;
    d->next = *finished;
    *finished = d;
}

/* Put aside, or given up when it waited too long or too many wait already. */
static void
put_aside(struct worker *w, struct delivery *d, struct store_wait wait, struct delivery **finished)
{
    uint64_t now = clock_ms();
    unsigned ms = wait.ms == 0 || wait.ms > AGAIN_MAX_MS ? AGAIN_MAX_MS : wait.ms;

    if (d->give_up_ms == 0)
        d->give_up_ms = now + d->account->store_settings->lock_timeout;
    if (now >= d->give_up_ms || d->account->aside >= ASIDE_MAX) {
        outcome_set(&d->why, OUTCOME_BUSY, "%s is busy", d->account->key);
        finish_one(d, finished);
        return;
    }
    buf_release(&d->trace);
    d->again_ms = now + ms;
    d->account->aside++;
    DL_APPEND(w->aside, d);
}

static bool
has_room(struct delivery *d, struct outcome *why)
{
    const struct account *a = &d->target.account;
    uint64_t octets, messages;

    if (d->overshoot || (a->quota == UINT64_MAX && a->quota_messages == UINT64_MAX))
        return true;
    if (!index_usage(d->account->index, &octets, &messages, why))
        return false;
    uint64_t size = message_traits(d->source->msg)->octets;
    if (messages < a->quota_messages && octets <= a->quota && size <= a->quota - octets)
        return true;
    enum outcome_kind kind =
        d->account->domain->quota_hard ? OUTCOME_OVER_QUOTA_HARD : OUTCOME_OVER_QUOTA;
    return outcome_set(why, kind, "%s: %llu of %llu octets used, %llu messages", d->account->key,
                       (unsigned long long)octets, (unsigned long long)a->quota,
                       (unsigned long long)messages);
}

/* False when it goes on; true when an earlier delivery holds, or the index failed. */
static bool
is_known(struct worker *w, struct delivery *d)
{
    const struct envelope *e = d->source->envelope;
    time_t since = clock_wall().tv_sec - (time_t)(w->with.settings->ledger_window / 1000);
    struct outcome why;

    ledger_key(&e->recipients[d->recipient].address, &e->reverse_path, d->source->msg, d->key);
    if (index_ledger_find(d->account->index, d->key, since, d->id, &why)) {
        outcome_set(&d->why, OUTCOME_DUPLICATE, NULL);
        outcome_say(&d->why, "delivered before as %s", d->id);
        return true;
    }
    if (why.kind == OUTCOME_NOT_FOUND)
        return false;
    d->why = why;
    return true;
}

static bool
build_trace(struct worker *w, struct delivery *d)
{
    const struct envelope *e = d->source->envelope;
    struct trace_options options = {w->with.settings->hostname, d->source->id, d->source->received,
                                    d->account->domain->delivered_to};

    buf_init(&d->trace, TRACE_MAX);
    if (trace_build(&options, e, &e->recipients[d->recipient], &d->trace))
        return true;
    return outcome_set(&d->why, OUTCOME_SYSTEM, "trace fields do not fit");
}

enum prepared { GOES_ON, IS_DONE, IS_ASIDE };

static enum prepared
prepare(struct worker *w, struct delivery *d, struct delivery **finished)
{
    struct store_wait wait;

    switch (account_open(w, &d->target.account, true, &d->account, &wait, &d->why)) {
    case ACCOUNT_FAILED:
        d->account = NULL;
        return IS_DONE;
    case ACCOUNT_LATER:
        put_aside(w, d, wait, finished);
        return IS_ASIDE;
    case ACCOUNT_OPEN:
        break;
    }
    bool goes_on = !is_known(w, d) && has_room(d, &d->why) &&
                   account_inbox(w, d->account, &d->why) && build_trace(w, d);
    return goes_on ? GOES_ON : IS_DONE;
}

/* A copy whose first delivery is in this very batch waits for that one's outcome and repeats it. */
static bool
is_twin(struct worker *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct delivery *other = w->batch[i];
        if (other->account == w->batch[n]->account && strcmp(other->key, w->batch[n]->key) == 0)
            return true;
    }
    return false;
}

/* Another delivery of the same message whose file this one may share: same trace fields, same
 * store. */
static struct store_staged *
find_shared(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];

    if (d->account->domain->delivered_to ||
        (store_can(d->account->store) & STORE_CAN_HARDLINK) == 0)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct delivery *other = w->batch[i];
        if (other->source == d->source && other->staged != NULL && other->account != d->account &&
            !other->account->domain->delivered_to &&
            other->account->store_settings == d->account->store_settings)
            return other->staged;
    }
    return NULL;
}

static enum store_result
stage_bytes(struct worker *w, size_t n, struct store_wait *wait)
{
    struct delivery *d = w->batch[n];
    const struct envelope *e = d->source->envelope;
    struct store_staged *shared = find_shared(w, n);
    struct buf sender;

    buf_init(&sender, ADDRESS_PATH_MAX);
    address_print(&e->reverse_path, &sender);
    const struct store_mail mail = {
        .msg = d->source->msg,
        .mailbox = "INBOX",
        .trace = buf_span(&d->trace),
        .keep_bytes = e->body == BODY_BINARYMIME,
        .return_path = buf_str(&sender),
        .id = d->source->id,
        .received = d->source->received,
    };
    enum store_result result = STORE_FAILED;
    if (shared != NULL)
        result = store_stage_link(d->account->store, &mail, shared, &d->staged, &d->ref, &d->why);
    if (result != STORE_DONE) /* not shared, or on another file system */
        result = store_stage(d->account->store, &mail, &d->staged, &d->ref, wait, &d->why);
    buf_release(&sender);
    return result;
}

/* A hand ends when nobody needed it for a minute: once, another one is asked for. */
static bool
may_reopen(struct delivery *d)
{
    if (!d->account->account.is_system || d->reopened || d->account->in_batch)
        return false;
    store_close(d->account->store);
    d->account->store = NULL;
    d->reopened = true;
    return true;
}

/* Each step takes the batch and leaves in it what goes on; the rest is finished or aside. */
typedef enum prepared (*step_fn)(struct worker *w, size_t n, struct delivery **finished);

static enum prepared
step_stage(struct worker *w, size_t n, struct delivery **finished)
{
    struct delivery *d = w->batch[n];
    struct store_wait wait = {-1, 1};
    enum prepared prepared = prepare(w, d, finished);

    if (prepared != GOES_ON)
        return prepared;
    if (is_twin(w, n)) {
        put_aside(w, d, wait, finished);
        return IS_ASIDE;
    }
    switch (stage_bytes(w, n, &wait)) {
    case STORE_DONE:
        d->account->in_batch = true;
        return GOES_ON;
    case STORE_LATER:
        put_aside(w, d, wait, finished);
        return IS_ASIDE;
    case STORE_FAILED:
        break;
    }
    if (!may_reopen(d))
        return IS_DONE;
    put_aside(w, d, wait, finished);
    return IS_ASIDE;
}

static void
discard(struct delivery *d)
{
    store_discard(d->account->store, d->staged);
    d->staged = NULL;
}

static enum prepared
step_sync(struct worker *w, size_t n, struct delivery **finished)
{
    struct delivery *d = w->batch[n];

    (void)finished;
    if (store_sync(d->account->store, d->staged, &d->why))
        return GOES_ON;
    discard(d);
    return IS_DONE;
}

static enum prepared
step_publish(struct worker *w, size_t n, struct delivery **finished)
{
    struct delivery *d = w->batch[n];

    (void)finished;
    if (store_publish(d->account->store, d->staged, &d->why))
        return GOES_ON;
    discard(d);
    return IS_DONE;
}

static void
run_step(struct worker *w, step_fn step, struct delivery **finished)
{
    size_t kept = 0, count = w->batch_count;

    for (size_t n = 0; n < count; n++) {
        struct delivery *d = w->batch[n];
        w->batch[kept] = d; /* so that a step sees those before it, and itself at `kept` */
        switch (step(w, kept, finished)) {
        case GOES_ON:
            kept++;
            break;
        case IS_DONE:
            finish_one(d, finished);
            break;
        case IS_ASIDE:
            break;
        }
    }
    w->batch_count = kept;
}

/* The deliveries of one account are brought to the front of `from`; how many there are. */
static size_t
group_account(struct delivery **from, size_t count)
{
    size_t n = 1;

    for (size_t i = 1; i < count; i++)
        if (from[i]->account == from[0]->account) {
            struct delivery *d = from[i];
            memmove(from + n + 1, from + n, (i - n) * sizeof *from); /* order is kept */
            from[n++] = d;
        }
    return n;
}

/* Steps 5 and 6 for one account's deliveries. */
static void
settle_account(struct worker *w, struct delivery **list, size_t count)
{
    struct open_account *oa = list[0]->account;
    struct outcome why;
    bool ok = store_commit(oa->store, &why) && rows_write(w, oa, list, count, &why);

    for (size_t i = 0; i < count; i++) {
        struct delivery *d = list[i];
        if (ok) {
            store_forget(oa->store, d->staged);
            d->staged = NULL;
            memcpy(d->id, d->source->id, sizeof d->id);
            outcome_set(&d->why, OUTCOME_DELIVERED, NULL);
        } else {
            d->why = why;
            discard(d);
        }
    }
    if (!ok)
        store_commit(oa->store, &why); /* the names taken back; nothing more can be done if not */
}

static void
run_batch(struct worker *w, struct delivery **finished)
{
    run_step(w, step_stage, finished);
    for (size_t n = 0; n < w->batch_count; n++)
        w->batch[n]->account->in_batch = false;
    run_step(w, step_sync, finished);
    run_step(w, step_publish, finished);
    for (size_t n = 0; n < w->batch_count;) {
        size_t count = group_account(w->batch + n, w->batch_count - n);
        settle_account(w, w->batch + n, count);
        n += count;
    }
    for (size_t n = 0; n < w->batch_count; n++)
        finish_one(w->batch[n], finished);
    w->batch_count = 0;
}

void
batch_finish(struct worker *w)
{
    struct delivery *finished = NULL;

    if (w->batch_count == 0)
        return;
    run_batch(w, &finished);
    answer(w, finished);
}

/* The transaction was answered 4xx though this account has the message: a retry must find it. */
static void
remember(struct worker *w, struct delivery *d)
{
    struct delivery *finished = NULL;
    struct store_wait wait;
    struct open_account *oa;
    const struct envelope *e = d->source->envelope;

    if (account_open(w, &d->target.account, false, &oa, &wait, &d->why) == ACCOUNT_OPEN) {
        ledger_key(&e->recipients[d->recipient].address, &e->reverse_path, d->source->msg, d->key);
        if (index_begin(oa->index, &d->why) &&
            index_ledger_add(oa->index, d->key, d->source->id, clock_wall().tv_sec, &d->why) &&
            index_commit(oa->index, &d->why))
            outcome_set(&d->why, OUTCOME_OK, NULL);
        else
            index_rollback(oa->index);
    }
    finish_one(d, &finished);
    answer(w, finished);
}

void
batch_run_delivery(struct job *job, void *worker)
{
    struct delivery *d = (struct delivery *)job;
    struct worker *w = worker;

    if (d->remember) {
        batch_finish(w);
        remember(w, d);
        return;
    }
    w->batch[w->batch_count++] = d;
    if (w->batch_count == BATCH_MAX)
        batch_finish(w);
}

static void
take_due(struct worker *w, uint64_t now)
{
    struct delivery *d, *next;

    DL_FOREACH_SAFE(w->aside, d, next)
    {
        if (d->again_ms > now || w->batch_count == BATCH_MAX)
            continue;
        DL_DELETE(w->aside, d);
        d->account->aside--;
        w->batch[w->batch_count++] = d;
    }
}

/* How long until something that is aside is due. */
static unsigned
next_due(const struct worker *w)
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

unsigned
batch_idle(void *worker)
{
    struct worker *w = worker;

    batch_finish(w);
    take_due(w, clock_ms());
    batch_finish(w);
    return next_due(w);
}

void
batch_end(struct worker *w)
{
    struct delivery *d, *next, *finished = NULL;

    DL_FOREACH_SAFE(w->aside, d, next)
    {
        DL_DELETE(w->aside, d);
        d->account->aside--;
        outcome_set(&d->why, OUTCOME_BUSY, "the daemon ends");
        finish_one(d, &finished);
    }
    answer(w, finished);
}
