/* SPDX-License-Identifier: MIT
 *
 * Who is due, and who is in flight. What is in flight is known in memory alone: after a crash it is
 * due again. The walk goes over one index that covers all that it asks, so that a hundred thousand
 * recipients of a hop that takes nothing now cost little more than their number.
 */
#include "queue_priv.h"

#include <stdlib.h>

static struct flight *
find(struct queue *q, int64_t recipient)
{
    struct flight *f;

    HASH_FIND(hh, q->flights, &recipient, sizeof recipient, f);
    return f;
}

/* ------------------------------------------------------------------ in flight */

static bool
start(struct queue *q, int64_t recipient)
{
    struct flight *f = calloc(1, sizeof *f);

    if (f == NULL)
        return false;
    f->recipient = recipient;
    HASH_ADD(hh, q->flights, recipient, sizeof f->recipient, f);
    if (f->hh.tbl != NULL)
        return true;
    free(f);
    return false;
}

void
queue_land_locked(struct queue *q, int64_t recipient)
{
    struct flight *f = find(q, recipient);

    if (f == NULL)
        return;
    HASH_DEL(q->flights, f);
    free(f);
}

void
queue_land(struct queue *q, const int64_t *recipients, size_t count)
{
    pthread_mutex_lock(&q->mutex);
    for (size_t i = 0; i < count; i++)
        queue_land_locked(q, recipients[i]);
    pthread_mutex_unlock(&q->mutex);
}

/* ------------------------------------------------------------------ due */

struct walk {
    struct queue *queue;
    const struct queue_taker *taker;
    int64_t item; /* that is being gathered; 0: none */
    int64_t ids[QUEUE_RECIPIENTS_MAX];
    size_t count;
    unsigned taken;
    bool failed; /* no memory */
};

/* Without memory a recipient is handed out, and not taken: it is due the next time. */
static bool
on_item(void *arg, const struct queue_item *item)
{
    struct walk *w = arg;
    size_t started = 0;

    while (started < item->recipient_count && start(w->queue, item->recipients[started].id))
        started++;
    w->failed = started < item->recipient_count;
    if (!w->failed && w->taker->take(w->taker->arg, item)) {
        w->taken++;
        return true;
    }
    while (started > 0)
        queue_land_locked(w->queue, item->recipients[--started].id);
    return true;
}

/* hand_out() - what was gathered of one item. One that has vanished is none. */
static bool
hand_out(struct walk *w, struct outcome *why)
{
    const struct item_recipients only = {w->ids, w->count};
    bool ok = w->count == 0 || item_read(w->queue, w->item, ITEM_WHOLE, &only, on_item, w, why) ||
              why->kind == OUTCOME_NOT_FOUND;

    w->count = 0;
    return ok && (!w->failed || outcome_set(why, OUTCOME_SYSTEM, "no memory for the queue"));
}

static bool
may_be_taken(struct walk *w, int64_t recipient, const char *domain)
{
    return find(w->queue, recipient) == NULL &&
           (w->taker->wants == NULL || w->taker->wants(w->taker->arg, domain));
}

/* Recipients of one item that became due together lie together. */
static bool
on_row(struct walk *w, int64_t recipient, int64_t item, const char *domain, struct outcome *why)
{
    if (!may_be_taken(w, recipient, domain))
        return true;
    if (item != w->item || w->count == QUEUE_RECIPIENTS_MAX) {
        if (!hand_out(w, why))
            return false;
        w->item = item;
    }
    w->ids[w->count++] = recipient;
    return true;
}

/* walk_rows() - s: recipients as on_row() takes them; its parameters are bound. */
static bool
walk_rows(struct walk *w, struct db_statement *s, unsigned max, struct outcome *why)
{
    enum db_result result = DB_DONE;
    bool ok = true;

    while (ok && w->taken < max && (result = db_next(s, why)) == DB_ROW)
        ok = on_row(w, db_int(s, 0), db_int(s, 1), db_text(s, 2), why);
    if (result == DB_FAILED)
        return false;
    db_reset(s);
    return ok && (w->taken >= max || hand_out(w, why));
}

static bool
walk(struct queue *q, const char *sql, time_t first, time_t second, unsigned max,
     const struct queue_taker *taker, struct outcome *why)
{
    struct walk *w = calloc(1, sizeof *w);

    if (w == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "no memory for the queue");
    w->queue = q;
    w->taker = taker;
    pthread_mutex_lock(&q->mutex);
    struct db_statement *s = db_prepare(q->db, sql, why);
    if (s != NULL) {
        db_bind_int(s, 1, first);
        db_bind_int(s, 2, second);
    }
    bool ok = s != NULL && walk_rows(w, s, max, why);
    pthread_mutex_unlock(&q->mutex);
    free(w);
    return ok;
}

bool
queue_due(struct queue *q, time_t now, unsigned max, const struct queue_taker *taker,
          struct outcome *why)
{
    return walk(q,
                "SELECT id, item, domain FROM recipients WHERE is_held = 0 AND "
                "next_attempt BETWEEN ?2 AND ?1 ORDER BY next_attempt, item",
                now, INT64_MIN, max, taker, why);
}

bool
queue_overdue(struct queue *q, const struct queue_deadlines *limits, unsigned max,
              const struct queue_taker *taker, struct outcome *why)
{
    return walk(q,
                "SELECT id, item, domain FROM recipients WHERE is_held = 0 AND item IN "
                "(SELECT id FROM items WHERE expires <= ?1) UNION "
                "SELECT id, item, domain FROM recipients WHERE is_held = 0 AND "
                "is_delay_told = 0 AND item IN "
                "(SELECT id FROM items WHERE queued <= ?2 AND by NOT LIKE '%;N%' UNION ALL "
                "SELECT id FROM items WHERE by <> '' AND by LIKE '%;N%' AND "
                "queued + CAST(by AS INTEGER) <= ?1) ORDER BY item",
                limits->expired, limits->delayed, max, taker, why);
}

bool
queue_next_due(struct queue *q, time_t after, time_t *when, struct outcome *why)
{
    enum db_result result = DB_FAILED;

    *when = 0;
    pthread_mutex_lock(&q->mutex);
    struct db_statement *s = db_prepare(q->db,
                                        "SELECT id, next_attempt FROM recipients WHERE "
                                        "is_held = 0 AND next_attempt > ? "
                                        "ORDER BY next_attempt, item",
                                        why);
    if (s != NULL)
        db_bind_int(s, 1, after);
    while (s != NULL && *when == 0 && (result = db_next(s, why)) == DB_ROW)
        if (find(q, db_int(s, 0)) == NULL)
            *when = (time_t)db_int(s, 1);
    if (result != DB_FAILED)
        db_reset(s);
    pthread_mutex_unlock(&q->mutex);
    return result != DB_FAILED;
}
