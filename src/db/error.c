/* SPDX-License-Identifier: MIT
 *
 * One function from SQLite's result codes to outcomes. In doubt temporary: mail that waits is not
 * lost. CORRUPT is said only where setting the file aside is the right answer to it.
 */
#include "db_priv.h"

#include <errno.h>
#include <string.h>

#define BEYOND_ANY_FILE ((sqlite3_int64)1 << 44)

struct code_row {
    int code; /* extended, or primary when no extended row fits */
    enum outcome_kind kind;
};

static const struct code_row code_rows[] = {
    {SQLITE_CONSTRAINT_UNIQUE, OUTCOME_EXISTS},
    {SQLITE_CONSTRAINT_PRIMARYKEY, OUTCOME_EXISTS},
    {SQLITE_CONSTRAINT_ROWID, OUTCOME_EXISTS},
    {SQLITE_IOERR_CORRUPTFS, OUTCOME_UNREADABLE}, /* pread(2) said EIO: the next one may not */
    {SQLITE_IOERR_DATA, OUTCOME_CORRUPT},
    {SQLITE_IOERR_SHORT_READ, OUTCOME_CORRUPT},
    {SQLITE_FULL, OUTCOME_DISK_FULL},
    {SQLITE_CORRUPT, OUTCOME_CORRUPT},
    {SQLITE_NOTADB, OUTCOME_CORRUPT},
    {SQLITE_BUSY, OUTCOME_BUSY},
    {SQLITE_LOCKED, OUTCOME_BUSY},
    {SQLITE_NOMEM, OUTCOME_SYSTEM},
    /* Every statement of ours is tested against our schema: one that does not compile, or a row
     * that breaks its table's own rules, was met by a damaged schema. */
    {SQLITE_ERROR, OUTCOME_CORRUPT},
    {SQLITE_MISMATCH, OUTCOME_CORRUPT},
};

static const struct code_row *
find_row(int code)
{
    for (size_t i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++)
        if (code_rows[i].code == code)
            return &code_rows[i];
    return NULL;
}

static bool
has_errno(int code)
{
    return (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
}

bool
db_fail_code(int code, int system_errno, const char *doing, const char *message,
             struct outcome *why)
{
    const struct code_row *row = find_row(code);
    if (row == NULL)
        row = find_row(code & 0xff);
    if (row == NULL && has_errno(code) && system_errno != 0)
        return outcome_errno(why, system_errno, doing, message);
    if (message == NULL)
        message = sqlite3_errstr(code);
    return outcome_set(why, row == NULL ? OUTCOME_SYSTEM : row->kind, "sqlite %d: %.180s: %.40s",
                       code, message, doing);
}

/* A statement says CORRUPT, too, where pread(2) failed: SQLite's machine makes that of CORRUPTFS.
 * The file knows the errno until it reads on, and a read that finds nothing makes it forget that.
 */
static int
take_errno(sqlite3_file *f)
{
    char octet;
    int error = 0;

    if (f == NULL || f->pMethods == NULL)
        return 0;
    (void)f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &error);
    (void)f->pMethods->xRead(f, &octet, sizeof(octet), BEYOND_ANY_FILE);
    return error;
}

int
db_take_errno(struct db *db)
{
    int of_main = take_errno(db_file(db, SQLITE_FCNTL_FILE_POINTER));
    int of_wal = take_errno(db_file(db, SQLITE_FCNTL_JOURNAL_POINTER));

    return of_wal != 0 ? of_wal : of_main;
}

/* What SQLite takes for a file system that is damaged. */
static bool
is_of_the_disk(int error)
{
    return error == EIO || error == ENXIO || error == ERANGE;
}

bool
db_fail(struct db *db, const char *doing, struct outcome *why)
{
    if (sqlite3_extended_errcode(db->handle) == SQLITE_CORRUPT && is_of_the_disk(db_take_errno(db)))
        return db_fail_code(SQLITE_IOERR_CORRUPTFS, 0, doing, NULL, why);
    return db_fail_code(sqlite3_extended_errcode(db->handle), sqlite3_system_errno(db->handle),
                        doing, sqlite3_errmsg(db->handle), why);
}

bool
db_fail_check(struct db *db, const char *finding, struct outcome *why)
{
    int error = db_take_errno(db);

    if (is_of_the_disk(error))
        return db_fail_code(SQLITE_IOERR_CORRUPTFS, error, "check", finding, why);
    return error != 0 ? outcome_errno(why, error, "check", finding)
                      : outcome_set(why, OUTCOME_CORRUPT, "%s", finding);
}
