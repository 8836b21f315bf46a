/* SPDX-License-Identifier: MIT
 *
 * What became of recipients that were in flight. What a next hop has taken must not be sent again
 * after a power cut, and what it has refused must not be forgotten before the report about it
 * waits: all of it is one transaction, and one sync.
 */
#include "queue_priv.h"

#include <stdlib.h>

static bool
end_recipient(struct queue *q, int64_t item, int64_t recipient, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db, "DELETE FROM recipients WHERE id = ? AND item = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, recipient);
    db_bind_int(s, 2, item);
    return db_run(s, why);
}

static bool
put_off(struct queue *q, int64_t item, const struct queue_outcome *o, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db,
                   "UPDATE recipients SET attempts = attempts + ?, next_attempt = ?, "
                   "is_delay_told = ?, last_reply = ?, last_host = ? WHERE id = ? AND item = ?",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, o->was_put_off ? 0 : 1);
    db_bind_int(s, 2, o->next_attempt);
    db_bind_int(s, 3, o->is_delay_told);
    db_bind_text(s, 4, o->reply);
    db_bind_text(s, 5, o->host);
    db_bind_int(s, 6, o->recipient);
    db_bind_int(s, 7, item);
    return db_run(s, why);
}

static bool
has_recipients(struct queue *q, int64_t item, bool *has, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db, "SELECT EXISTS (SELECT 1 FROM recipients WHERE item = ?)", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, item);
    if (!db_next_row(s, why))
        return false;
    *has = db_int(s, 0) != 0;
    db_reset(s);
    return true;
}

static bool
settle_one(struct queue *q, const struct queue_settlement *s, time_t now,
           char file[QUEUE_NAME_SIZE], struct outcome *why)
{
    bool has = true, ok = true;

    for (size_t i = 0; ok && i < s->outcome_count; i++)
        ok = s->outcomes[i].is_over ? end_recipient(q, s->item, s->outcomes[i].recipient, why)
                                    : put_off(q, s->item, &s->outcomes[i], why);
    return ok && (s->dsn == NULL || item_insert(q, s->dsn, why)) &&
           has_recipients(q, s->item, &has, why) &&
           (has || item_remove(q, s->item, now, file, why));
}

static bool
must_be_stable(const struct queue_settlement *s)
{
    bool must = s->dsn != NULL;

    for (size_t i = 0; i < s->outcome_count; i++)
        must = must || s->outcomes[i].is_over;
    return must;
}

static void
land(struct queue *q, const struct queue_settlement *s, const char *file)
{
    for (size_t i = 0; i < s->outcome_count; i++)
        queue_land_locked(q, s->outcomes[i].recipient);
    if (file[0] != '\0')
        queue_file_drop(q, file);
}

/* A commit that could not be synced stands: all of it is said again, and changes nothing more but
 * the count of attempts. */
static bool
write_all(struct queue *q, const struct queue_settlement *settlements, size_t count, time_t now,
          char (*files)[QUEUE_NAME_SIZE], struct outcome *why)
{
    bool ok = db_begin(q->db, why), sync = false;

    if (!ok)
        return false;
    for (size_t i = 0; ok && i < count; i++) {
        ok = settle_one(q, &settlements[i], now, files[i], why);
        sync = sync || must_be_stable(&settlements[i]);
    }
    if (!ok)
        db_rollback(q->db);
    return ok && db_commit(q->db, why) && (sync ? db_sync(q->db, why) : db_flush(q->db, why));
}

bool
queue_settle(struct queue *q, const struct queue_settlement *settlements, size_t count, time_t now,
             struct outcome *why)
{
    char(*files)[QUEUE_NAME_SIZE] = calloc(count + 1, sizeof *files);

    if (files == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "no memory for the queue");
    pthread_mutex_lock(&q->mutex);
    bool ok = write_all(q, settlements, count, now, files, why);
    for (size_t i = 0; ok && i < count; i++)
        land(q, &settlements[i], files[i]);
    if (ok)
        queue_keep_small(q);
    pthread_mutex_unlock(&q->mutex);
    free(files);
    return ok;
}
