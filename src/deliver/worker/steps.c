/* SPDX-License-Identifier: MIT
 *
 * The steps of a delivery up to the moment when everybody sees the message: prepare and stage,
 * sync, publish. batch.c has the order of all steps and what holds after each.
 */
#include "steps_priv.h"

#include <string.h>

#include "doorstep/metrics.h"

#include "aside_priv.h"
#include "effects_priv.h"
#include "record_priv.h"
#include "rows_priv.h"
#include "target_priv.h"
#include "trace_priv.h"

/* What the account holds with the deliveries that are before this one in its batch: their rows come
 * later. */
static bool
usage_with_batch(struct worker *w, size_t n, uint64_t *octets, uint64_t *messages,
                 struct outcome *why)
{
    const struct open_account *oa = w->batch[n]->account;

    if (!rows_usage(oa, octets, messages, why))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (w->batch[i]->account != oa)
            continue;
        for (uint32_t m = 0; m <= w->batch[i]->copy_count; m++)
            *octets += delivery_member(w->batch[i], m)->ref.stored_octets;
        *messages += 1 + w->batch[i]->copy_count;
    }
    return true;
}

static bool
has_room(struct worker *w, size_t n, struct outcome *why)
{
    const struct delivery *d = w->batch[n];
    const struct account *a = &d->target.account;
    uint64_t octets, messages;

    if (d->overshoot || (a->quota == UINT64_MAX && a->quota_messages == UINT64_MAX))
        return true;
    if (!usage_with_batch(w, n, &octets, &messages, why))
        return false;
    uint64_t size = message_traits(d->source->msg)->octets * (1 + (uint64_t)d->copy_count);
    messages += d->copy_count;
    if (messages < a->quota_messages && octets <= a->quota && size <= a->quota - octets)
        return true;
    enum outcome_kind kind =
        d->account->domain->quota_hard ? OUTCOME_OVER_QUOTA_HARD : OUTCOME_OVER_QUOTA;
    return outcome_set(why, kind, "%s: %llu of %llu octets used, %llu messages", d->account->key,
                       (unsigned long long)octets, (unsigned long long)a->quota,
                       (unsigned long long)messages);
}

/* False when it goes on; true when an earlier delivery holds, or the index failed. */
bool
step_is_known(struct worker *w, struct delivery *d)
{
    time_t since = clock_wall().tv_sec - (time_t)(w->with.settings->ledger_window / 1000);
    char key[INDEX_LEDGER_KEY_SIZE];
    struct outcome why;

    rows_key(d, d->recipient, key);
    if (rows_ledger_find(d->account, key, d->id)) {
        metrics_count(METRIC_LEDGER_HITS, METRICS_NO_LABEL, 1);
        outcome_set(&d->why, OUTCOME_DUPLICATE, NULL);
        return true;
    }
    if (index_ledger_find(d->account->index, key, since, d->id, &why)) {
        metrics_count(METRIC_LEDGER_HITS, METRICS_NO_LABEL, 1);
        outcome_set(&d->why, OUTCOME_DUPLICATE, NULL);
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
    const struct trace_options options = {
        .hostname = w->with.settings->hostname,
        .id = d->source->id,
        .when = d->source->received,
        .delivered_to = d->account->domain->delivered_to,
    };

    buf_init(&d->trace, TRACE_MAX);
    if (d->is_sent || trace_build(&options, e, &e->recipients[d->recipient], &d->trace))
        return true;
    return outcome_set(&d->why, OUTCOME_SYSTEM, "trace fields do not fit");
}

static enum step_result
set_aside(struct worker *w, struct delivery *d, struct store_wait wait)
{
    return aside_put(w, d, wait) ? IS_ASIDE : IS_DONE;
}

/* Where it goes; INBOX is there by definition. */
static bool
find_mailbox(struct worker *w, struct delivery *d)
{
    d->mailbox = 0;
    if (!account_inbox(w, d->account, &d->why))
        return false;
    return (d->wanted == NULL && strcmp(delivery_mailbox(d), "INBOX") == 0) || target_find(w, d);
}

static bool
may_go_on(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];

    return !step_is_known(w, d) && find_mailbox(w, d) && has_room(w, n, &d->why);
}

/* Any look may find the index damaged: it is renewed, and asked once more. Not while a delivery of
 * the batch has a UID of the old one: then this one is tried again by its client. */
static bool
may_go_on_after_renewal(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];

    return (d->why.kind == OUTCOME_UNREADABLE || !d->account->in_batch) &&
           account_recover_index(w, d->account, &d->why) && may_go_on(w, n);
}

static enum step_result
prepare(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];
    struct store_wait wait;

    switch (account_open(w, &d->target.account, true, &d->account, &wait, &d->why)) {
    case ACCOUNT_FAILED:
        d->account = NULL;
        return IS_DONE;
    case ACCOUNT_LATER:
        return set_aside(w, d, wait);
    case ACCOUNT_OPEN:
        break;
    }
    bool goes_on = may_go_on(w, n) || may_go_on_after_renewal(w, n);
    return goes_on && build_trace(w, d) ? GOES_ON : IS_DONE;
}

/* A copy of a delivery that may go on. */
static bool
prepare_copy(struct worker *w, const struct delivery *d, struct delivery *copy)
{
    copy->account = d->account;
    copy->target = d->target;
    copy->links = NULL; /* the ledger knows the delivery itself */
    copy->recipient = d->recipient;
    copy->is_merged = false;
    buf_init(&copy->record, RECORD_MAX);
    return find_mailbox(w, copy) && build_trace(w, copy);
}

/* The same message by another transaction of this very batch: it waits for that one's outcome, and
 * the ledger then tells whether it was for the same recipient. */
static bool
is_twin(struct worker *w, size_t n)
{
    const struct delivery *d = w->batch[n];

    for (size_t i = 0; i < n; i++) {
        const struct delivery *other = w->batch[i];
        if (other->account == d->account && other->source != d->source &&
            strcmp(other->source->known_by.digest, d->source->known_by.digest) == 0)
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
stage_bytes(struct delivery *d, struct store_staged *shared, struct store_wait *wait)
{
    const struct envelope *e = d->source->envelope;
    struct buf sender;

    buf_init(&sender, ADDRESS_PATH_MAX);
    address_print(&e->reverse_path, &sender);
    const struct store_mail mail = {
        .msg = d->source->msg,
        .mailbox = delivery_mailbox(d),
        .trace = buf_span(&d->trace),
        .keep_bytes = e->body == BODY_BINARYMIME,
        .return_path = buf_str(&sender),
        .id = d->source->id,
        .received = d->source->received,
        .flags = d->flags,
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

void
step_discard(struct delivery *d)
{
    for (uint32_t i = 0; i <= d->copy_count; i++) {
        struct delivery *m = delivery_member(d, i);
        if (m->staged != NULL)
            store_discard(d->account->store, m->staged);
        m->staged = NULL;
    }
}

static bool
take_uid(struct delivery *d)
{
    struct open_account *oa = d->account;

    d->is_durable = !oa->is_journalled;
    return index_reserve_uid(oa->index, d->mailbox != 0 ? d->mailbox : oa->inbox, &d->uid, &d->why);
}

/* Bytes and UID of one; the folder of a mailbox that the index knows may have been removed. */
static enum store_result
stage_one(struct worker *w, struct delivery *d, struct store_staged *shared,
          struct store_wait *wait)
{
    enum store_result result = stage_bytes(d, shared, wait);

    if (result == STORE_FAILED && target_renew(w, d))
        result = stage_bytes(d, shared, wait);
    if (result != STORE_DONE || take_uid(d))
        return result;
    return STORE_FAILED;
}

/* Where an earlier one of them went, the later one is not needed. */
static bool
is_merged(struct delivery *d, uint32_t i)
{
    const struct delivery *copy = delivery_member(d, i);

    for (uint32_t j = 0; j < i; j++) {
        const struct delivery *other = delivery_member(d, j);
        if (!other->is_merged && other->source == copy->source && other->mailbox == copy->mailbox)
            return true;
    }
    return false;
}

/* All or none of them. */
static enum store_result
stage_copies(struct worker *w, struct delivery *d, struct store_wait *wait)
{
    enum store_result result = STORE_DONE;

    for (uint32_t i = 1; result == STORE_DONE && i <= d->copy_count; i++) {
        struct delivery *copy = delivery_member(d, i);
        result = prepare_copy(w, d, copy) ? STORE_DONE : STORE_FAILED;
        copy->is_merged = result == STORE_DONE && is_merged(d, i);
        if (result == STORE_DONE && !copy->is_merged)
            result = stage_one(w, copy, NULL, wait);
        if (result == STORE_FAILED)
            d->why = copy->why;
    }
    return result;
}

static enum step_result
stage(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];
    struct store_wait wait = {-1, 1};
    enum step_result prepared = prepare(w, n);

    if (prepared != GOES_ON)
        return prepared;
    if (is_twin(w, n))
        return set_aside(w, d, wait);
    enum store_result staged = stage_one(w, d, find_shared(w, n), &wait);
    if (staged == STORE_DONE)
        staged = stage_copies(w, d, &wait);
    if (staged == STORE_DONE && !effects_keep_messages(w, d))
        staged = STORE_FAILED;
    if (staged == STORE_DONE) { /* from here on it is in a batch that will publish */
        d->account->in_batch = true;
        return GOES_ON;
    }
    step_discard(d);
    effects_drop_messages(w, d);
    if (staged == STORE_LATER)
        return set_aside(w, d, wait);
    if (!may_reopen(d))
        return IS_DONE;
    return set_aside(w, d, wait);
}

enum step_result
step_stage(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];
    uint64_t began_us = clock_us();
    enum step_result result = stage(w, n);

    d->times.stage_us = (uint32_t)(clock_us() - began_us);
    return result;
}

enum step_result
step_sync(struct worker *w, size_t n)
{
    struct delivery *d = w->batch[n];
    bool ok = true;

    for (uint32_t i = 0; ok && d->is_durable && i <= d->copy_count; i++) {
        struct delivery *m = delivery_member(d, i);
        ok = m->is_merged || store_sync(d->account->store, m->staged, &d->why);
    }
    if (ok)
        return GOES_ON;
    step_discard(d);
    return IS_DONE;
}
