/* SPDX-License-Identifier: MIT
 *
 * Kept statements: compiled once a connection, found again by the address of their text, which is
 * a string literal of the caller's. Values are always bound, never printed into SQL. A bind
 * that fails is remembered and told by the next step, so that callers bind in straight lines.
 */
#include "db_priv.h"

#include <stdlib.h>

static struct db_statement *
statement_new(struct db *db, const char *sql, struct outcome *why)
{
    struct db_statement *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: statement");
        return NULL;
    }
    s->sql = sql;
    s->db = db;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL) !=
        SQLITE_OK) {
        db_fail(db, sql, why);
        free(s);
        return NULL;
    }
    HASH_ADD_PTR(db->statements, sql, s);
    if (s->hh.tbl == NULL) {
        sqlite3_finalize(s->stmt);
        free(s);
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: statements");
        return NULL;
    }
    return s;
}

struct db_statement *
db_prepare(struct db *db, const char *sql, struct outcome *why)
{
    struct db_statement *s;
    wal_index_unpack(&db->wal_index);
    HASH_FIND_PTR(db->statements, &sql, s);
    if (s == NULL)
        return statement_new(db, sql, why);
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
    s->broken = SQLITE_OK;
    return s;
}

void
db_finish(struct db_statement *s)
{
    HASH_DEL(s->db->statements, s);
    sqlite3_finalize(s->stmt);
    free(s);
}

void
db_forget_statements(struct db *db)
{
    struct db_statement *s, *next;
    HASH_ITER(hh, db->statements, s, next)
    {
        db_finish(s);
    }
}

static void
note(struct db_statement *s, int code)
{
    if (code != SQLITE_OK && s->broken == SQLITE_OK)
        s->broken = code;
}

void
db_bind_int(struct db_statement *s, int n, int64_t v)
{
    note(s, sqlite3_bind_int64(s->stmt, n, v));
}

void
db_bind_text(struct db_statement *s, int n, const char *v)
{
    note(s, sqlite3_bind_text64(s->stmt, n, v, v == NULL ? 0 : span_of(v).n, SQLITE_STATIC,
                                SQLITE_UTF8));
}

void
db_bind_span(struct db_statement *s, int n, struct span v)
{
    note(s,
         sqlite3_bind_text64(s->stmt, n, v.p == NULL ? "" : v.p, v.n, SQLITE_STATIC, SQLITE_UTF8));
}

void
db_bind_blob(struct db_statement *s, int n, struct span v)
{
    note(s, sqlite3_bind_blob64(s->stmt, n, v.p == NULL ? "" : v.p, v.n, SQLITE_STATIC));
}

void
db_bind_null(struct db_statement *s, int n)
{
    note(s, sqlite3_bind_null(s->stmt, n));
}

enum db_result
db_next(struct db_statement *s, struct outcome *why)
{
    if (s->broken != SQLITE_OK) {
        db_fail_code(s->broken, 0, s->sql, NULL, why);
        db_reset(s);
        return DB_FAILED;
    }
    wal_index_unpack(&s->db->wal_index);
    switch (sqlite3_step(s->stmt)) {
    case SQLITE_ROW:
        return DB_ROW;
    case SQLITE_DONE:
        return DB_DONE;
    default:
        db_fail(s->db, s->sql, why);
        db_reset(s);
        return DB_FAILED;
    }
}

bool
db_next_row(struct db_statement *s, struct outcome *why)
{
    enum db_result r = db_next(s, why);
    if (r != DB_DONE)
        return r == DB_ROW;
    outcome_set(why, OUTCOME_CORRUPT, "no row from %.100s", s->sql);
    db_reset(s);
    return false;
}

void
db_reset(struct db_statement *s)
{
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
    s->broken = SQLITE_OK;
}

bool
db_run(struct db_statement *s, struct outcome *why)
{
    enum db_result r = db_next(s, why);
    if (r != DB_FAILED)
        db_reset(s);
    return r != DB_FAILED;
}

int64_t
db_int(struct db_statement *s, int column)
{
    return sqlite3_column_int64(s->stmt, column);
}

const char *
db_text(struct db_statement *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s->stmt, column);
    if (text == NULL && !db_is_null(s, column))
        note(s, SQLITE_NOMEM);
    return text == NULL ? "" : (const char *)text;
}

struct span
db_blob(struct db_statement *s, int column)
{
    const void *p = sqlite3_column_blob(s->stmt, column);
    int n = sqlite3_column_bytes(s->stmt, column);
    if (p == NULL && n > 0)
        note(s, SQLITE_NOMEM);
    return p == NULL ? SPAN_NONE : (struct span){p, (size_t)n};
}

bool
db_is_null(struct db_statement *s, int column)
{
    return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}
