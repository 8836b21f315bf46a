/* SPDX-License-Identifier: MIT
 *
 * Rows of aliases in accounts.sqlite: one a target. Aliases belong to a domain, whatever driver
 * knows its accounts.
 */
#include "accounts_priv.h"

#include <stdio.h>
#include <string.h>

bool
alias_db_targets(struct accounts_db *db, const char *domain, const char *local, alias_target_fn fn,
                 void *arg, struct outcome *why)
{
    enum db_result result;
    struct db_statement *s = db_prepare(db->db,
                                        "SELECT target_domain, target_local FROM aliases "
                                        "WHERE domain = ? AND local = ?",
                                        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain);
    db_bind_text(s, 2, local);
    while ((result = db_next(s, why)) == DB_ROW)
        if (!fn(arg, db_text(s, 0), db_text(s, 1)))
            break;
    db_reset(s);
    return result != DB_FAILED;
}

/* A statement over domain, local part, target's domain and target's local part. */
static bool
change(struct accounts_db *db, struct db_statement *s, const char *const columns[4],
       struct outcome *why)
{
    for (int i = 0; i < 4; i++)
        db_bind_text(s, i + 1, columns[i]);
    if (!db_run(s, why))
        return false;
    db->generation++;
    return true;
}

bool
alias_db_add(struct accounts_db *db, const char *domain, const char *local,
             const char *target_domain, const char *target_local, struct outcome *why)
{
    struct db_statement *s = db_prepare(
        db->db,
        "INSERT INTO aliases (domain, local, target_domain, target_local) VALUES (?, ?, ?, ?)",
        why);
    if (s == NULL)
        return false;
    return change(db, s, (const char *const[]){domain, local, target_domain, target_local}, why);
}

bool
alias_db_remove(struct accounts_db *db, const char *domain, const char *local,
                const char *target_domain, const char *target_local, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(db->db,
                   "DELETE FROM aliases WHERE domain = ?1 AND local = ?2 "
                   "AND (?3 IS NULL OR (target_domain = ?3 AND target_local = ?4))",
                   why);
    if (s == NULL)
        return false;
    if (!change(db, s, (const char *const[]){domain, local, target_domain, target_local}, why))
        return false;
    return db_changes(db->db) > 0 ||
           outcome_set(why, OUTCOME_NOT_FOUND, "no such alias of %s@%s", local, domain);
}

/* list() - rows of alias and target, from a statement that is bound. */
static bool
list(struct db_statement *s, alias_fn fn, void *arg, struct outcome *why)
{
    char alias[ALIAS_SIZE], target[ALIAS_SIZE];
    enum db_result result;
    while ((result = db_next(s, why)) == DB_ROW) {
        snprintf(alias, sizeof(alias), "%s@%s", db_text(s, 0), db_text(s, 1));
        snprintf(target, sizeof(target), "%s@%s", db_text(s, 2), db_text(s, 3));
        if (!fn(arg, alias, target))
            break;
    }
    db_reset(s);
    return result != DB_FAILED;
}

bool
alias_db_list(struct accounts_db *db, const char *domain, alias_fn fn, void *arg,
              struct outcome *why)
{
    struct db_statement *s = db_prepare(db->db,
                                        "SELECT local, domain, target_local, target_domain "
                                        "FROM aliases WHERE ?1 IS NULL OR domain = ?1 "
                                        "ORDER BY domain, local, target_domain, target_local",
                                        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain);
    return list(s, fn, arg, why);
}

bool
alias_db_list_to(struct accounts_db *db, const char *target_domain, const char *target_local,
                 alias_fn fn, void *arg, struct outcome *why)
{
    struct db_statement *s = db_prepare(db->db,
                                        "SELECT local, domain, target_local, target_domain "
                                        "FROM aliases WHERE target_domain = ? AND target_local = ? "
                                        "ORDER BY domain, local",
                                        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, target_domain);
    db_bind_text(s, 2, target_local);
    return list(s, fn, arg, why);
}
