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

#include <string.h>

#include "doorstep/log.h"

#include "aside_priv.h"
#include "housekeeping_priv.h"
#include "rows_priv.h"
#include "steps_priv.h"

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

/* What tells a person that a mailbox or message is not there says nothing of the recipient, whom
 * RCPT has found: mail that can wait is not refused for it (promise 8). */
static void
keep_temporary(struct outcome *why)
{
    if (why->kind == OUTCOME_NOT_FOUND || why->kind == OUTCOME_EXISTS ||
        why->kind == OUTCOME_BAD_REQUEST)
        why->kind = OUTCOME_SYSTEM;
}

static void
finish_one(struct delivery *d, struct delivery **finished)
{
    keep_temporary(&d->why);
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

static void
run_step(struct worker *w, step_fn step, struct delivery **finished)
{
    size_t kept = 0, count = w->batch_count;

    for (size_t n = 0; n < count; n++) {
        struct delivery *d = w->batch[n];
        w->batch[kept] = d; /* so that a step sees those before it, and itself at `kept` */
        switch (step(w, kept)) {
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
            step_discard(d);
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

    /* The index alone is needed: its hand may be away. */
    if (account_open(w, &d->target.account, false, &oa, &wait, &d->why) != ACCOUNT_FAILED) {
        if (index_begin(oa->index, &d->why) && rows_remember(oa, d, &d->why) &&
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

unsigned
batch_idle(void *worker)
{
    struct worker *w = worker;
    bool was_busy = w->batch_count > 0;

    batch_finish(w);
    aside_take_due(w);
    was_busy = was_busy || w->batch_count > 0;
    batch_finish(w);
    unsigned due_ms = aside_next_due(w);
    unsigned house_ms = housekeeping_idle(w, was_busy);
    return due_ms < house_ms ? due_ms : house_ms;
}

void
batch_forget_account(struct worker *w, const char *user, const char *domain)
{
    struct delivery *d, *finished = NULL;

    while ((d = aside_take_of(w, user, domain)) != NULL) {
        outcome_set(&d->why, OUTCOME_BUSY, "%s@%s is being deleted", user, domain);
        finish_one(d, &finished);
    }
    account_forget_name(w, user, domain);
    answer(w, finished);
}

void
batch_end(struct worker *w)
{
    struct delivery *d, *finished = NULL;

    while ((d = aside_take_any(w)) != NULL) {
        outcome_set(&d->why, OUTCOME_BUSY, "the daemon ends");
        finish_one(d, &finished);
    }
    answer(w, finished);
}
