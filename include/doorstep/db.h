/* SPDX-License-Identifier: MIT
 *
 * The only folder with <sqlite3.h>: open with our pragmas, migrate, kept statements, transactions.
 * One connection a database, used by one thread; WAL, EXCLUSIVE, so nobody else can overlap a
 * checkpoint (SQLite before 3.51.3 can corrupt then). Statements are prepared once a
 * connection and found again by the address of their text.
 */
#ifndef DOORSTEP_DB_H
#define DOORSTEP_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/outcome.h"
#include "doorstep/span.h"

struct db;
struct db_statement;

struct db_step { /* schema/NAME/NNN_what.sql, embedded at build time, in order */
    const char *name;
    const char *sql;
};

struct db_options {
    const struct db_step *steps; /* PRAGMA user_version counts how many were applied */
    unsigned step_count;
    bool create;
    bool full_sync;     /* synchronous=FULL (a commit is durable), else NORMAL */
    unsigned cache_kib; /* page cache */
};

/* db_open() - NULL: NOT_FOUND (missing and not create), CORRUPT, or what errno says. A database of a newer
 * schema is refused (SYSTEM). */
struct db *db_open(const char *path, const struct db_options *options, struct outcome *why);
void db_close(struct db *db);

bool db_begin(struct db *db, struct outcome *why); /* BEGIN IMMEDIATE */
bool db_commit(struct db *db, struct outcome *why);
void db_rollback(struct db *db);

/* db_prepare() - `sql` must be a string literal (its address is the key). NULL: `why`. Bindings are cleared. */
struct db_statement *db_prepare(struct db *db, const char *sql, struct outcome *why);
void db_bind_int(struct db_statement *s, int n, int64_t v);
void db_bind_text(struct db_statement *s, int n, const char *v); /* borrowed until db_reset(); NULL: NULL */
void db_bind_span(struct db_statement *s, int n, struct span v); /* text */
void db_bind_blob(struct db_statement *s, int n, struct span v);
void db_bind_null(struct db_statement *s, int n);

enum db_result { DB_ROW, DB_DONE, DB_FAILED };
enum db_result db_next(struct db_statement *s, struct outcome *why);
int64_t db_int(struct db_statement *s, int column);
const char *db_text(struct db_statement *s, int column); /* never NULL; borrowed until the next step */
struct span db_blob(struct db_statement *s, int column);
bool db_is_null(struct db_statement *s, int column);
void db_reset(struct db_statement *s);

/* db_run() - one statement without result rows, bound before: step, reset. */
bool db_run(struct db_statement *s, struct outcome *why);
int64_t db_last_rowid(struct db *db);
int64_t db_changes(struct db *db);
bool db_check(struct db *db, bool full, struct outcome *why);

/* db_backup() - a copy of the whole database to a new file at path. */
bool db_backup(struct db *db, const char *path, struct outcome *why);

#endif
