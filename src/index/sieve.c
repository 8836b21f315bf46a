/* SPDX-License-Identifier: MIT
 *
 * What scripts leave behind: keys that were seen, mail that waits to leave, and what failed.
 */
#include "index_priv.h"

#include <assert.h>
#include <stdio.h>

bool
index_seen_find(struct index *ix, const char *key, time_t now, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT 1 FROM seen WHERE key = ? AND until > ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, key);
    db_bind_int(s, 2, now);
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return false;
    db_finish(s);
    return result == DB_ROW || outcome_set(why, OUTCOME_NOT_FOUND, NULL);
}

bool
index_seen_by(struct index *ix, const char *key, time_t now, char once[INDEX_ONCE_SIZE],
              struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT once FROM seen WHERE key = ? AND until > ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, key);
    db_bind_int(s, 2, now);
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return false;
    snprintf(once, INDEX_ONCE_SIZE, "%s", result == DB_ROW ? db_text(s, 0) : "");
    db_finish(s);
    return result == DB_ROW || outcome_set(why, OUTCOME_NOT_FOUND, NULL);
}

bool
index_seen_add(struct index *ix, const char *key, time_t until, const char *once,
               struct outcome *why)
{
    assert(ix->in_transaction);
    struct db_statement *s =
        db_prepare(ix->db, "INSERT OR REPLACE INTO seen (key, until, once) VALUES (?, ?, ?)", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, key);
    db_bind_int(s, 2, until);
    db_bind_text(s, 3, once);
    return db_run(s, why);
}

bool
index_seen_prune(struct index *ix, time_t now, struct outcome *why)
{
    assert(ix->in_transaction);
    struct db_statement *s = db_prepare(ix->db,
                                        "DELETE FROM seen WHERE key IN (SELECT key FROM seen "
                                        "WHERE until <= ? ORDER BY until LIMIT ?)",
                                        why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, now);
    db_bind_int(s, 2, INDEX_SEEN_PRUNED);
    if (!db_run(s, why))
        return false;
    s = db_prepare(ix->db,
                   "DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY until "
                   "LIMIT min(?, max(0, (SELECT count(*) FROM seen) - ?)))",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, INDEX_SEEN_PRUNED);
    db_bind_int(s, 2, INDEX_SEEN_MAX);
    return db_run(s, why);
}

bool
index_outgoing_list(struct index *ix, index_outgoing_fn fn, void *arg, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db,
                                        "SELECT id, once, kind, queued, delivery_id, sender, "
                                        "details, file FROM outgoing ORDER BY id",
                                        why);
    enum db_result result = DB_DONE;

    if (s == NULL)
        return false;
    while ((result = db_next(s, why)) == DB_ROW) {
        const struct index_outgoing o = {
            .id = db_int(s, 0),
            .once = db_text(s, 1),
            .kind = db_text(s, 2),
            .queued = (time_t)db_int(s, 3),
            .delivery_id = db_text(s, 4),
            .sender = db_text(s, 5),
            .details = db_text(s, 6),
            .file = db_text(s, 7),
        };
        if (!fn(arg, &o))
            break;
    }
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED;
}

bool
index_outgoing_clear(struct index *ix, struct outcome *why)
{
    assert(ix->in_transaction);
    struct db_statement *s = db_prepare(ix->db, "DELETE FROM outgoing", why);

    return s != NULL && db_run(s, why);
}

bool
index_sieve_log_add(struct index *ix, time_t logged, const char *delivery_id, const char *text,
                    struct outcome *why)
{
    assert(ix->in_transaction);
    struct db_statement *s = db_prepare(
        ix->db, "INSERT INTO sieve_log (logged, delivery_id, text) VALUES (?, ?, ?)", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, logged);
    db_bind_text(s, 2, delivery_id);
    db_bind_text(s, 3, text);
    if (!db_run(s, why))
        return false;
    s = db_prepare(ix->db, "DELETE FROM sieve_log WHERE id <= ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, db_last_rowid(ix->db) - INDEX_SIEVE_LOG_MAX);
    return db_run(s, why);
}

bool
index_sieve_log_list(struct index *ix, index_log_fn fn, void *arg, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT logged, delivery_id, text FROM sieve_log ORDER BY id", why);
    enum db_result result = DB_DONE;

    if (s == NULL)
        return false;
    while ((result = db_next(s, why)) == DB_ROW)
        if (!fn(arg, (time_t)db_int(s, 0), db_text(s, 1), db_text(s, 2)))
            break;
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED;
}
