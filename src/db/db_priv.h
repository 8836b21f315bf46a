/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share: the connection, the statement, and the one place where
 * an SQLite result becomes an outcome.
 */
#ifndef DOORSTEP_DB_PRIV_H
#define DOORSTEP_DB_PRIV_H

#include <sqlite3.h>

#include "doorstep/db.h"
#include "doorstep/table.h"

#include "wal_index_priv.h"

struct db {
    sqlite3 *handle;                 /* owned */
    struct db_statement *statements; /* owned; uthash by sql */
    struct wal_index wal_index;      /* packed while it rests; whatever reads unpacks it first */
    bool unsynced;                   /* commits since the WAL was synced */
    bool is_new;                     /* made without syncs: nothing of it was synced yet */
    unsigned folders_new;            /* the same of folders above it */
    bool sync_failed;                /* and nothing that was written before has been since */
};

struct db_statement {
    const char *sql; /* key: the literal's address */
    struct db *db;   /* borrowed */
    sqlite3_stmt *stmt;
    int broken; /* first result of a bind or a column that was not SQLITE_OK; db_next() tells */
    UT_hash_handle hh;
};

/* db_fail() - the connection's last error, as an outcome; returns false. `doing` is for the cause.
 */
bool db_fail(struct db *db, const char *doing, struct outcome *why);

/* db_take_errno() - of the last call on its files that failed, 0: none has since it was last asked.
 */
int db_take_errno(struct db *db);

/* db_fail_check() - what a check has found, as an outcome; returns false. CORRUPT, unless it is a
 * page that the disk did not give. */
bool db_fail_check(struct db *db, const char *finding, struct outcome *why);

/* db_fail_code() - the same for an extended result code that was kept; message may be NULL. */
bool db_fail_code(int code, int system_errno, const char *doing, const char *message,
                  struct outcome *why);

/* db_exec() - SQL text of ours without parameters; rows are not looked at. */
bool db_exec(struct db *db, const char *sql, struct outcome *why);

/* db_migrate() - apply the steps that user_version does not count yet, one transaction each. */
bool db_migrate(struct db *db, const struct db_step *steps, unsigned count, struct outcome *why);

/* db_file() - SQLite's own handle (SQLITE_FCNTL_FILE_POINTER, or _JOURNAL_POINTER for the WAL), or
 * NULL.
 */
sqlite3_file *db_file(struct db *db, int which);

/* db_wal_take() - once the file was read: from now on nothing is synced or checkpointed but by
 * db_sync(), db_checkpoint().
 */
void db_wal_take(struct db *db);

#endif
