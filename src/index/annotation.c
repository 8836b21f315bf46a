/* SPDX-License-Identifier: MIT
 *
 * What is said about mailboxes: special uses (RFC 6154) and annotations (RFC 5464), as scripts ask
 * for them (RFC 8579, RFC 5490).
 */
#include "index_priv.h"

#include <assert.h>
#include <string.h>

bool
index_use_check(const char *special_use)
{
    size_t n = strlen(special_use);

    for (size_t i = 1; i < n; i++)
        if (special_use[i] <= ' ' || special_use[i] > '~' ||
            strchr("(){%*\"\\]", special_use[i]) != NULL)
            return false;
    return n > 1 && n < INDEX_USE_SIZE && special_use[0] == '\\';
}

bool
index_mailbox_set_use(struct index *ix, int64_t id, const char *special_use, struct outcome *why)
{
    assert(ix->in_transaction);
    if (special_use[0] != '\0' && !index_use_check(special_use))
        return outcome_set(why, OUTCOME_BAD_REQUEST, "no special use");
    struct db_statement *s =
        db_prepare(ix->db, "UPDATE mailboxes SET special_use = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, special_use);
    db_bind_int(s, 2, id);
    if (!db_run(s, why))
        return false;
    return db_changes(ix->db) == 1 ||
           outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %lld", (long long)id);
}

bool
index_annotation_find(struct index *ix, int64_t mailbox, const char *name, struct buf *out,
                      struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT value FROM annotations WHERE mailbox = ? AND name = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_text(s, 2, name);
    enum db_result result = db_next(s, why);
    bool has_room = result != DB_ROW || buf_append_span(out, db_blob(s, 0));
    db_finish(s);
    if (result == DB_DONE)
        return outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    if (!has_room)
        return outcome_set(why, OUTCOME_SYSTEM, "no room for an annotation");
    return result == DB_ROW;
}

static bool
count(struct index *ix, int64_t mailbox, int64_t *out, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT count(*) FROM annotations WHERE mailbox = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    bool ok = db_next(s, why) == DB_ROW;
    *out = ok ? db_int(s, 0) : 0;
    db_finish(s);
    return ok;
}

static bool
forget(struct index *ix, int64_t mailbox, const char *name, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "DELETE FROM annotations WHERE mailbox = ? AND name = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_text(s, 2, name);
    return db_run(s, why);
}

bool
index_annotation_set(struct index *ix, int64_t mailbox, const char *name, const struct span *value,
                     struct outcome *why)
{
    int64_t there;

    assert(ix->in_transaction);
    if (!forget(ix, mailbox, name, why))
        return false;
    if (value == NULL)
        return true;
    if (!count(ix, mailbox, &there, why))
        return false;
    if (there >= INDEX_ANNOTATIONS_MAX || value->n > INDEX_ANNOTATION_MAX)
        return outcome_set(why, OUTCOME_OVER_QUOTA_HARD, "too many or too long annotations");
    struct db_statement *s =
        db_prepare(ix->db, "INSERT INTO annotations (mailbox, name, value) VALUES (?, ?, ?)", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_text(s, 2, name);
    db_bind_blob(s, 3, *value);
    return db_run(s, why);
}

bool
index_annotation_list(struct index *ix, int64_t mailbox, index_annotation_fn fn, void *arg,
                      struct outcome *why)
{
    enum db_result result = DB_DONE;
    struct db_statement *s = db_prepare(
        ix->db, "SELECT name, value FROM annotations WHERE mailbox = ? ORDER BY name", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    while ((result = db_next(s, why)) == DB_ROW && fn(arg, db_text(s, 0), db_blob(s, 1)))
        ;
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED;
}
