/* SPDX-License-Identifier: MIT
 *
 * What is said about mailboxes: special uses (RFC 6154) and annotations (RFC 5464), as scripts ask
 * for them (RFC 8579, RFC 5490). By name: which mailboxes there are is the index's business.
 */
#include "personal_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The mailbox ?1, and what lies below it. */
#define IN_OR_BELOW "mailbox = ?1 OR substr(mailbox, 1, length(?1) + 1) = ?1 || '/'"

/* What it is called when ?1 is called ?2. */
#define RENAMED "?2 || substr(mailbox, length(?1) + 1)"

/* A statement whose first parameter is the mailbox. */
static struct db_statement *
about(struct personal *p, const char *sql, const char *mailbox, struct outcome *why)
{
    struct db_statement *s = personal_prepare(p, sql, why);

    if (s != NULL)
        db_bind_text(s, 1, mailbox);
    return s;
}

/* ---- special uses */

bool
personal_use_check(const char *special_use)
{
    size_t n = strlen(special_use);

    for (size_t i = 1; i < n; i++)
        if (special_use[i] <= ' ' || special_use[i] > '~' ||
            strchr("(){%*\"\\]", special_use[i]) != NULL)
            return false;
    return n > 1 && n < PERSONAL_USE_SIZE && special_use[0] == '\\';
}

bool
personal_use_find(struct personal *p, const char *mailbox, char out[PERSONAL_USE_SIZE],
                  struct outcome *why)
{
    struct db_statement *s =
        about(p, "SELECT special_use FROM uses WHERE mailbox = ?", mailbox, why);

    if (s == NULL)
        return false;
    enum db_result result = personal_next(p, s, why);
    if (result == DB_FAILED)
        return false;
    snprintf(out, PERSONAL_USE_SIZE, "%s", result == DB_ROW ? db_text(s, 0) : "");
    db_finish(s);
    return true;
}

static bool
forget_use(struct personal *p, const char *mailbox, struct outcome *why)
{
    struct db_statement *s = about(p, "DELETE FROM uses WHERE mailbox = ?", mailbox, why);

    if (s == NULL)
        return false;
    return personal_run(p, s, why);
}

bool
personal_use_set(struct personal *p, const char *mailbox, const char *special_use,
                 struct outcome *why)
{
    assert(p->in_transaction);
    if (special_use[0] == '\0')
        return forget_use(p, mailbox, why);
    if (!personal_use_check(special_use))
        return outcome_set(why, OUTCOME_BAD_REQUEST, "no special use");
    struct db_statement *s =
        about(p, "INSERT OR REPLACE INTO uses (mailbox, special_use) VALUES (?, ?)", mailbox, why);
    if (s == NULL)
        return false;
    db_bind_text(s, 2, special_use);
    return personal_run(p, s, why);
}

bool
personal_use_list(struct personal *p, const char *special_use, personal_mailbox_fn fn, void *arg,
                  struct outcome *why)
{
    struct db_statement *s = personal_prepare(
        p, "SELECT mailbox FROM uses WHERE special_use = ? COLLATE NOCASE ORDER BY mailbox", why);
    enum db_result result;

    if (s == NULL)
        return false;
    db_bind_text(s, 1, special_use);
    while ((result = personal_next(p, s, why)) == DB_ROW && fn(arg, db_text(s, 0)))
        ;
    if (result != DB_FAILED)
        db_reset(s);
    return result != DB_FAILED;
}

/* ---- annotations */

bool
personal_annotation_find(struct personal *p, const char *mailbox, const char *name, struct buf *out,
                         struct outcome *why)
{
    struct db_statement *s =
        about(p, "SELECT value FROM annotations WHERE mailbox = ? AND name = ?", mailbox, why);

    if (s == NULL)
        return false;
    db_bind_text(s, 2, name);
    enum db_result result = personal_next(p, s, why);
    if (result == DB_FAILED)
        return false;
    bool has_room = result != DB_ROW || buf_append_span(out, db_blob(s, 0));
    db_finish(s);
    if (result == DB_DONE)
        return outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    return has_room || outcome_set(why, OUTCOME_SYSTEM, "no room for an annotation");
}

static bool
count(struct personal *p, const char *mailbox, int64_t *out, struct outcome *why)
{
    struct db_statement *s =
        about(p, "SELECT count(*) FROM annotations WHERE mailbox = ?", mailbox, why);

    if (s == NULL)
        return false;
    if (personal_next(p, s, why) != DB_ROW)
        return false;
    *out = db_int(s, 0);
    db_finish(s);
    return true;
}

static bool
forget_annotation(struct personal *p, const char *mailbox, const char *name, struct outcome *why)
{
    struct db_statement *s =
        about(p, "DELETE FROM annotations WHERE mailbox = ? AND name = ?", mailbox, why);

    if (s == NULL)
        return false;
    db_bind_text(s, 2, name);
    return personal_run(p, s, why);
}

bool
personal_annotation_set(struct personal *p, const char *mailbox, const char *name,
                        const struct span *value, struct outcome *why)
{
    int64_t there;

    assert(p->in_transaction);
    if (!forget_annotation(p, mailbox, name, why))
        return false;
    if (value == NULL)
        return true;
    if (!count(p, mailbox, &there, why))
        return false;
    if (there >= PERSONAL_ANNOTATIONS_MAX || value->n > PERSONAL_ANNOTATION_MAX)
        return outcome_set(why, OUTCOME_OVER_QUOTA_HARD, "too many or too long annotations");
    struct db_statement *s =
        about(p, "INSERT INTO annotations (mailbox, name, value) VALUES (?, ?, ?)", mailbox, why);
    if (s == NULL)
        return false;
    db_bind_text(s, 2, name);
    db_bind_blob(s, 3, *value);
    return personal_run(p, s, why);
}

bool
personal_annotation_list(struct personal *p, const char *mailbox, personal_annotation_fn fn,
                         void *arg, struct outcome *why)
{
    struct db_statement *s = about(
        p, "SELECT name, value FROM annotations WHERE mailbox = ? ORDER BY name", mailbox, why);
    enum db_result result;

    if (s == NULL)
        return false;
    while ((result = personal_next(p, s, why)) == DB_ROW && fn(arg, db_text(s, 0), db_blob(s, 1)))
        ;
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED;
}

/* ---- both */

/* changed grows by the rows that were. */
static bool
change(struct personal *p, const char *sql, const char *from, const char *to, int64_t *changed,
       struct outcome *why)
{
    struct db_statement *s = personal_prepare(p, sql, why);

    if (s == NULL)
        return false;
    db_bind_text(s, 1, from);
    if (to != NULL)
        db_bind_text(s, 2, to);
    if (!personal_run(p, s, why))
        return false;
    *changed += db_changes(p->db);
    return true;
}

static bool
forget(struct personal *p, const char *mailbox, bool with_below, int64_t *changed,
       struct outcome *why)
{
    if (with_below)
        return change(p, "DELETE FROM uses WHERE " IN_OR_BELOW, mailbox, NULL, changed, why) &&
               change(p, "DELETE FROM annotations WHERE " IN_OR_BELOW, mailbox, NULL, changed, why);
    return change(p, "DELETE FROM uses WHERE mailbox = ?1", mailbox, NULL, changed, why) &&
           change(p, "DELETE FROM annotations WHERE mailbox = ?1", mailbox, NULL, changed, why);
}

static bool
is_said(struct personal *p, const char *mailbox, bool *said, struct outcome *why)
{
    struct db_statement *s = about(p,
                                   "SELECT EXISTS (SELECT 1 FROM uses WHERE " IN_OR_BELOW
                                   ") OR EXISTS (SELECT 1 FROM annotations "
                                   "WHERE " IN_OR_BELOW ")",
                                   mailbox, why);

    if (s == NULL)
        return false;
    if (personal_next(p, s, why) != DB_ROW)
        return false;
    *said = db_int(s, 0) != 0;
    db_finish(s);
    return true;
}

bool
personal_mailbox_copy(struct personal *p, const char *from, const char *to, bool *changed,
                      struct outcome *why)
{
    int64_t rows = 0;

    assert(p->in_transaction);
    *changed = false;
    if (!is_said(p, from, changed, why))
        return false;
    if (!*changed)
        return true;
    return change(p,
                  "INSERT OR REPLACE INTO uses (mailbox, special_use) "
                  "SELECT " RENAMED ", special_use FROM uses WHERE " IN_OR_BELOW,
                  from, to, &rows, why) &&
           change(p,
                  "INSERT OR REPLACE INTO annotations (mailbox, name, value) "
                  "SELECT " RENAMED ", name, value FROM annotations WHERE " IN_OR_BELOW,
                  from, to, &rows, why);
}

bool
personal_mailbox_forget(struct personal *p, const char *mailbox, bool with_below, bool *changed,
                        struct outcome *why)
{
    int64_t rows = 0;

    assert(p->in_transaction);
    bool ok = forget(p, mailbox, with_below, &rows, why);
    *changed = rows > 0;
    return ok;
}
