/* SPDX-License-Identifier: MIT
 *
 * Sieve scripts: kept by name, one of them active or none. What a script says is nobody's business
 * here; who may store it, and how many, is the caller's (deliver/worker/scripts.c).
 */
#include "index_priv.h"

#include <assert.h>
#include <string.h>

#include "doorstep/charset.h"
#include "doorstep/net_unicode.h"

#define COLUMNS "name, hash, length(text), is_active, changed"

/* RFC 5804 1.6 and RFC 5198: neither C0 nor C1, neither U+2028 nor U+2029. */
static bool
is_allowed(uint32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c != 0x2028 && c != 0x2029 && c != UTF8_WRONG;
}

bool
index_script_name_check(const char *name)
{
    struct span rest = span_of(name);

    if (rest.n == 0 || rest.n >= INDEX_SCRIPT_NAME_SIZE || !net_unicode_check(rest))
        return false;
    while (rest.n > 0)
        if (!is_allowed(utf8_next(&rest)))
            return false;
    return true;
}

/* Names that mean the same are one (RFC 5198 3). One that gets too long by it stays what it was. */
struct script_name {
    char text[INDEX_SCRIPT_NAME_SIZE];
};

static const char *
form_of(const char *name, struct script_name *out)
{
    struct buf form;

    buf_init(&form, sizeof(out->text) - 1);
    bool ok = net_unicode_print(span_of(name), &form);
    if (ok)
        memcpy(out->text, buf_str(&form), form.len + 1);
    buf_release(&form);
    return ok ? out->text : name;
}

static void
read_script(struct row *r, struct index_script *out)
{
    *out = (struct index_script){0};
    index_row_copy(r, 0, out->name, sizeof(out->name));
    index_row_copy(r, 1, out->hash, sizeof(out->hash));
    out->octets = index_row_u64(r, 2);
    out->is_active = index_row_max(r, 3, 1) != 0;
    out->changed = (time_t)index_row_u64(r, 4);
}

bool
index_script_list(struct index *ix, index_script_fn fn, void *arg, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT " COLUMNS " FROM scripts ORDER BY name", why);
    struct row row = {.s = s};
    enum db_result result = DB_DONE;
    struct index_script one;

    if (s == NULL)
        return false;
    while ((result = db_next(s, why)) == DB_ROW) {
        read_script(&row, &one);
        if (row.bad || !fn(arg, &one))
            break;
    }
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED && index_row_ok(&row, why);
}

/* Step a bound statement, which is finished after it. */
static bool
find_one(struct db_statement *s, struct index_script *out, struct buf *text, struct outcome *why)
{
    enum db_result result = db_next(s, why);
    struct row row = {.s = s};
    bool has_room = true;

    if (result == DB_FAILED)
        return false;
    if (result == DB_ROW) {
        read_script(&row, out);
        has_room = text == NULL || buf_append_span(text, db_blob(s, 5));
    }
    db_finish(s);
    if (result == DB_DONE)
        return outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    if (!has_room)
        return outcome_set(why, OUTCOME_SYSTEM, "no room for a script");
    return index_row_ok(&row, why);
}

bool
index_script_find(struct index *ix, const char *name, struct index_script *out, struct buf *text,
                  struct outcome *why)
{
    struct script_name form;
    struct db_statement *s =
        name == NULL
            ? db_prepare(ix->db, "SELECT " COLUMNS ", text FROM scripts WHERE is_active = 1", why)
            : db_prepare(ix->db, "SELECT " COLUMNS ", text FROM scripts WHERE name = ?", why);

    if (s == NULL)
        return false;
    if (name != NULL)
        db_bind_text(s, 1, form_of(name, &form));
    return find_one(s, out, text, why);
}

bool
index_script_put(struct index *ix, const struct index_script *script, struct span text,
                 struct outcome *why)
{
    assert(ix->in_transaction);
    struct script_name form;
    struct db_statement *s =
        db_prepare(ix->db,
                   "INSERT INTO scripts (name, text, hash, is_active, changed) "
                   "VALUES (?, ?, ?, 0, ?) ON CONFLICT (name) DO UPDATE "
                   "SET text = excluded.text, hash = excluded.hash, changed = excluded.changed",
                   why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(script->name, &form));
    db_bind_blob(s, 2, text);
    db_bind_text(s, 3, script->hash);
    db_bind_int(s, 4, script->changed);
    return db_run(s, why);
}

bool
index_script_delete(struct index *ix, const char *name, struct outcome *why)
{
    assert(ix->in_transaction);
    struct script_name form;
    struct index_script script;
    if (!index_script_find(ix, name, &script, NULL, why))
        return false;
    if (script.is_active)
        return outcome_set(why, OUTCOME_BUSY, "the script is active");
    struct db_statement *s = db_prepare(ix->db, "DELETE FROM scripts WHERE name = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(name, &form));
    return db_run(s, why);
}

bool
index_script_rename(struct index *ix, const char *from, const char *to, struct outcome *why)
{
    assert(ix->in_transaction);
    struct script_name form, old;
    struct index_script script;
    if (!index_script_find(ix, from, &script, NULL, why))
        return false;
    if (index_script_find(ix, to, &script, NULL, why))
        return outcome_set(why, OUTCOME_EXISTS, NULL);
    if (why->kind != OUTCOME_NOT_FOUND)
        return false;
    struct db_statement *s = db_prepare(ix->db, "UPDATE scripts SET name = ? WHERE name = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(to, &form));
    db_bind_text(s, 2, form_of(from, &old));
    return db_run(s, why);
}

bool
index_script_activate(struct index *ix, const char *name, struct outcome *why)
{
    assert(ix->in_transaction);
    struct script_name form;
    struct index_script script;
    if (name != NULL && !index_script_find(ix, name, &script, NULL, why))
        return false;
    struct db_statement *s =
        db_prepare(ix->db, "UPDATE scripts SET is_active = 0 WHERE is_active = 1", why);
    if (s == NULL || !db_run(s, why))
        return false;
    if (name == NULL)
        return true;
    s = db_prepare(ix->db, "UPDATE scripts SET is_active = 1 WHERE name = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(name, &form));
    return db_run(s, why);
}
