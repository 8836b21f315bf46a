/* SPDX-License-Identifier: MIT
 *
 * accounts.sqlite: rows of accounts and the highest UIDVALIDITY. synchronous=FULL: what was said to
 * be done is on stable storage. Names come folded and checked; they are bound, never printed into
 * SQL, and checked again when they are read.
 */
#include "accounts_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "doorstep/clock.h"

#define VALIDITIES_AT_ONCE 100 /* UIDVALIDITYs that one sync sets aside */

#define CACHE_KIB 2048
#define QUOTA_NONE (-1)

bool
accounts_db_open(struct accounts_db *db, const char *state_dir, struct outcome *why)
{
    const struct db_options options = {
        .steps = accounts_steps,
        .step_count = accounts_step_count,
        .create = true,
        .full_sync = true,
        .cache_kib = CACHE_KIB,
    };
    char path[PATH_MAX];
    db_setup(); /* accounts are opened before the threads that open indexes */
    if (snprintf(path, sizeof(path), "%s/accounts.sqlite", state_dir) >= (int)sizeof(path))
        return outcome_errno(why, ENAMETOOLONG, "open", state_dir);
    db->db = db_open(path, &options, why);
    return db->db != NULL;
}

void
accounts_db_close(struct accounts_db *db)
{
    db_close(db->db);
}

static bool
read_quota(int64_t v, uint64_t *out)
{
    *out = v == QUOTA_NONE ? UINT64_MAX : (uint64_t)v;
    return v >= QUOTA_NONE;
}

/* read_account() - a row of user, enabled, quota, quota_messages. */
static bool
read_account(struct db_statement *s, const struct settings_domain *domain, struct account *out,
             struct outcome *why)
{
    bool ok = account_name_check(db_blob(s, 0));
    account_init(out, domain, db_text(s, 0));
    out->enabled = db_int(s, 1) != 0;
    if (!db_is_null(s, 2))
        ok = read_quota(db_int(s, 2), &out->quota) && ok;
    if (!db_is_null(s, 3))
        ok = read_quota(db_int(s, 3), &out->quota_messages) && ok;
    return ok || outcome_set(why, OUTCOME_CORRUPT, "accounts row holds what was never written");
}

enum accounts_result
accounts_db_find(struct accounts_db *db, const struct settings_domain *domain, const char *user,
                 struct account *out, struct outcome *why)
{
    struct db_statement *s = db_prepare(db->db,
                                        "SELECT user, enabled, quota, quota_messages FROM accounts "
                                        "WHERE domain = ? AND user = ?",
                                        why);
    if (s == NULL)
        return ACCOUNTS_FAILED;
    db_bind_text(s, 1, domain->name);
    db_bind_text(s, 2, user);
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return ACCOUNTS_FAILED;
    bool ok = result == DB_ROW && read_account(s, domain, out, why);
    db_reset(s);
    if (result == DB_DONE)
        return ACCOUNTS_UNKNOWN;
    return ok ? ACCOUNTS_FOUND : ACCOUNTS_FAILED;
}

bool
accounts_db_list(struct accounts_db *db, const struct settings_domain *domain, account_fn fn,
                 void *arg, struct outcome *why)
{
    struct account account;
    enum db_result result;
    struct db_statement *s = db_prepare(db->db,
                                        "SELECT user, enabled, quota, quota_messages FROM accounts "
                                        "WHERE domain = ? ORDER BY user",
                                        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain->name);
    while ((result = db_next(s, why)) == DB_ROW) {
        if (!read_account(s, domain, &account, why)) {
            result = DB_FAILED;
            break;
        }
        if (!fn(arg, &account))
            break;
    }
    db_reset(s);
    return result != DB_FAILED;
}

bool
accounts_db_count(struct accounts_db *db, const char *domain, uint64_t *count, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(db->db, "SELECT count(*) FROM accounts WHERE domain = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain);
    if (!db_next_row(s, why))
        return false;
    *count = (uint64_t)db_int(s, 0);
    db_reset(s);
    return true;
}

/* bind_change() - parameters 3 to 6; NULL where nothing is to be set. */
static void
bind_quota(struct db_statement *s, int n, bool is_set, uint64_t v)
{
    if (!is_set)
        db_bind_null(s, n);
    else
        db_bind_int(s, n, v > INT64_MAX ? QUOTA_NONE : (int64_t)v);
}

static void
bind_change(struct db_statement *s, const struct account_change *with, const char *hash)
{
    if (with->set_enabled)
        db_bind_int(s, 3, with->enabled);
    else
        db_bind_null(s, 3);
    bind_quota(s, 4, with->set_quota, with->quota);
    bind_quota(s, 5, with->set_quota_messages, with->quota_messages);
    db_bind_text(s, 6, hash);
}

static bool
run_change(struct accounts_db *db, struct db_statement *s, struct outcome *why)
{
    if (!db_run(s, why))
        return false;
    db->generation++;
    return true;
}

bool
accounts_db_add(struct accounts_db *db, const char *domain, const char *user,
                const struct account_change *with, struct outcome *why)
{
    char octets[ACCOUNT_HASH_SIZE];
    const char *hash;
    if (!accounts_hash(with, octets, &hash, why))
        return false;
    struct db_statement *s = db_prepare(
        db->db,
        "INSERT INTO accounts (domain, user, enabled, quota, quota_messages, password_hash, made) "
        "VALUES (?1, ?2, coalesce(?3, 1), ?4, ?5, ?6, ?7)",
        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain);
    db_bind_text(s, 2, user);
    bind_change(s, with, hash);
    db_bind_int(s, 7, clock_wall().tv_sec);
    return run_change(db, s, why);
}

bool
accounts_db_set(struct accounts_db *db, const char *domain, const char *user,
                const struct account_change *with, struct outcome *why)
{
    char octets[ACCOUNT_HASH_SIZE];
    const char *hash;
    if (!accounts_hash(with, octets, &hash, why))
        return false;
    struct db_statement *s = db_prepare(
        db->db,
        "UPDATE accounts SET enabled = coalesce(?3, enabled), quota = coalesce(?4, quota), "
        "quota_messages = coalesce(?5, quota_messages), "
        "password_hash = coalesce(?6, password_hash) WHERE domain = ?1 AND user = ?2",
        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain);
    db_bind_text(s, 2, user);
    bind_change(s, with, hash);
    if (!run_change(db, s, why))
        return false;
    return db_changes(db->db) == 1 ||
           outcome_set(why, OUTCOME_NO_SUCH_USER, "no account %s@%s", user, domain);
}

bool
accounts_db_remove(struct accounts_db *db, const char *domain, const char *user,
                   struct outcome *why)
{
    struct db_statement *s =
        db_prepare(db->db, "DELETE FROM accounts WHERE domain = ? AND user = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, domain);
    db_bind_text(s, 2, user);
    if (!run_change(db, s, why))
        return false;
    return db_changes(db->db) == 1 ||
           outcome_set(why, OUTCOME_NO_SUCH_USER, "no account %s@%s", user, domain);
}

static bool
last_uid_validity(struct db *db, uint32_t *last, struct outcome *why)
{
    struct db_statement *s = db_prepare(db, "SELECT last FROM uid_validity", why);
    if (s == NULL)
        return false;
    if (!db_next_row(s, why))
        return false;
    int64_t v = db_int(s, 0);
    db_reset(s);
    *last = (uint32_t)v;
    return (v >= 0 && v <= UINT32_MAX) ||
           outcome_set(why, OUTCOME_CORRUPT, "uid_validity.last is out of range");
}

/* set_validity_aside() - some at once: a new mailbox then costs no sync of its own. */
static bool
set_validity_aside(struct accounts *a, uint32_t from, struct outcome *why)
{
    uint32_t until =
        from > UINT32_MAX - VALIDITIES_AT_ONCE ? UINT32_MAX : from + VALIDITIES_AT_ONCE;
    struct db_statement *s = db_prepare(a->db.db, "UPDATE uid_validity SET last = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, until);
    if (!db_run(s, why))
        return false;
    a->validity_set_aside = until;
    return true;
}

/* accounts_uid_validity() - the time where it may be, so that even a lost accounts.sqlite gives
 * none that an older index used (RFC 9051 2.3.1.1). */
bool
accounts_uid_validity(struct accounts *a, uint32_t at_least, uint32_t *out, struct outcome *why)
{
    uint32_t last = a->validity_given;
    if (last == 0 && !last_uid_validity(a->db.db, &last, why))
        return false;
    int64_t v = clock_wall().tv_sec;
    if (v <= last)
        v = (int64_t)last + 1;
    if (v <= at_least)
        v = (int64_t)at_least + 1;
    if (v < 1 || v > UINT32_MAX)
        return outcome_set(why, OUTCOME_SYSTEM, "no UIDVALIDITY is left above %u", last);
    if (v > a->validity_set_aside && !set_validity_aside(a, (uint32_t)v, why))
        return false;
    a->validity_given = (uint32_t)v;
    *out = (uint32_t)v;
    return true;
}
