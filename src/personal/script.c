/* SPDX-License-Identifier: MIT
 *
 * Sieve scripts: kept by name, one of them active or none. What a script says is nobody's business
 * here; who may store it, and how many, is the caller's (deliver/worker/scripts.c).
 */
#include "personal_priv.h"

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
personal_script_name_check(const char *name)
{
    struct span rest = span_of(name);

    if (rest.n == 0 || rest.n >= PERSONAL_SCRIPT_NAME_SIZE || !net_unicode_check(rest))
        return false;
    while (rest.n > 0)
        if (!is_allowed(utf8_next(&rest)))
            return false;
    return true;
}

/* Names that mean the same are one (RFC 5198 3). One that gets too long by it stays what it was. */
struct script_name {
    char text[PERSONAL_SCRIPT_NAME_SIZE];
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

/* A text without a NUL that fits. */
static bool
read_text(struct db_statement *s, int column, char *out, size_t size)
{
    const struct span text = db_blob(s, column);

    if (text.n >= size || (text.n > 0 && memchr(text.p, '\0', text.n) != NULL))
        return false;
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

/* The file is not trusted. */
static bool
read_script(struct db_statement *s, struct personal_script *out)
{
    const int64_t octets = db_int(s, 2), changed = db_int(s, 4);

    *out = (struct personal_script){
        .octets = (uint64_t)octets, .is_active = db_int(s, 3) == 1, .changed = (time_t)changed};
    return read_text(s, 0, out->name, sizeof out->name) &&
           read_text(s, 1, out->hash, sizeof out->hash) && octets >= 0 && changed >= 0;
}

bool
personal_script_list(struct personal *p, personal_script_fn fn, void *arg, struct outcome *why)
{
    struct db_statement *s =
        personal_prepare(p, "SELECT " COLUMNS " FROM scripts ORDER BY name", why);
    enum db_result result = DB_DONE;
    struct personal_script one;
    bool is_sound = true;

    if (s == NULL)
        return false;
    while ((result = personal_next(p, s, why)) == DB_ROW) {
        is_sound = read_script(s, &one);
        if (!is_sound || !fn(arg, &one))
            break;
    }
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED && (is_sound || personal_damage(p, why));
}

/* Step a bound statement, which is finished after it. */
static bool
find_one(struct personal *p, struct db_statement *s, struct personal_script *out, struct buf *text,
         struct outcome *why)
{
    enum db_result result = personal_next(p, s, why);
    bool has_room = true, is_sound = true;

    if (result == DB_FAILED)
        return false;
    if (result == DB_ROW) {
        is_sound = read_script(s, out);
        has_room = text == NULL || buf_append_span(text, db_blob(s, 5));
    }
    db_finish(s);
    if (result == DB_DONE)
        return outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    if (!has_room)
        return outcome_set(why, OUTCOME_SYSTEM, "no room for a script");
    return is_sound || personal_damage(p, why);
}

bool
personal_script_find(struct personal *p, const char *name, struct personal_script *out,
                     struct buf *text, struct outcome *why)
{
    struct script_name form;
    struct db_statement *s =
        name == NULL
            ? personal_prepare(p, "SELECT " COLUMNS ", text FROM scripts WHERE is_active = 1", why)
            : personal_prepare(p, "SELECT " COLUMNS ", text FROM scripts WHERE name = ?", why);

    if (s == NULL)
        return false;
    if (name != NULL)
        db_bind_text(s, 1, form_of(name, &form));
    return find_one(p, s, out, text, why);
}

bool
personal_script_put(struct personal *p, const struct personal_script *script, struct span text,
                    struct outcome *why)
{
    assert(p->in_transaction);
    char hash[PERSONAL_SCRIPT_HASH_SIZE];
    struct script_name form;
    struct db_statement *s = personal_prepare(
        p,
        "INSERT INTO scripts (name, text, hash, is_active, changed) "
        "VALUES (?, ?, ?, 0, ?) ON CONFLICT (name) DO UPDATE "
        "SET text = excluded.text, hash = excluded.hash, changed = excluded.changed",
        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(script->name, &form));
    db_bind_blob(s, 2, text);
    personal_text_hash(text, hash);
    db_bind_text(s, 3, hash);
    db_bind_int(s, 4, script->changed);
    return personal_run(p, s, why);
}

bool
personal_script_delete(struct personal *p, const char *name, struct outcome *why)
{
    assert(p->in_transaction);
    struct script_name form;
    struct personal_script script;
    if (!personal_script_find(p, name, &script, NULL, why))
        return false;
    if (script.is_active)
        return outcome_set(why, OUTCOME_BUSY, "the script is active");
    struct db_statement *s = personal_prepare(p, "DELETE FROM scripts WHERE name = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(name, &form));
    return personal_run(p, s, why);
}

bool
personal_script_rename(struct personal *p, const char *from, const char *to, struct outcome *why)
{
    assert(p->in_transaction);
    struct script_name form, old;
    struct personal_script script;
    if (!personal_script_find(p, from, &script, NULL, why))
        return false;
    if (personal_script_find(p, to, &script, NULL, why))
        return outcome_set(why, OUTCOME_EXISTS, NULL);
    if (why->kind != OUTCOME_NOT_FOUND)
        return false;
    struct db_statement *s = personal_prepare(p, "UPDATE scripts SET name = ? WHERE name = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(to, &form));
    db_bind_text(s, 2, form_of(from, &old));
    return personal_run(p, s, why);
}

bool
personal_script_activate(struct personal *p, const char *name, struct outcome *why)
{
    assert(p->in_transaction);
    struct script_name form;
    struct personal_script script;
    if (name != NULL && !personal_script_find(p, name, &script, NULL, why))
        return false;
    struct db_statement *s =
        personal_prepare(p, "UPDATE scripts SET is_active = 0 WHERE is_active = 1", why);
    if (s == NULL || !personal_run(p, s, why))
        return false;
    if (name == NULL)
        return true;
    s = personal_prepare(p, "UPDATE scripts SET is_active = 1 WHERE name = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, form_of(name, &form));
    return personal_run(p, s, why);
}
