/* SPDX-License-Identifier: MIT
 *
 * Open a database with our settings, transactions, checks. Called by index/ and accounts/, which
 * own the schema and all SQL. One connection reads, writes and checkpoints; see db.h.
 */
#include "db_priv.h"
#include "gather_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BUSY_MS 250                  /* somebody's sqlite3 shell: a safety net, no queue */
#define FOLDERS_NEW 4                /* accounts/DOMAIN/USER, and state_dir */
#define VALUE_MAX (64 * 1024 * 1024) /* of one string, blob or row */

void
db_setup(void)
{
    /* Statistics put a mutex of the whole process around every allocation. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    /* Pages one by one as they are needed, not twenty at once: our caches are small. */
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    wal_index_setup();
    sqlite3_initialize();
    gather_setup();
}

const char *
db_version(void)
{
    return sqlite3_libversion();
}

bool
db_exec(struct db *db, const char *sql, struct outcome *why)
{
    wal_index_unpack(&db->wal_index);
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(db, sql, why);
    return true;
}

/* make_file() - an empty file that only its owner may read; SQLite gives its WAL the same mode. An
 * empty file that was there before us is no young database but a cut one: had it been taken for
 * young, every account in it would be unknown from then on. */
static bool
make_file(const char *path, bool create, bool *made, struct outcome *why)
{
    struct stat st;
    *made = false;
    if (create) {
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        *made = fd >= 0;
        if (fd >= 0)
            close(fd);
        else if (errno != EEXIST)
            return outcome_errno(why, errno, "open", path);
    }
    if (*made)
        return true;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? outcome_set(why, OUTCOME_NOT_FOUND, "no file %s", path)
                               : outcome_errno(why, errno, "stat", path);
    if (!S_ISREG(st.st_mode))
        return outcome_set(why, OUTCOME_SYSTEM, "not a regular file: %s", path);
    if (st.st_size == 0)
        return outcome_set(why, OUTCOME_CORRUPT, "database file is empty: %s", path);
    return true;
}

static void
remove_file(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-journal"};
    char name[4096 + 16];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        sqlite3_snprintf((int)sizeof(name), name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static void
harden(sqlite3 *h)
{
    sqlite3_busy_timeout(h, BUSY_MS);
    sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_limit(h, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    sqlite3_limit(h, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_drop_modules(h, NULL); /* virtual tables, which nothing here uses: 3 KB a connection */
}

/* use_wal() - EXCLUSIVE stands before this, so that there is no -shm file and nobody else gets in.
 */
static bool
use_wal(struct db *db, struct outcome *why)
{
    struct db_statement *s = db_prepare(db, "PRAGMA journal_mode=WAL", why);
    if (s == NULL || !db_next_row(s, why))
        return false;
    bool ok = strcmp(db_text(s, 0), "wal") == 0;
    db_reset(s);
    return ok || outcome_set(why, OUTCOME_SYSTEM, "journal_mode=WAL is refused");
}

/* is_writable() - SQLite opens a file, or its WAL, for reading alone where it could not be opened
 * for writing at that moment (no descriptor left, an interrupted call): every later write would
 * fail. */
static bool
is_writable(struct db *db, struct outcome *why)
{
    return db_exec(db, "BEGIN IMMEDIATE; ROLLBACK", why);
}

bool
db_set_cache(struct db *db, unsigned kib, struct outcome *why)
{
    char sql[64];
    sqlite3_snprintf((int)sizeof(sql), sql, "PRAGMA cache_size=-%u", kib);
    return db_exec(db, sql, why);
}

void
db_rest(struct db *db)
{
    sqlite3_db_release_memory(db->handle);
    if (sqlite3_get_autocommit(db->handle) != 0)
        wal_index_pack(&db->wal_index);
}

/* set_synchronous() - OFF while a database is being made whose caller asks for syncs itself: what a
 * power cut leaves of it is no database, or an empty one. */
static bool
set_synchronous(struct db *db, const char *word, struct outcome *why)
{
    char sql[64];
    sqlite3_snprintf((int)sizeof(sql), sql, "PRAGMA synchronous=%s", word);
    return db_exec(db, sql, why);
}

static bool
configure(struct db *db, const struct db_options *options, struct outcome *why)
{
    const char *synchronous = db->is_new ? "OFF" : options->full_sync ? "FULL" : "NORMAL";

    return db_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=1024", why) &&
           set_synchronous(db, synchronous, why) && use_wal(db, why) &&
           db_set_cache(db, options->cache_kib, why) &&
           db_exec(db,
                   "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
                   "PRAGMA secure_delete=FAST; PRAGMA wal_autocheckpoint=256;"
                   "PRAGMA journal_size_limit=4194304; PRAGMA cache_spill=4096",
                   why) &&
           is_writable(db, why);
}

static bool
open_handle(struct db *db, const char *path, struct outcome *why)
{
    int rc = sqlite3_open_v2(path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             gather_vfs());
    if (rc == SQLITE_OK)
        return true;
    if (db->handle == NULL)
        return db_fail_code(rc, 0, "sqlite3_open", NULL, why);
    return db_fail_code(rc, sqlite3_system_errno(db->handle), "sqlite3_open", path, why);
}

/* blame_full_disk() - where a WAL cannot be made SQLite tries once more, for reading alone, and
 * what it tells is that there is none. */
static void
blame_full_disk(const char *path, struct outcome *why)
{
    struct statvfs fs;
    if (why->kind != OUTCOME_SYSTEM || statvfs(path, &fs) != 0)
        return;
    if (fs.f_bavail == 0 || (fs.f_files > 0 && fs.f_favail == 0))
        outcome_set(why, OUTCOME_DISK_FULL, "no room left to open %s", path);
}

struct db *
db_open(const char *path, const struct db_options *options, struct outcome *why)
{
    bool made;
    if (!make_file(path, options->create, &made, why))
        return NULL;
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: database");
    } else if (open_handle(db, path, why)) {
        harden(db->handle);
        db->is_new = made && !options->full_sync;
        db->folders_new = options->folders_new > 0 ? options->folders_new : FOLDERS_NEW;
        wal_index_expect(&db->wal_index);
        bool ok = configure(db, options, why);
        wal_index_expect(NULL);
        if (ok && !options->full_sync)
            db_wal_take(db);
        ok = ok && (options->as_it_is || db_migrate(db, options->steps, options->step_count, why));
        if (ok && set_synchronous(db, options->full_sync ? "FULL" : "NORMAL", why))
            return db;
        blame_full_disk(path, why);
    }
    db_close(db);
    if (made)
        remove_file(path);
    return NULL;
}

void
db_close(struct db *db)
{
    if (db == NULL)
        return;
    wal_index_unpack(&db->wal_index);
    db_forget_statements(db);
    int rc = sqlite3_close(db->handle); /* rolls back what is open */
    assert(rc == SQLITE_OK);
    (void)rc;
    free(db);
}

bool
db_begin(struct db *db, struct outcome *why)
{
    assert(sqlite3_get_autocommit(db->handle) != 0);
    struct db_statement *s = db_prepare(db, "BEGIN IMMEDIATE", why);
    return s != NULL && db_run(s, why);
}

bool
db_commit(struct db *db, struct outcome *why)
{
    struct db_statement *s = db_prepare(db, "COMMIT", why);
    if (s != NULL && db_run(s, why))
        return true;
    db_rollback(db);
    return false;
}

void
db_rollback(struct db *db)
{
    /* Some errors (disk full, I/O) roll back on their own. */
    if (sqlite3_get_autocommit(db->handle) != 0)
        return;
    struct outcome ignored;
    struct db_statement *s = db_prepare(db, "ROLLBACK", &ignored);
    if (s != NULL)
        (void)db_run(s, &ignored);
}

int64_t
db_last_rowid(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t
db_changes(struct db *db)
{
    return sqlite3_changes64(db->handle);
}

static bool
has_moved(struct db *db)
{
    int moved = 0;

    return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           moved != 0;
}

/* To SQLite a file that it cannot look at has moved; to us only one that is not there. */
bool
db_was_removed(struct db *db)
{
    struct stat st;

    if (!has_moved(db))
        return false;
    if (stat(sqlite3_db_filename(db->handle, "main"), &st) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    return has_moved(db);
}

bool
db_check(struct db *db, bool full, struct outcome *why)
{
    (void)db_take_errno(db); /* what fails from here on is the check's */
    struct db_statement *s = full ? db_prepare(db, "PRAGMA integrity_check(1)", why)
                                  : db_prepare(db, "PRAGMA quick_check(1)", why);
    if (s == NULL || !db_next_row(s, why))
        return false;
    bool ok = strcmp(db_text(s, 0), "ok") == 0;
    if (!ok)
        db_fail_check(db, db_text(s, 0), why);
    db_reset(s);
    return ok;
}
