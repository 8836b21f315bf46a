/* SPDX-License-Identifier: MIT
 *
 * The write-ahead log in its caller's hands: which commits wait for the disk, and when its pages go
 * into the database. Only for a connection without full_sync; one with it leaves both to SQLite.
 */
#include "db_priv.h"
#include "gather_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define COPY_OCTETS 16384

/* on_commit() - takes the place of SQLite's own checkpoint after every so many pages. */
static int
on_commit(void *arg, sqlite3 *handle, const char *schema, int pages)
{
    struct db *db = arg;
    (void)handle;
    (void)schema;
    (void)pages;
    db->unsynced = true;
    return SQLITE_OK;
}

/* db_file() - SQLite's own handle, so that a VFS sees what happens. */
sqlite3_file *
db_file(struct db *db, int which)
{
    sqlite3_file *f = NULL;
    int rc = sqlite3_file_control(db->handle, "main", which, &f);
    return rc == SQLITE_OK && f != NULL && f->pMethods != NULL ? f : NULL;
}

static sqlite3_file *
wal_file(struct db *db)
{
    return db_file(db, SQLITE_FCNTL_JOURNAL_POINTER);
}

uint64_t
db_wal_octets(struct db *db)
{
    sqlite3_int64 octets = 0;
    sqlite3_file *f = wal_file(db);
    return f != NULL && f->pMethods->xFileSize(f, &octets) == SQLITE_OK ? (uint64_t)octets : 0;
}

void
db_wal_take(struct db *db)
{
    db->unsynced = db_wal_octets(db) > 0; /* by whoever wrote it */
    sqlite3_wal_hook(db->handle, on_commit, db);
}

/* write_again() - after a sync that failed the kernel takes its pages for clean: the next sync
 * would say that all is well and write nothing. What is written once more is dirty once more. */
static int
write_again(sqlite3_file *f)
{
    char octets[COPY_OCTETS];
    sqlite3_int64 size, at = 0;
    int rc = f->pMethods->xFileSize(f, &size);
    while (rc == SQLITE_OK && at < size) {
        int n = size - at < COPY_OCTETS ? (int)(size - at) : COPY_OCTETS;
        rc = f->pMethods->xRead(f, octets, n, at);
        if (rc == SQLITE_OK)
            rc = f->pMethods->xWrite(f, octets, n, at);
        at += n;
    }
    return rc;
}

static bool
sync_file(struct db *db, sqlite3_file *f, struct outcome *why)
{
    errno = 0;
    int rc = db->sync_failed ? write_again(f) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
    db->sync_failed = rc != SQLITE_OK;
    if (rc != SQLITE_OK)
        return db_fail_code(rc, errno, "sync of a database", NULL, why);
    return true;
}

bool
db_flush(struct db *db, struct outcome *why)
{
    sqlite3_file *f = wal_file(db);
    errno = 0;
    int rc = f == NULL ? SQLITE_OK : f->pMethods->xFileControl(f, GATHER_FLUSH, NULL);
    if (rc == SQLITE_OK || rc == SQLITE_NOTFOUND) /* another VFS keeps nothing back */
        return true;
    return db_fail_code(rc, errno, "write of the WAL", NULL, why);
}

bool
db_sync_folder(const char *path, struct outcome *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        outcome_errno(why, errno, "fsync", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* sync_names() - of the database, and of the folders above it. */
static bool
sync_names(struct db *db, struct outcome *why)
{
    char path[PATH_MAX];
    sqlite3_snprintf((int)sizeof(path), path, "%s", sqlite3_db_filename(db->handle, "main"));
    for (unsigned level = 0; level < db->folders_new; level++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return true;
        *slash = '\0';
        if (!db_sync_folder(path, why))
            return false;
    }
    return true;
}

/* sync_new() - of a database that was made without syncs: all of it. */
static bool
sync_new(struct db *db, struct outcome *why)
{
    sqlite3_file *main_file = db_file(db, SQLITE_FCNTL_FILE_POINTER);
    if (main_file == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "a database without a file");
    if (!sync_file(db, main_file, why) || !sync_names(db, why))
        return false;
    db->is_new = false;
    return true;
}

bool
db_sync(struct db *db, struct outcome *why)
{
    if (db->is_new && !sync_new(db, why))
        return false;
    if (!db->unsynced)
        return true;
    sqlite3_file *f = wal_file(db);
    if (f == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "a commit without a WAL");
    if (!sync_file(db, f, why))
        return false;
    db->unsynced = false;
    return true;
}

bool
db_checkpoint(struct db *db, struct outcome *why)
{
    assert(sqlite3_get_autocommit(db->handle) != 0);
    if (db->sync_failed && !db_sync(db, why))
        return false;
    wal_index_unpack(&db->wal_index);
    int rc = sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK) {
        db->sync_failed = true; /* it may have been that of the WAL */
        db->unsynced = true;
        return db_fail_code(rc, sqlite3_system_errno(db->handle), "checkpoint", NULL, why);
    }
    db->unsynced = false;
    return true;
}
