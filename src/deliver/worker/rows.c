/* SPDX-License-Identifier: MIT
 *
 * Rows that wait, and how they get into an index: see rows_priv.h. A delivery was answered when the
 * journal had it; its row may come later, so several of an account share one transaction. They are
 * written, at most ROWS_AT_ONCE a transaction,
 *
 *  - when ROWS_MERGED of an account wait, or the first of them has waited for MOMENT_MS,
 *  - before anybody looks at the account, and before it is closed,
 *  - before their segment of the journal is freed.
 *
 * What cannot be written waits on: the journal keeps it, and back-pressure ends the intake when
 * that lasts.
 */
#include "rows_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "effects_priv.h"
#include "ledger_priv.h"
#include "loan_priv.h"
#include "record_priv.h"
#include "worker_priv.h"

#define ROWS_MERGED 8
#define ROWS_AT_ONCE 16 /* where many wait, a failure costs no more than these */
#define MOMENT_MS 2000
#define ADOPTED_ARENA (4 * 1024 * 1024)

/* ---- rows ---- */

uint64_t
rows_body_lines(const struct delivery_source *source)
{
    if ((source->facts->flags & FACTS_UNKNOWN) != 0)
        return message_traits(source->msg)->lines;
    return source->facts->lines;
}

struct span
rows_packed_facts(const struct delivery_source *source)
{
    return source->packed_facts.n <= RECORD_FACTS_MAX ? source->packed_facts : SPAN_NONE;
}

uint32_t
rows_key_count(const struct delivery *d)
{
    uint32_t count = 0;

    if (!d->source->from_queue && !d->remember)
        return 0;
    for (const struct link *l = d->links; l != NULL; l = l->next_of_parcel)
        count++;
    return count;
}

void
rows_key(const struct delivery *d, uint32_t recipient, char key[INDEX_LEDGER_KEY_SIZE])
{
    const struct envelope *e = d->source->envelope;

    ledger_key(&e->recipients[recipient].address, d->source->received_from, &d->source->known_by,
               key);
}

struct row_message *
row_message_new(const char *id, struct timespec received, uint64_t body_lines, const char *digest,
                struct span facts)
{
    struct row_message *m = calloc(1, sizeof *m + facts.n);

    if (m == NULL)
        return NULL;
    m->users = 1;
    m->received = received;
    m->body_lines = body_lines;
    memcpy(m->id, id, sizeof m->id);
    memcpy(m->digest, digest, sizeof m->digest);
    m->facts_octets = facts.n;
    if (facts.n > 0)
        memcpy(m->facts, facts.p, facts.n);
    return m;
}

void
row_message_unref(struct row_message *m)
{
    if (m != NULL && --m->users == 0)
        free(m);
}

struct row *
row_new(struct row_message *message, uint32_t key_count)
{
    struct row *r = calloc(1, sizeof *r + key_count * sizeof r->keys[0]);

    if (r == NULL)
        return NULL;
    r->key_count = key_count;
    if (message != NULL) {
        message->users++;
        r->message = message;
        r->when = message->received.tv_sec;
        memcpy(r->id, message->id, sizeof r->id);
    }
    return r;
}

bool
row_take_words(struct row *r, const struct delivery *d)
{
    r->flags = d->flags;
    if (d->keywords != NULL && (r->keywords = strdup(d->keywords)) == NULL)
        return false;
    if (d->effects.n == 0)
        return true;
    r->effects = malloc(d->effects.n);
    if (r->effects == NULL)
        return false;
    memcpy(r->effects, d->effects.p, d->effects.n);
    r->effects_octets = d->effects.n;
    r->send_items = d->send_items;
    r->send_octets = d->send_octets;
    return true;
}

bool
row_set_mailbox(struct row *r, const struct delivery *d)
{
    const struct open_account *oa = d->account;

    r->mailbox = oa->inbox;
    r->inbox_validity = oa->inbox_validity;
    if (d->mailbox == 0)
        return true;
    r->mailbox = d->mailbox;
    r->mailbox_name = strdup(delivery_mailbox(d));
    return r->mailbox_name != NULL;
}

void
row_free(struct row *r)
{
    free(r->mailbox_name);
    free(r->keywords);
    free(r->effects);
    row_message_unref(r->message);
    free(r);
}

/* ---- waiting ---- */

void
rows_add(struct worker *w, struct open_account *oa, struct row *r)
{
    if (oa->rows == NULL) {
        oa->rows_since_ms = clock_ms();
        oa->rows_segment = r->segment;
        DL_APPEND2(w->waiting, oa, prev_waiting, next_waiting);
        metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_INDEX, 1);
    }
    if (r->segment < oa->rows_segment) /* a batch settles by message, not in the journal's order */
        oa->rows_segment = r->segment;
    LL_APPEND(oa->rows, r);
    oa->row_count++;
    oa->row_octets += r->message != NULL ? r->ref.stored_octets : 0;
    oa->row_messages += r->message != NULL;
    oa->send_items += r->send_items;
    oa->send_octets += r->send_octets;
}

/* The first one. rows_segment stays: that of the earliest, as long as any waits. */
static void
forget_row(struct worker *w, struct open_account *oa)
{
    struct row *r = oa->rows;

    oa->rows = r->next;
    oa->row_count--;
    oa->row_octets -= r->message != NULL ? r->ref.stored_octets : 0;
    oa->row_messages -= r->message != NULL;
    oa->send_items -= r->send_items;
    oa->send_octets -= r->send_octets;
    row_free(r);
    if (oa->rows == NULL) {
        DL_DELETE2(w->waiting, oa, prev_waiting, next_waiting);
        metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_INDEX, -1);
    }
}

void
rows_drop(struct worker *w, struct open_account *oa)
{
    while (oa->rows != NULL)
        forget_row(w, oa);
}

bool
rows_ledger_find(const struct open_account *oa, const char *key, char id[ID_SIZE])
{
    for (const struct row *r = oa->rows; r != NULL; r = r->next)
        for (uint32_t i = 0; i < r->key_count; i++)
            if (strcmp(r->keys[i], key) == 0) {
                memcpy(id, r->id, ID_SIZE);
                return true;
            }
    return false;
}

bool
rows_usage(const struct open_account *oa, uint64_t *octets, uint64_t *messages, struct outcome *why)
{
    if (!index_usage(oa->index, octets, messages, why))
        return false;
    *octets += oa->row_octets;
    *messages += oa->row_messages;
    return true;
}

/* ---- writing ---- */

/* Trace fields are ours: every line ends in CRLF. */
uint64_t
rows_count_lines(struct span s)
{
    uint64_t lines = 0;

    while (s.n > 0) {
        size_t at = span_find(s, '\n');
        lines += at < s.n;
        s = span_skip(s, at + 1);
    }
    return lines;
}

/* The index was renewed since: every number of the old one means nothing now. */
static bool
is_renewed(const struct open_account *oa, const struct row *r)
{
    return r->message != NULL && r->inbox_validity != oa->inbox_validity;
}

/* Before the transaction, since a mailbox is added in one of its own. */
static bool
find_mailboxes(struct worker *w, struct open_account *oa, struct outcome *why)
{
    unsigned count = 0;

    for (struct row *r = oa->rows; r != NULL && count < ROWS_AT_ONCE; r = r->next, count++) {
        struct index_mailbox box = {.id = oa->inbox};

        if (!is_renewed(oa, r))
            continue;
        if (r->mailbox_name != NULL && !account_mailbox(w, oa, r->mailbox_name, true, &box, why))
            return false;
        r->mailbox = box.id;
    }
    return true;
}

/* An index that was renewed has taken the published message in already, with a UID of its own and
 * without facts: the delivery's row takes the place of that one, under the new UIDVALIDITY. */
static bool
replace_adopted(struct open_account *oa, const struct row *r, uint32_t *uid, struct outcome *why)
{
    struct arena arena;
    struct index_message m;

    arena_init(&arena, ADOPTED_ARENA);
    bool ok = index_message_find_ref(oa->index, r->mailbox, r->ref.name, &arena, &m, why)
                  ? index_expunge(oa->index, r->mailbox, m.uid, why)
                  : why->kind == OUTCOME_NOT_FOUND;
    arena_release(&arena);
    return ok && index_take_uid(oa->index, r->mailbox, uid, why);
}

/* A commit whose last write failed has put the row there all the same (index_commit_unsynced()). */
static bool
is_written(struct open_account *oa, const struct row *r)
{
    struct arena arena;
    struct index_message m;
    struct outcome why;

    arena_init(&arena, ADOPTED_ARENA);
    bool found = index_message_find_ref(oa->index, r->mailbox, r->ref.name, &arena, &m, &why) &&
                 m.uid == r->uid;
    arena_release(&arena);
    return found;
}

static bool
add_message(struct open_account *oa, const struct row *r, uint32_t uid, struct outcome *why)
{
    struct index_message m = {
        .mailbox = r->mailbox,
        .uid = uid,
        .flags = r->flags,
        .keywords = r->keywords != NULL ? r->keywords : "",
        .received = r->message->received,
        .ref = r->ref,
        .octets = r->ref.wire_octets,
        .lines = r->lines,
        .digest = r->message->digest,
        .delivery_id = r->id,
        .facts_packed = {r->message->facts, r->message->facts_octets},
    };

    return index_add(oa->index, &m, why) || (why->kind == OUTCOME_EXISTS && is_written(oa, r));
}

/* The row itself stays as it is: the transaction may be rolled back, and all be tried again. */
static bool
add_row(struct worker *w, struct open_account *oa, const struct row *r, struct outcome *why)
{
    if (r->message != NULL) {
        uint32_t uid = r->uid;
        if (is_renewed(oa, r) && !replace_adopted(oa, r, &uid, why))
            return false;
        if (!add_message(oa, r, uid, why))
            return false;
    }
    for (uint32_t i = 0; i < r->key_count; i++)
        if (!index_ledger_add(oa->index, r->keys[i], r->id, r->when, why))
            return false;
    return effects_apply(w, oa, (struct span){r->effects, r->effects_octets}, r->id, r->when, why);
}

/* The first of them, in one transaction. */
static bool
write_some(struct worker *w, struct open_account *oa, struct outcome *why)
{
    unsigned count = 0;
    bool ok = find_mailboxes(w, oa, why) && index_begin(oa->index, why);

    for (const struct row *r = oa->rows; ok && r != NULL && count < ROWS_AT_ONCE; r = r->next) {
        ok = add_row(w, oa, r, why);
        count++;
    }
    if (!ok || !index_commit_unsynced(oa->index, why)) {
        index_rollback(oa->index);
        return false;
    }
    oa->needs_mark = true;
    for (; count > 0; count--)
        forget_row(w, oa);
    return true;
}

static bool
write_or_renew(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (account_inbox(w, oa, why) && write_some(w, oa, why))
        return true;
    if (!account_recover_index(w, oa, why))
        return false;
    return account_inbox(w, oa, why) && write_some(w, oa, why);
}

bool
rows_flush(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (oa->rows == NULL)
        return true;
    const uint64_t began_us = clock_us();
    const uint32_t rows = (uint32_t)oa->row_count;
    bool ok = account_reopen_index(w, oa, why);
    while (ok && oa->rows != NULL)
        ok = write_or_renew(w, oa, why);
    metrics_observe(METRIC_INDEX_FLUSH, ok ? METRICS_DONE : METRICS_FAILED, clock_us() - began_us);
    metrics_observe(METRIC_INDEX_ROWS, METRICS_NO_LABEL, rows);
    if (ok)
        return true;
    log_event(LOG_LEVEL_ERROR, "rows_wait", "account", oa->key, "rows", log_num(oa->row_count),
              "cause", why->cause, NULL);
    DL_DELETE2(w->waiting, oa, prev_waiting, next_waiting); /* the others first */
    DL_APPEND2(w->waiting, oa, prev_waiting, next_waiting);
    oa->rows_since_ms = clock_ms();
    return false;
}

void
rows_flush_merged(struct worker *w, struct open_account *oa)
{
    struct outcome why;

    if (oa->row_count >= ROWS_MERGED && !oa->loan.is_lent && rows_flush(w, oa, &why))
        loan_consider(w, oa);
}

bool
rows_flush_below(struct worker *w, uint64_t segment, unsigned accounts_max, bool *more)
{
    struct open_account *oa, *next;
    struct outcome why;
    bool ok = true;

    *more = false;
    DL_FOREACH_SAFE2(w->waiting, oa, next, next_waiting)
    {
        if (oa->rows_segment >= segment)
            continue;
        if (accounts_max == 0) {
            *more = true;
            break;
        }
        if (oa->loan.is_lent) {
            *more = true;
            continue;
        }
        accounts_max--;
        ok = rows_flush(w, oa, &why) && ok;
    }
    return ok;
}

unsigned
rows_idle(struct worker *w)
{
    struct open_account *oa = w->waiting;
    uint64_t now = clock_ms();
    struct outcome why;

    if (oa == NULL)
        return JOB_WAIT_FOREVER;
    if (now - oa->rows_since_ms < MOMENT_MS)
        return (unsigned)(MOMENT_MS - (now - oa->rows_since_ms));
    if (oa->loan.is_lent)
        return LOAN_WAIT_MS;
    if (rows_flush(w, oa, &why))
        loan_consider(w, oa);
    return 0;
}
