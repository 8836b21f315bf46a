/* SPDX-License-Identifier: MIT
 *
 * Carrying out a batch of deliveries. The order, and what holds after each step:
 *
 *  1. prepare  the account is open, the ledger does not know the message, the quota has room.
 *  2. stage    the bytes are written where nobody looks; everything that can fail has been tried;
 *              the UID is taken.
 *  3. sync     only where the journal cannot bring a message back (a hand, a plugin): its bytes
 *              are on stable storage.
 *  4. journal  one record a message (bytes, facts, and per account mailbox, UID, name, ledger
 * keys), one write and one sync for the whole batch: from here on no crash loses it.
 *  5. publish  the message is visible, whole: nobody ever saw a part of it (promise 3). Where the
 *              journal cannot bring it back, its name is on stable storage too. Only then
 *  6. answer   says 250 (promise 1).
 *  7. rows     UID, facts and ledger wait in memory, held by the journal, and are written later,
 *              several at a time (rows.c), before anybody looks at the account.
 *
 * A failure up to 4 undoes that delivery alone (a failed sync: all of the batch), and it is
 * answered with the cause. A failure in 5 is answered 4xx after a cancel record is on stable
 * storage, so that a replay does not bring back what the client sends again. A crash after 4 is
 * mended by the replay (replay.c): the message is published, under the same name and UID, and a
 * client that had no answer and tries again finds it in the ledger.
 */
#include "batch_priv.h"

#include <string.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "aside_priv.h"
#include "commit_priv.h"
#include "effects_priv.h"
#include "housekeeping_priv.h"
#include "kept_priv.h"
#include "record_priv.h"
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

struct delivery *
delivery_member(struct delivery *d, uint32_t i)
{
    return i == 0 ? d : &d->copies[i - 1];
}

const char *
delivery_mailbox(const struct delivery *d)
{
    return d->into != NULL ? d->into : d->source->mailbox;
}

void
batch_finish_one(struct worker *w, struct delivery *d, struct delivery **finished)
{
    keep_temporary(&d->why);
    if (!outcome_is_success(&d->why))
        effects_drop_messages(w, d);
    for (uint32_t i = 0; i < d->copy_count; i++) {
        buf_release(&d->copies[i].trace);
        buf_release(&d->copies[i].record);
    }
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
            batch_finish_one(w, d, finished);
            break;
        case IS_ASIDE:
            break;
        }
    }
    w->batch_count = kept;
}

static void
run_batch(struct worker *w, struct delivery **finished)
{
    uint64_t began_us = clock_us();

    for (size_t n = 0; n < w->batch_count; n++)
        w->batch[n]->times.queue_us = (uint32_t)(began_us - w->batch[n]->times.posted_us);
    run_step(w, step_stage, finished);
    for (size_t n = 0; n < w->batch_count; n++)
        w->batch[n]->account->in_batch = false;
    run_step(w, step_sync, finished);
    if (w->batch_count > 0)
        metrics_observe(METRIC_BATCH, METRICS_NO_LABEL, w->batch_count);
    began_us = clock_us();
    commit_journal(w, finished);
    uint32_t journal_us = (uint32_t)(clock_us() - began_us);
    commit_publish(w, finished);
    uint32_t publish_us = (uint32_t)(clock_us() - began_us) - journal_us;
    for (size_t n = 0; n < w->batch_count; n++) {
        w->batch[n]->times.journal_us = journal_us;
        w->batch[n]->times.publish_us = publish_us;
    }
    commit_settle(w, finished);
}

/* Behind the answer: rows of accounts that have gathered enough of them. */
static void
flush_touched(struct worker *w)
{
    for (size_t n = 0; n < w->touched_count; n++)
        rows_flush_merged(w, w->touched[n]);
    w->touched_count = 0;
}

void
batch_finish(struct worker *w)
{
    struct delivery *finished = NULL;

    if (w->batch_count == 0)
        return;
    run_batch(w, &finished);
    answer(w, finished);
    flush_touched(w);
    w->busy_ms = clock_ms();
}

/* Only keys for the ledger: the journal has them before the client hears its 4xx. */
static bool
remember_keys(struct worker *w, struct open_account *oa, struct delivery *d)
{
    struct buf *record = &w->records[0];
    struct row *r = row_new(NULL, rows_key_count(d));
    uint32_t n = 0;

    buf_reset(record);
    if (r == NULL || !row_take_words(r, d) || !record_ledger_pack(record, d)) {
        if (r != NULL)
            row_free(r);
        return outcome_set(&d->why, OUTCOME_SYSTEM, "no memory for the ledger");
    }
    memcpy(r->id, d->source->id, sizeof r->id);
    r->when = d->source->received.tv_sec;
    for (const struct link *l = d->links; n < r->key_count; l = l->next_of_parcel)
        rows_key(d, l->recipient, r->keys[n++]);
    if (!checkpoint_record(w, RECORD_LEDGER, buf_span(record), &r->segment, &d->why)) {
        row_free(r);
        return false;
    }
    rows_add(w, oa, r);
    return outcome_set(&d->why, OUTCOME_OK, NULL);
}

/* The transaction was answered 4xx though this account has the message: a retry must find it. */
static void
remember(struct worker *w, struct delivery *d)
{
    struct delivery *finished = NULL;
    struct store_wait wait;
    struct open_account *oa;

    /* The index alone is needed: its hand may be away. */
    if (account_open(w, &d->target.account, false, &oa, &wait, &d->why) != ACCOUNT_FAILED)
        remember_keys(w, oa, d);
    batch_finish_one(w, d, &finished);
    answer(w, finished);
}

/* A script sends it on, or notes something, and keeps no copy here. */
static void
run_effects(struct worker *w, struct delivery *d)
{
    struct delivery *finished = NULL;
    struct store_wait wait;
    bool is_open =
        account_open(w, &d->target.account, true, &d->account, &wait, &d->why) != ACCOUNT_FAILED;

    if (!is_open)
        d->account = NULL;
    else if ((d->account->loan.is_lent || !step_is_known(w, d)) && effects_keep_messages(w, d) &&
             remember_keys(w, d->account, d))
        outcome_set(&d->why, OUTCOME_DISCARDED, NULL);
    memcpy(d->id, d->source->id, sizeof d->id);
    batch_finish_one(w, d, &finished);
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
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_WORKERS, -1);
    if (d->effects_only) {
        batch_finish(w);
        run_effects(w, d);
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

    batch_finish(w);
    aside_take_due(w);
    batch_finish(w);
    const unsigned due_ms[] = {aside_next_due(w), rows_idle(w), checkpoint_idle(w), kept_idle(w),
                               housekeeping_idle(w)};
    unsigned soonest = JOB_WAIT_FOREVER;
    for (size_t i = 0; i < sizeof due_ms / sizeof due_ms[0]; i++)
        soonest = due_ms[i] < soonest ? due_ms[i] : soonest;
    return soonest;
}

void
batch_forget_account(struct worker *w, const char *user, const char *domain)
{
    struct delivery *d, *finished = NULL;

    while ((d = aside_take_of(w, user, domain)) != NULL) {
        outcome_set(&d->why, OUTCOME_BUSY, "%s@%s is being deleted", user, domain);
        batch_finish_one(w, d, &finished);
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
        batch_finish_one(w, d, &finished);
    }
    answer(w, finished);
}
