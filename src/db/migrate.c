/* SPDX-License-Identifier: MIT
 *
 * The numbered steps of schema/: PRAGMA user_version says how many a database has seen; each step
 * and its number are one transaction, so a crash between two leaves a valid older schema. A
 * database of a newer program is refused rather than guessed at.
 */
#include "db_priv.h"

static bool
read_version(struct db *db, int64_t *version, struct outcome *why)
{
    struct db_statement *s = db_prepare(db, "PRAGMA user_version", why);
    if (s == NULL || !db_next_row(s, why))
        return false;
    *version = db_int(s, 0);
    db_reset(s);
    return true;
}

static bool
apply(struct db *db, const struct db_step *step, unsigned version, struct outcome *why)
{
    char number[64];
    sqlite3_snprintf((int)sizeof(number), number, "PRAGMA user_version=%u", version);
    if (!db_begin(db, why))
        return false;
    if (db_exec(db, step->sql, why) && db_exec(db, number, why))
        return db_commit(db, why);
    db_rollback(db);
    return false;
}

bool
db_migrate(struct db *db, const struct db_step *steps, unsigned count, struct outcome *why)
{
    int64_t version;
    if (!read_version(db, &version, why))
        return false;
    if (version < 0 || version > count)
        return outcome_set(why, OUTCOME_SYSTEM,
                           "schema %lld is newer than this program's %u: not opened",
                           (long long)version, count);
    for (unsigned i = (unsigned)version; i < count; i++)
        if (!apply(db, &steps[i], i + 1, why))
            return false;
    return true;
}
