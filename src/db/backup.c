/* SPDX-License-Identifier: MIT
 *
 * A copy of a living database through SQLite's own backup, never by copying files: the WAL holds
 * what the main file lacks. The copy is one consistent moment, synced, readable by its owner alone.
 */
#include "db_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* make_copy() - an empty file and a connection to it. */
static bool
make_copy(const char *path, sqlite3 **copy, struct outcome *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? outcome_set(why, OUTCOME_EXISTS, "there is a file: %s", path)
                               : outcome_errno(why, errno, "open", path);
    close(fd);
    int rc = sqlite3_open_v2(
        path, copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        return true;
    unlink(path);
    return db_fail_code(rc, 0, "backup", NULL, why);
}

/* copy_pages() - all at once: the one connection is in our hands, nobody writes meanwhile. */
static int
copy_pages(struct db *db, sqlite3 *copy)
{
    wal_index_unpack(&db->wal_index);
    sqlite3_backup *b = sqlite3_backup_init(copy, "main", db->handle, "main");
    if (b == NULL)
        return sqlite3_extended_errcode(copy);
    int rc = sqlite3_backup_step(b, -1);
    int end = sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? SQLITE_OK : rc != SQLITE_OK ? rc : end;
}

bool
db_backup(struct db *db, const char *path, struct outcome *why)
{
    sqlite3 *copy = NULL;
    if (sqlite3_get_autocommit(db->handle) == 0)
        return outcome_set(why, OUTCOME_BUSY, "backup inside a transaction");
    if (!make_copy(path, &copy, why)) {
        sqlite3_close(copy);
        return false;
    }
    int rc = copy_pages(db, copy);
    int error = sqlite3_system_errno(copy);
    sqlite3_close(copy);
    if (rc == SQLITE_OK)
        return true;
    unlink(path);
    return db_fail_code(rc, error, "backup", NULL, why);
}
