/* SPDX-License-Identifier: MIT
 *
 * The rows of a damaged file that can be read go into a new one. They are looked for from both ends
 * of each tree, for damage cuts a walk short.
 */
#include "personal_priv.h"

#include <stdio.h>
#include <string.h>

struct rescue {
    struct personal *from, *into;
    struct personal_rescued *out;
    struct outcome *why; /* of `into` */
    bool ok;
};

/* ---- rows ---- */

typedef void (*keep_fn)(struct rescue *r, struct db_statement *row);

/* As far as it can be read. */
static void
walk(struct rescue *r, const char *sql, keep_fn keep)
{
    struct outcome damage;
    struct db_statement *s = db_prepare(r->from->db, sql, &damage);
    enum db_result result = DB_FAILED;

    while (s != NULL && r->ok && (result = db_next(s, &damage)) == DB_ROW)
        keep(r, s);
    if (s != NULL && result != DB_FAILED)
        db_finish(s);
}

/* What cannot have been written is left where it is. One that is there already is from the other
 * end of the tree. */
static void
keep_script(struct rescue *r, struct db_statement *row)
{
    struct personal_script s = {.changed = (time_t)db_int(row, 2)}, there;
    const struct span text = db_blob(row, 1);
    char hash[PERSONAL_SCRIPT_HASH_SIZE];

    snprintf(s.name, sizeof s.name, "%s", db_text(row, 0));
    if (!personal_script_name_check(s.name) || s.changed < 0)
        return;
    if (personal_script_find(r->into, s.name, &there, NULL, r->why))
        return;
    personal_text_hash(text, hash);
    const bool is_active = db_int(row, 4) == 1 && strcmp(hash, db_text(row, 3)) == 0;
    r->ok = personal_script_put(r->into, &s, text, r->why) &&
            (!is_active || personal_script_activate(r->into, s.name, r->why));
    r->out->scripts += r->ok;
    r->out->has_active = r->out->has_active || is_active;
}

static void
keep_use(struct rescue *r, struct db_statement *row)
{
    char there[PERSONAL_USE_SIZE];

    if (!personal_use_check(db_text(row, 1)))
        return;
    r->ok = personal_use_find(r->into, db_text(row, 0), there, r->why);
    if (!r->ok || there[0] != '\0')
        return;
    r->ok = personal_use_set(r->into, db_text(row, 0), db_text(row, 1), r->why);
    r->out->facts += r->ok;
}

static void
keep_annotation(struct rescue *r, struct db_statement *row)
{
    const struct span value = db_blob(row, 2);
    struct buf there;

    buf_init(&there, PERSONAL_ANNOTATION_MAX);
    bool is_there =
        personal_annotation_find(r->into, db_text(row, 0), db_text(row, 1), &there, r->why);
    buf_release(&there);
    if (is_there || value.n > PERSONAL_ANNOTATION_MAX)
        return;
    r->ok = personal_annotation_set(r->into, db_text(row, 0), db_text(row, 1), &value, r->why);
    r->out->facts += r->ok;
    r->ok = r->ok || r->why->kind == OUTCOME_OVER_QUOTA_HARD;
}

#define SCRIPTS "SELECT name, text, changed, hash, is_active FROM scripts ORDER BY name"
#define USES "SELECT mailbox, special_use FROM uses ORDER BY mailbox"
#define ANNOTATIONS "SELECT mailbox, name, value FROM annotations ORDER BY mailbox"

static void
walk_all(struct rescue *r)
{
    walk(r, SCRIPTS, keep_script);
    walk(r, SCRIPTS " DESC", keep_script);
    walk(r, USES, keep_use);
    walk(r, USES " DESC", keep_use);
    walk(r, ANNOTATIONS, keep_annotation);
    walk(r, ANNOTATIONS " DESC", keep_annotation);
}

bool
personal_rescue_rows(struct personal *from, struct personal *into, struct personal_rescued *out,
                     struct outcome *why)
{
    struct rescue r = {.from = from, .into = into, .out = out, .why = why, .ok = true};

    walk_all(&r);
    return r.ok;
}
