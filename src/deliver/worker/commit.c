/* SPDX-License-Identifier: MIT
 *
 * The middle of a batch: journalled, published, settled. batch.c has the order of all steps, and
 * what holds after each.
 */
#include "commit_priv.h"

#include <string.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "record_priv.h"
#include "rows_priv.h"
#include "steps_priv.h"

/* ---- journal ---- */

typedef bool (*same_fn)(const struct delivery *a, const struct delivery *b);

static bool
same_message(const struct delivery *a, const struct delivery *b)
{
    return a->source == b->source;
}

static bool
same_account(const struct delivery *a, const struct delivery *b)
{
    return a->account == b->account;
}

/* Those that are the same as the first are brought to the front, in order; how many there are. */
static size_t
group(struct delivery **from, size_t count, same_fn same)
{
    size_t n = 1;

    for (size_t i = 1; i < count; i++)
        if (same(from[i], from[0])) {
            struct delivery *d = from[i];
            memmove(from + n + 1, from + n, (i - n) * sizeof *from);
            from[n++] = d;
        }
    return n;
}

/* The bytes once: behind the record, or in a file that it names. */
static bool
add_record(struct worker *w, struct delivery *const *list, size_t count, struct buf *record,
           uint64_t *segment, struct outcome *why)
{
    const struct delivery_source *source = list[0]->source;
    bool spilled;

    buf_reset(record);
    if (!record_message_pack(record, list, count))
        return outcome_set(why, OUTCOME_SYSTEM, "no room to pack a record");
    if (source->spool != NULL && !spool_file_keep(source->spool, source->msg, why))
        return false;
    const struct span parts[] = {buf_span(record), source->spool != NULL
                                                       ? SPAN_NONE
                                                       : message_inline(source->msg, &spilled)};
    if (checkpoint_add(w, RECORD_MESSAGE, parts, 2, source->spool, segment, why))
        return true;
    if (why->kind == OUTCOME_TOO_BIG) /* for a segment: no fault of the sender's */
        why->kind = OUTCOME_SYSTEM;
    return false;
}

/* Copies that scripts have changed have other bytes, and records of their own. They come first: the
 * ledger knows the delivery by the last one, so that a crash in between makes a copy too much of
 * what nobody acknowledged, and loses none. */
static bool
add_edited(struct worker *w, struct delivery *d, struct outcome *why)
{
    for (uint32_t i = 0; i < d->copy_count; i++) {
        struct delivery *copy = &d->copies[i];
        if (copy->source != d->source && !copy->is_merged &&
            !add_record(w, &copy, 1, &copy->record, &copy->segment, why))
            return false;
    }
    return true;
}

static bool
add_message(struct worker *w, struct delivery **list, size_t count, struct buf *record,
            uint64_t *segment, struct outcome *why)
{
    for (size_t i = 0; i < count; i++)
        if (!add_edited(w, list[i], why))
            return false;
    return add_record(w, list, count, record, segment, why);
}

static void
discard_all(struct worker *w, const struct outcome *why, struct delivery **finished)
{
    for (size_t n = 0; n < w->batch_count; n++) {
        w->batch[n]->why = *why;
        step_discard(w->batch[n]);
        batch_finish_one(w, w->batch[n], finished);
    }
    w->batch_count = 0;
}

static void
set_segment(struct delivery *d, uint64_t segment)
{
    d->segment = segment;
    for (uint32_t i = 0; i < d->copy_count; i++)
        if (d->copies[i].source == d->source)
            d->copies[i].segment = segment;
}

/* One record a message, one sync for all. */
void
commit_journal(struct worker *w, struct delivery **finished)
{
    size_t kept = 0, count = w->batch_count, records = 0;
    struct outcome why;

    for (size_t n = 0; n < count;) {
        uint64_t segment = 0;
        size_t same = group(w->batch + n, count - n, same_message);
        bool ok = add_message(w, w->batch + n, same, &w->records[records++], &segment, &why);
        for (; same > 0; same--, n++) {
            struct delivery *d = w->batch[n];
            set_segment(d, segment);
            if (ok) {
                w->batch[kept++] = d;
                continue;
            }
            d->why = why;
            step_discard(d);
            batch_finish_one(w, d, finished);
        }
    }
    w->batch_count = kept;
    if (!checkpoint_sync(w, &why))
        discard_all(w, &why, finished);
}

/* ---- publish ---- */

/* Its record is on stable storage: another one must say that the client was told to come again. */
static void
cancel_one(struct worker *w, const struct delivery *d, struct buf *record, struct outcome *why)
{
    uint64_t segment;

    buf_reset(record);
    struct span part = SPAN_NONE;
    if (record_cancel_pack(record, d)) {
        part = buf_span(record);
        if (checkpoint_add(w, RECORD_CANCEL, &part, 1, NULL, &segment, why))
            return;
    }
    log_event(LOG_LEVEL_ERROR, "cancel_not_written", "id", d->source->id, "account",
              d->account->key, "effect", "a crash now may deliver it once more", NULL);
}

static void
add_cancel(struct worker *w, struct delivery *d, struct buf *record, struct outcome *why)
{
    const struct outcome failed = d->why;

    step_discard(d);
    d->why = failed;
    cancel_one(w, d, record, why);
    for (uint32_t i = 0; i < d->copy_count; i++)
        if (!d->copies[i].is_merged)
            cancel_one(w, &d->copies[i], &d->copies[i].record, why);
}

static bool
publish(struct delivery *d)
{
    for (uint32_t i = 0; i <= d->copy_count; i++) {
        struct delivery *m = delivery_member(d, i);
        if (!m->is_merged && !store_publish(d->account->store, m->staged, &d->why))
            return false;
    }
    return true;
}

/* Names that the journal does not stand for, one account's: a directory sync. */
static bool
commit_account(struct delivery **list, struct outcome *why)
{
    return !list[0]->is_durable || store_commit(list[0]->account->store, why);
}

static void
cancel_all(struct worker *w, struct delivery **list, size_t count, struct delivery **finished)
{
    struct outcome why = {0};

    for (size_t i = 0; i < count; i++)
        add_cancel(w, list[i], &w->records[i], &why);
    if (count > 0 && !journal_sync(w->journal, &why))
        log_event(LOG_LEVEL_ERROR, "cancel_not_written", "cause", why.cause, "effect",
                  "a crash now may deliver once more", NULL);
    for (size_t i = 0; i < count; i++)
        batch_finish_one(w, list[i], finished);
}

/* Visible, account by account; those that fail are told so after their cancels are safe. */
void
commit_publish(struct worker *w, struct delivery **finished)
{
    struct delivery *failed[BATCH_MAX];
    size_t kept = 0, count = w->batch_count, failed_count = 0;

    for (size_t n = 0; n < count;) {
        struct outcome why;
        size_t same = group(w->batch + n, count - n, same_account), first = kept;
        for (; same > 0; same--, n++) {
            struct delivery *d = w->batch[n];
            if (publish(d))
                w->batch[kept++] = d;
            else
                failed[failed_count++] = d;
        }
        if (kept > first && !commit_account(w->batch + first, &why))
            for (; kept > first; failed_count++) {
                failed[failed_count] = w->batch[--kept];
                failed[failed_count]->why = why;
            }
    }
    w->batch_count = kept;
    cancel_all(w, failed, failed_count, finished);
}

/* ---- rows ---- */

/* What the index needs of it, once the delivery is gone. */
static bool
add_row(struct worker *w, struct delivery *d, struct row_message *message)
{
    struct open_account *oa = d->account;
    struct row *r = row_new(message, rows_key_count(d));
    uint32_t n = 0;

    if (r == NULL)
        return false;
    if (!row_take_words(r, d) || !row_set_mailbox(r, d)) {
        row_free(r);
        return false;
    }
    r->segment = d->segment;
    r->uid = d->uid;
    r->ref = d->ref;
    r->lines = message->body_lines + rows_count_lines(buf_span(&d->trace));
    for (const struct link *l = d->links; n < r->key_count; l = l->next_of_parcel)
        rows_key(d, l->recipient, r->keys[n++]);
    rows_add(w, oa, r);
    return true;
}

/* The rows of what scripts made of it besides. */
static bool
add_copy_rows(struct worker *w, struct delivery *d, struct row_message *message)
{
    bool ok = true;

    for (uint32_t i = 0; i < d->copy_count; i++) {
        struct delivery *copy = &d->copies[i];
        const struct delivery_source *s = copy->source;
        if (copy->is_merged)
            continue;
        struct row_message *own =
            s == d->source ? NULL
                           : row_message_new(s->id, s->received, rows_body_lines(s),
                                             message_digest(s->msg), rows_packed_facts(s));
        ok = (s == d->source || own != NULL) && add_row(w, copy, s == d->source ? message : own) &&
             ok;
        row_message_unref(own);
    }
    return ok;
}

static unsigned
driver_label(const struct settings_store *store)
{
    if (strcmp(store->driver, "maildir") == 0)
        return METRICS_MAILDIR;
    return strcmp(store->driver, "mbox") == 0 ? METRICS_MBOX : METRICS_PLUGIN;
}

static void
settle(struct worker *w, struct delivery *d)
{
    struct outcome why;

    for (uint32_t i = 0; i <= d->copy_count; i++) {
        struct delivery *m = delivery_member(d, i);
        if (!m->is_merged)
            store_forget(d->account->store, m->staged);
        m->staged = NULL;
    }
    memcpy(d->id, d->source->id, sizeof d->id);
    outcome_set(&d->why, OUTCOME_DELIVERED, NULL);
    metrics_count(METRIC_DELIVERED, driver_label(d->account->store_settings), 1);
    d->has_usage = rows_usage(d->account, &d->usage_octets, &d->usage_messages, &why);
    w->touched[w->touched_count++] = d->account;
}

/* A row that cannot wait, for want of memory, is not lost: the message lies in its mailbox, where
 * the next look takes it in. */
void
commit_settle(struct worker *w, struct delivery **finished)
{
    size_t count = w->batch_count;

    for (size_t n = 0; n < count;) {
        const struct delivery_source *source = w->batch[n]->source;
        size_t same = group(w->batch + n, count - n, same_message);
        struct row_message *message =
            row_message_new(source->id, source->received, rows_body_lines(source),
                            message_digest(source->msg), rows_packed_facts(source));
        for (; same > 0; same--, n++) {
            struct delivery *d = w->batch[n];
            if (message == NULL || !add_row(w, d, message) || !add_copy_rows(w, d, message))
                log_event(LOG_LEVEL_ERROR, "no_memory_for_row", "account", d->account->key, NULL);
            settle(w, d);
            batch_finish_one(w, d, finished);
        }
        row_message_unref(message);
    }
    w->batch_count = 0;
}
