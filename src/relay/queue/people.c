/* SPDX-License-Identifier: MIT
 *
 * What people ask of the queue, and tell it: list, show, hold, release, retry, delete. All changes
 * are on stable storage before anybody is told of them.
 */
#include "queue_priv.h"

/* ------------------------------------------------------------------ looking */

bool
queue_show(struct queue *q, int64_t id, queue_item_fn fn, void *arg, struct outcome *why)
{
    pthread_mutex_lock(&q->mutex);
    bool ok = item_read(q, id, ITEM_WHOLE, NULL, fn, arg, why);
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

/* next_id() - 0: there is none. */
static bool
next_id(struct queue *q, int64_t after, int64_t *id, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db, "SELECT ifnull(min(id), 0) FROM items WHERE id > ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, after);
    if (!db_next_row(s, why))
        return false;
    *id = db_int(s, 0);
    db_reset(s);
    return true;
}

struct listing {
    queue_item_fn fn;
    void *arg;
    bool goes_on;
};

static bool
on_listed(void *arg, const struct queue_item *item)
{
    struct listing *l = arg;

    l->goes_on = l->fn(l->arg, item);
    return l->goes_on;
}

bool
queue_list(struct queue *q, int64_t after, unsigned max, queue_item_fn fn, void *arg,
           struct outcome *why)
{
    struct listing l = {fn, arg, true};
    int64_t id = after;
    bool ok = true;

    pthread_mutex_lock(&q->mutex);
    for (unsigned i = 0; ok && l.goes_on && i < max; i++) {
        ok = next_id(q, id, &id, why);
        if (!ok || id == 0)
            break;
        ok = item_read(q, id, ITEM_ENVELOPE, NULL, on_listed, &l, why);
    }
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

static bool
next_of_account(struct queue *q, const char *account, int64_t after, int64_t *id,
                struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db, "SELECT ifnull(min(id), 0) FROM items WHERE account = ? AND id > ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, account);
    db_bind_int(s, 2, after);
    if (!db_next_row(s, why))
        return false;
    *id = db_int(s, 0);
    db_reset(s);
    return true;
}

bool
queue_list_account(struct queue *q, const char *account, unsigned max, queue_item_fn fn, void *arg,
                   struct outcome *why)
{
    struct listing l = {fn, arg, true};
    int64_t id = 0;
    bool ok = true;

    pthread_mutex_lock(&q->mutex);
    for (unsigned i = 0; ok && l.goes_on && i < max; i++) {
        ok = next_of_account(q, account, id, &id, why);
        if (!ok || id == 0)
            break;
        ok = item_read(q, id, ITEM_ENVELOPE, NULL, on_listed, &l, why);
    }
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

/* ------------------------------------------------------------------ telling */

static bool
exists(struct queue *q, int64_t id, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db, "SELECT EXISTS (SELECT 1 FROM items WHERE id = ?)", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, id);
    if (!db_next_row(s, why))
        return false;
    bool found = db_int(s, 0) != 0;
    db_reset(s);
    return found || outcome_set(why, OUTCOME_NOT_FOUND, "no such item");
}

static bool
end_durable(struct queue *q, bool ok, struct outcome *why)
{
    return queue_end(q, ok, why) && queue_sync(q, why);
}

/* change() - sql has items as ?1 to ?2, and a number as ?3. */
static bool
change(struct queue *q, const char *sql, int64_t id, int64_t number, uint64_t *changed,
       struct outcome *why)
{
    *changed = 0;
    if (!queue_begin(q, why))
        return false;
    struct db_statement *s =
        id == QUEUE_ALL || exists(q, id, why) ? db_prepare(q->db, sql, why) : NULL;
    if (s != NULL) {
        db_bind_int(s, 1, id);
        db_bind_int(s, 2, id == QUEUE_ALL ? INT64_MAX : id);
        db_bind_int(s, 3, number);
    }
    bool ok = s != NULL && db_run(s, why);
    if (ok)
        *changed = (uint64_t)db_changes(q->db);
    ok = end_durable(q, ok, why);
    if (ok && *changed > 0)
        queue_tell(q);
    return ok;
}

static const char set_held[] = "UPDATE recipients SET is_held = ?3 WHERE item BETWEEN ?1 AND ?2 "
                               "AND is_held <> ?3";
static const char set_next[] = "UPDATE recipients SET next_attempt = ?3 WHERE "
                               "item BETWEEN ?1 AND ?2 AND next_attempt > ?3";

bool
queue_hold(struct queue *q, int64_t id, uint64_t *changed, struct outcome *why)
{
    return change(q, set_held, id, 1, changed, why);
}

bool
queue_release(struct queue *q, int64_t id, uint64_t *changed, struct outcome *why)
{
    return change(q, set_held, id, 0, changed, why);
}

bool
queue_retry(struct queue *q, int64_t id, time_t now, uint64_t *changed, struct outcome *why)
{
    return change(q, set_next, id, now, changed, why);
}

#define NEVER_TRIED_S (24 * 3600) /* far longer than it takes to be found */

static bool
expire_item(struct queue *q, int64_t id, time_t now, struct outcome *why)
{
    struct db_statement *s = db_prepare(q->db, "UPDATE items SET expires = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, now);
    db_bind_int(s, 2, id);
    return db_run(s, why);
}

bool
queue_expire(struct queue *q, int64_t id, time_t now, struct outcome *why)
{
    struct db_statement *s = NULL;

    if (!queue_begin(q, why))
        return false;
    bool ok = exists(q, id, why) && expire_item(q, id, now, why);
    if (ok)
        s = db_prepare(q->db, "UPDATE recipients SET is_held = 0, next_attempt = ? WHERE item = ?",
                       why);
    if (s != NULL) {
        db_bind_int(s, 1, now + NEVER_TRIED_S);
        db_bind_int(s, 2, id);
    }
    ok = end_durable(q, s != NULL && db_run(s, why), why);
    if (ok)
        queue_tell(q);
    return ok;
}

/* remove_items() - several in one transaction, with one sync. */
#define REMOVED_AT_ONCE 100
static bool
remove_items(struct queue *q, const int64_t *ids, size_t count, time_t now, struct outcome *why)
{
    char files[REMOVED_AT_ONCE][QUEUE_NAME_SIZE];
    bool ok = true;

    if (!queue_begin(q, why))
        return false;
    for (size_t i = 0; ok && i < count; i++)
        ok = item_remove(q, ids[i], now, files[i], why);
    ok = end_durable(q, ok, why);
    for (size_t i = 0; ok && i < count; i++)
        queue_message_remove(q, files[i]);
    return ok;
}

bool
queue_delete(struct queue *q, int64_t id, time_t now, struct outcome *why)
{
    pthread_mutex_lock(&q->mutex);
    bool ok = exists(q, id, why);
    pthread_mutex_unlock(&q->mutex);
    return ok && remove_items(q, &id, 1, now, why);
}

static bool
some_of_account(struct queue *q, const char *account, int64_t *ids, size_t *count,
                struct outcome *why)
{
    enum db_result result = DB_DONE;

    *count = 0;
    struct db_statement *s = db_prepare(q->db, "SELECT id FROM items WHERE account = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, account);
    while (*count < REMOVED_AT_ONCE && (result = db_next(s, why)) == DB_ROW)
        ids[(*count)++] = db_int(s, 0);
    if (result == DB_FAILED)
        return false;
    db_reset(s);
    return true;
}

bool
queue_delete_account(struct queue *q, const char *account, time_t now, uint64_t *changed,
                     struct outcome *why)
{
    int64_t ids[REMOVED_AT_ONCE];
    size_t count;
    bool ok;

    *changed = 0;
    do {
        pthread_mutex_lock(&q->mutex);
        ok = some_of_account(q, account, ids, &count, why);
        pthread_mutex_unlock(&q->mutex);
        ok = ok && (count == 0 || remove_items(q, ids, count, now, why));
        *changed += ok ? count : 0;
    } while (ok && count > 0);
    return ok;
}
