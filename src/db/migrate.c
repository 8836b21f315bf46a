/* SPDX-License-Identifier: MIT
 *
 * The numbered steps of schema/: PRAGMA user_version says how many a database has seen; each step
 * and its number are one transaction, so a crash between two leaves a valid older schema. A
 * database of a newer program is refused rather than guessed at; application_id, which follows from
 * the number, tells it from one whose header has a flipped bit and would else be refused for ever.
 */
#include "db_priv.h"

#define APPLICATION 0x446f6f72 /* "Door", plus the number of steps */

static bool
read_number(struct db *db, const char *pragma, int64_t *number, struct outcome *why)
{
    struct db_statement *s = db_prepare(db, pragma, why);
    if (s == NULL || !db_next_row(s, why))
        return false;
    *number = db_int(s, 0);
    db_reset(s);
    return true;
}

static bool
refuse_newer(struct db *db, int64_t version, unsigned count, struct outcome *why)
{
    int64_t application;
    if (!read_number(db, "PRAGMA application_id", &application, why))
        return false;
    if (application != APPLICATION + version)
        return outcome_set(why, OUTCOME_CORRUPT, "schema %lld in a database of %lld",
                           (long long)version, (long long)application);
    return outcome_set(why, OUTCOME_SYSTEM,
                       "schema %lld is newer than this program's %u: not opened",
                       (long long)version, count);
}

static bool
apply(struct db *db, const struct db_step *step, unsigned version, struct outcome *why)
{
    char number[96];
    sqlite3_snprintf((int)sizeof(number), number,
                     "PRAGMA user_version=%u; PRAGMA application_id=%u", version,
                     APPLICATION + version);
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
    if (!read_number(db, "PRAGMA user_version", &version, why))
        return false;
    if (version < 0 || version > count)
        return refuse_newer(db, version, count, why);
    for (unsigned i = (unsigned)version; i < count; i++)
        if (!apply(db, &steps[i], i + 1, why))
            return false;
    return true;
}
