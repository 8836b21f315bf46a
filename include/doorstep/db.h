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
    bool full_sync;     /* a commit is durable, and SQLite checkpoints when it likes; else both are
                         * the caller's: db_sync(), db_checkpoint() */
    unsigned cache_kib; /* page cache */
    bool as_it_is;      /* whatever its schema says: no step is run. To rescue a damaged one */
    unsigned folders_new; /* on the way to it that may be as new as itself; 0: four */
};

/* db_setup() - once a process, before the first db_open() and before threads: spares every
 * allocation of SQLite's a process-wide lock, and every page of a WAL two writes of its own.
 * accounts_open() does it. */
void db_setup(void);
const char *db_version(void); /* SQLite's, for the log at start */

/* db_open() - NULL: NOT_FOUND (missing and not create), CORRUPT, or what errno says. A database of
 * a newer schema is refused (SYSTEM). Files are made with mode 0600; a file that failed to become a
 * database is removed again when it was made here. */
struct db *db_open(const char *path, const struct db_options *options, struct outcome *why);
void db_close(struct db *db); /* NULL is allowed; rolls back what is open, checkpoints nothing */

/* db_set_cache() - another size of the page cache, at once. */
bool db_set_cache(struct db *db, unsigned kib, struct outcome *why);

/* db_begin() - BEGIN IMMEDIATE; transactions do not nest. db_commit() - on failure nothing is
 * committed and the transaction is over. db_rollback() - may be called without a transaction. */
bool db_begin(struct db *db, struct outcome *why);
bool db_commit(struct db *db, struct outcome *why);
void db_rollback(struct db *db);

/* db_flush() - without full_sync a commit stays in memory until this, db_sync() or the next
 * transaction hands it to the kernel. After a failure the commits stand, and a later call makes up
 * for it. */
bool db_flush(struct db *db, struct outcome *why);

/* db_rest() - gives back what memory it can: pages, and most of the WAL's index. Whatever comes
 * next finds them again; for a connection that waits for its next transaction, where a thousand are
 * open. */
void db_rest(struct db *db);

/* db_sync() - every commit so far is on stable storage, at the price of one sync when there was
 * one. After a failure the commits stand, but a power cut may take them; a later call that succeeds
 * makes up for it. */
bool db_sync(struct db *db, struct outcome *why);

/* db_sync_folder() - names that were made or changed in a folder are on stable storage. */
bool db_sync_folder(const char *path, struct outcome *why);

/* db_checkpoint() - the WAL's pages go into the database and its file is cut to nothing; two syncs.
 * Outside of transactions. db_wal_octets(): its length. */
bool db_checkpoint(struct db *db, struct outcome *why);
uint64_t db_wal_octets(struct db *db);

/* db_prepare() - `sql` must be a string literal (its address is the key). NULL: `why`. A statement
 * that is there already is reset and its bindings cleared: one user of a text at a time. */
struct db_statement *db_prepare(struct db *db, const char *sql, struct outcome *why);

/* db_forget_statements() - gives back the memory of all that were prepared so far. */
void db_forget_statements(struct db *db);
void db_bind_int(struct db_statement *s, int n, int64_t v);
void db_bind_text(struct db_statement *s, int n,
                  const char *v); /* borrowed until db_reset(); NULL: NULL */
void db_bind_span(struct db_statement *s, int n, struct span v); /* text */
void db_bind_blob(struct db_statement *s, int n, struct span v);
void db_bind_null(struct db_statement *s, int n);

enum db_result { DB_ROW, DB_DONE, DB_FAILED };
/* db_next() - one step. After DB_DONE or DB_FAILED reset before the next use; DB_FAILED has done
 * so. */
enum db_result db_next(struct db_statement *s, struct outcome *why);

/* db_next_row() - a row must come; CORRUPT when there is none. */
bool db_next_row(struct db_statement *s, struct outcome *why);
int64_t db_int(struct db_statement *s, int column);
const char *db_text(struct db_statement *s,
                    int column); /* never NULL; borrowed until the next step */
struct span db_blob(struct db_statement *s, int column);
bool db_is_null(struct db_statement *s, int column);
void db_reset(struct db_statement *s);

/* db_finish() - db_reset(), and its memory is given back: for what is asked once in a while. */
void db_finish(struct db_statement *s);

/* db_run() - one statement without result rows, bound before: step, reset. */
bool db_run(struct db_statement *s, struct outcome *why);
int64_t db_last_rowid(struct db *db);
int64_t db_changes(struct db *db);

/* db_was_removed() - its file has lost its name, or another one has it: what is written now is lost
 * when the database is closed. One stat(2). */
bool db_was_removed(struct db *db);

/* db_check() - quick_check, or integrity_check when full; CORRUPT with the first finding. */
bool db_check(struct db *db, bool full, struct outcome *why);

/* db_backup() - a copy of the whole database, this moment's, to a new file at path (mode 0600,
 * synced; its folder is not). EXISTS when there is one; BUSY inside a transaction. Nothing is left
 * on failure. */
bool db_backup(struct db *db, const char *path, struct outcome *why);

#endif
