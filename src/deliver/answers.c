/* SPDX-License-Identifier: MIT
 *
 * Each recipient gets one true answer (promise 2). LMTP hears each as soon as it is known, in
 * order; SMTP's single answer is folded from them by the edge, so they go out together.
 *
 * The fold's policy for mixed outcomes (design section 8) is carried out here, since it delivers:
 * where some accounts have the message and others refused it for good, over their quota or by a
 * script, the sender is told of those in a message (returns.c) and the client hears 250. So it is
 * for one account of several behind an alias, in LMTP too, whose answer is that of all. Without a
 * sender or a way out they get it all the same, for nobody can be told. What is refused for now
 * alone is tried again by the client, which has the message still.
 */
#include <string.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "deliveries_priv.h"
#include "filing_priv.h"
#include "returns_priv.h"

static bool
is_lmtp(const struct transaction *t)
{
    return t->envelope.protocol == PROTOCOL_LMTP;
}

static void
count_answer(struct counters *c, const struct outcome *why)
{
    c->temporary += outcome_is_temporary(why);
    c->permanent += outcome_is_permanent(why);
    metrics_count(METRIC_ANSWERS, why->kind, 1);
}

static void
send_answer(struct transaction *t, struct recipient *r)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u32(&p, r->number);
    outcome_pack(&r->why, &p);
    pack_str(&p, r->id);
    edge_send(t->edge, STORE_ANSWER, t->id, buf_span(&body));
    buf_release(&body);
    count_answer(&t->deliver->counters, &r->why);
}

/* SMTP's fold needs all recipients; LMTP needs them where an account has a message that its
 * recipient is told to be sent again, and where one report is about all of them. */
static bool
answers_together(const struct transaction *t)
{
    return !is_lmtp(t) || t->is_partial || t->has_returns;
}

/* What is known goes out: in LMTP up to the first recipient still under way, in SMTP all or
 * nothing. */
void
answers_send(struct transaction *t)
{
    uint32_t count = t->asked;

    if (answers_together(t) && t->complete < count)
        return;
    while (t->answered < count && t->recipients[t->answered].is_complete)
        send_answer(t, &t->recipients[t->answered++]);
    if (t->answered == count)
        transaction_free(t);
}

void
answers_complete(struct transaction *t, struct recipient *r, const struct outcome *why,
                 const char *id)
{
    r->why = *why;
    memcpy(r->id, id, sizeof r->id);
    t->complete += !r->is_complete; /* one of its accounts may have been tried again */
    r->is_complete = true;
}

static void
reopen(struct transaction *t, struct recipient *r)
{
    t->complete -= r->is_complete;
    r->is_complete = false;
}

/* --- a recipient, from those of its accounts --- */

static bool
is_refused_late(const struct parcel *p)
{
    return p->is_done && !p->delivery.overshoot &&
           (p->is_refused || p->delivery.why.kind == OUTCOME_OVER_QUOTA_HARD);
}

/* Sent again, past its quota or what its script says: see the head of this file. */
static void
post_overshoot(struct parcel *p)
{
    if (p->is_refused)
        filing_keep_refused(p);
    log_event(LOG_LEVEL_WARNING, p->is_refused ? "reject_not_told" : "quota_overshot", "id",
              p->transaction->source.id, "account", p->delivery.target.account.user, NULL);
    p->delivery.overshoot = true;
    deliveries_post(p);
}

/* True when parcels were sent again, so that the recipient goes on waiting. */
static bool
overshoot_alias(struct recipient *r)
{
    bool delivered = false, again = false;

    if (returns_can_report(r->transaction))
        return false;
    for (struct link *l = r->links; l != NULL; l = l->next_of_recipient) {
        delivered = delivered || outcome_is_success(&l->parcel->delivery.why);
        if (outcome_is_temporary(&l->parcel->delivery.why))
            return false;
    }
    for (struct link *l = r->links; delivered && l != NULL; l = l->next_of_recipient)
        if (is_refused_late(l->parcel)) {
            post_overshoot(l->parcel);
            again = true;
        }
    return again;
}

/* Any temporary failure; else the first refusal when nobody has it; else delivered. */
static const struct parcel *
fold_parcels(const struct recipient *r)
{
    const struct parcel *delivered = NULL, *refused = NULL;

    for (const struct link *l = r->links; l != NULL; l = l->next_of_recipient) {
        if (outcome_is_temporary(&l->parcel->delivery.why))
            return l->parcel;
        if (outcome_is_success(&l->parcel->delivery.why))
            delivered = delivered == NULL ? l->parcel : delivered;
        else
            refused = refused == NULL ? l->parcel : refused;
    }
    return delivered != NULL ? delivered : refused;
}

/* Answered 4xx though one of its accounts has the message? */
static bool
is_partial(const struct recipient *r)
{
    bool delivered = false;

    for (const struct link *l = r->links; l != NULL; l = l->next_of_recipient)
        delivered = delivered || outcome_is_success(&l->parcel->delivery.why);
    return delivered && outcome_is_temporary(&r->why);
}

void
answers_recipient_done(struct transaction *t, struct recipient *r)
{
    if (overshoot_alias(r))
        return;
    const struct parcel *p = fold_parcels(r);
    struct outcome why = p->delivery.why;
    if (r->lacks_target)
        outcome_set(&why, r->lack, "no delivery for one of its accounts");
    answers_complete(t, r, &why, p->delivery.id);
    t->is_partial = t->is_partial || is_partial(r);
}

/* --- the transaction: what goes back, and then the answers --- */

/* Nobody can be told that it was refused. */
static bool
must_overshoot(const struct transaction *t)
{
    return !is_lmtp(t) && !returns_can_report(t);
}

static void give_answers(struct transaction *t);
static void remember_delivered(struct transaction *t);

/* Refused ones are reported: the client hears that all is done. Where that failed it comes again
 * with all of it. */
static void
settle_returns(struct transaction *t, const struct outcome *why)
{
    bool ok = outcome_is_success(why);

    for (uint32_t i = 0; i < t->asked; i++) {
        struct recipient *r = &t->recipients[i];
        if (r->behind != NULL)
            deliveries_log(t, i, NULL, NULL, why);
        bool is_refused = returns_speak_for(r);
        if (r->behind != NULL || is_refused || (!ok && returns_owed(r)))
            r->why = *why;
        if (ok && is_refused)
            outcome_say(&r->why, "refused, and reported as NOTIFY has it");
    }
}

static void
on_returned(struct transaction *t, const struct outcome *why)
{
    t->has_returned = true;
    settle_returns(t, why);
    if (outcome_is_success(why))
        give_answers(t);
    else
        remember_delivered(t);
}

/* All is known and remembered. */
static void
give_answers(struct transaction *t)
{
    bool is_again = false, has_some = false;
    struct outcome nothing;

    for (uint32_t i = 0; i < t->asked; i++) {
        has_some = has_some || outcome_is_success(&t->recipients[i].why) ||
                   returns_are_unsayable(&t->recipients[i]);
        is_again = is_again || outcome_is_temporary(&t->recipients[i].why);
    }
    outcome_set(&nothing, OUTCOME_OK, NULL);
    if (t->has_returned || !has_some || (is_again && !is_lmtp(t)))
        answers_send(t);
    else if (!returns_send(t, on_returned))
        on_returned(t, &nothing);
}

static void
on_remembered(struct delivery *delivery)
{
    struct parcel *p = (struct parcel *)delivery;
    struct transaction *t = p->transaction->whole;

    if (!outcome_is_success(&delivery->why))
        log_event(LOG_LEVEL_WARNING, "ledger_not_written", "id", t->source.id, "cause",
                  delivery->why.cause, NULL);
    if (--t->remembering == 0)
        give_answers(t);
}

/* The message comes again: whoever has it already must be found then, though no Received field says
 * that it comes from a queue. */
static void
remember_delivered(struct transaction *t)
{
    t->remembering = 1;
    for (struct transaction *part = t; part != NULL; part = transaction_next_part(t, part))
        for (struct parcel *p = part->parcels; p != NULL; p = p->hh.next) {
            struct account *a = &p->delivery.target.account;
            if (p->delivery.why.kind != OUTCOME_DELIVERED || part->source.from_queue)
                continue;
            t->remembering++;
            p->delivery.remember = true;
            p->delivery.done = on_remembered;
            workers_post(t->deliver->workers, a->user, a->domain, &p->delivery.job);
        }
    if (--t->remembering == 0)
        give_answers(t);
}

/* All recipients are known: the fold over the whole transaction. */
static void
fold_transaction(struct transaction *t)
{
    bool delivered = false, temporary = false, again = false;

    for (uint32_t i = 0; i < t->asked; i++) {
        delivered = delivered || outcome_is_success(&t->recipients[i].why);
        temporary = temporary || outcome_is_temporary(&t->recipients[i].why);
    }
    for (struct transaction *part = t; part != NULL; part = transaction_next_part(t, part))
        for (struct parcel *p = part->parcels; p != NULL; p = p->hh.next) {
            if (!delivered || temporary || !must_overshoot(t) || !is_refused_late(p))
                continue;
            for (struct link *l = p->links; l != NULL; l = l->next_of_parcel)
                reopen(t, &t->recipients[l->recipient]);
            post_overshoot(p);
            again = true;
        }
    if (again)
        return;
    if (temporary && (!is_lmtp(t) || t->is_partial))
        remember_delivered(t);
    else
        give_answers(t);
}

void
answers_progress(struct transaction *t)
{
    if (answers_together(t) && t->complete == t->asked)
        fold_transaction(t);
    else
        answers_send(t);
}
