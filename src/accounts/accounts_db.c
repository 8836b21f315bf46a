/* SPDX-License-Identifier: MIT
 *
 * accounts.sqlite: rows of accounts and the highest UIDVALIDITY. synchronous=FULL: what was said to
 * be done is on stable storage. Names come folded and checked; they are bound, never printed into
 * SQL, and checked again when they are read.
 */
#include "accounts_priv.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "doorstep/clock.h"

#define VALIDITIES_AT_ONCE 100 /* UIDVALIDITYs that one sync sets aside */

#define CACHE_KIB 2048
#define QUOTA_NONE (-1)

/* The key is made with the database. */
static bool
read_login_key(struct accounts_db *db, struct outcome *why)
{
    struct db_statement *s = db_prepare(db->db, "SELECT key FROM login_key", why);
    if (s == NULL || !db_next_row(s, why))
        return false;
    struct span key = db_blob(s, 0);
    bool ok = key.n == sizeof(db->login_key) ||
              outcome_set(why, OUTCOME_CORRUPT, "login_key is not what was written");
    if (ok)
        memcpy(db->login_key, key.p, key.n);
    db_reset(s);
    return ok;
}

static bool
make_login_key(struct accounts_db *db, struct outcome *why)
{
    uint8_t key[PASSWORD_KEY_SIZE];
    struct db_statement *s =
        db_prepare(db->db, "INSERT OR IGNORE INTO login_key VALUES (1, ?)", why);
    if (s == NULL)
        return false;
    randombytes_buf(key, sizeof(key));
    db_bind_blob(s, 1, (struct span){(const char *)key, sizeof(key)});
    return db_run(s, why);
}

bool
accounts_db_open(struct accounts_db *db, const struct settings *settings, struct outcome *why)
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
    db->cost = (struct password_cost){settings->auth.hash_operations, settings->auth.hash_memory};
    if (snprintf(path, sizeof(path), "%s/accounts.sqlite", settings->state_dir) >=
        (int)sizeof(path))
        return outcome_errno(why, ENAMETOOLONG, "open", settings->state_dir);
    db->db = db_open(path, &options, why);
    return db->db != NULL && make_login_key(db, why) && read_login_key(db, why);
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

/* copy_text() - false: longer than it was ever written. */
static bool
copy_text(struct db_statement *s, int column, char *out, size_t size)
{
    return snprintf(out, size, "%s", db_text(s, column)) < (int)size;
}

/* read_account() - a row of user, enabled, quota, quota_messages, forward. */
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
    if (!db_is_null(s, 4)) {
        account_set_home(out, db_text(s, 4));
        ok = strlen(db_text(s, 4)) < sizeof(out->forward) && ok;
    }
    return ok || outcome_set(why, OUTCOME_CORRUPT, "accounts row holds what was never written");
}

/* A statement whose first two parameters say which account. */
static struct db_statement *
prepare_for(struct accounts_db *db, const char *sql, const char *domain, const char *user,
            struct outcome *why)
{
    struct db_statement *s = db_prepare(db->db, sql, why);

    if (s == NULL)
        return NULL;
    db_bind_text(s, 1, domain);
    db_bind_text(s, 2, user);
    return s;
}

enum accounts_result
accounts_db_find(struct accounts_db *db, const struct settings_domain *domain, const char *user,
                 struct account *out, struct outcome *why)
{
    struct db_statement *s =
        prepare_for(db,
                    "SELECT user, enabled, quota, quota_messages, forward FROM accounts "
                    "WHERE domain = ? AND user = ?",
                    domain->name, user, why);
    if (s == NULL)
        return ACCOUNTS_FAILED;
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
    struct db_statement *s =
        db_prepare(db->db,
                   "SELECT user, enabled, quota, quota_messages, forward FROM accounts "
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

/* bind_change() - parameters 3 to 8; NULL where nothing is to be set. */
static void
bind_quota(struct db_statement *s, int n, bool is_set, uint64_t v)
{
    if (!is_set)
        db_bind_null(s, n);
    else
        db_bind_int(s, n, v > INT64_MAX ? QUOTA_NONE : (int64_t)v);
}

static void
bind_change(struct db_statement *s, const struct account_change *with,
            const struct account_hashes *hashes)
{
    if (with->set_enabled)
        db_bind_int(s, 3, with->enabled);
    else
        db_bind_null(s, 3);
    bind_quota(s, 4, with->set_quota, with->quota);
    bind_quota(s, 5, with->set_quota_messages, with->quota_messages);
    db_bind_text(s, 6, hashes->is_set ? hashes->hash : NULL);
    db_bind_text(s, 7, hashes->scram[0] != '\0' ? hashes->scram : NULL);
    db_bind_text(s, 8, with->forward);
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
    struct account_hashes hashes;
    if (!accounts_hash(db, with, &hashes, why))
        return false;
    struct db_statement *s =
        prepare_for(db,
                    "INSERT INTO accounts "
                    "(domain, user, enabled, quota, quota_messages, password_hash, scram, "
                    "forward, made) "
                    "VALUES (?1, ?2, coalesce(?3, 1), ?4, ?5, ?6, ?7, nullif(?8, ''), ?9)",
                    domain, user, why);
    if (s == NULL)
        return false;
    bind_change(s, with, &hashes);
    db_bind_int(s, 9, clock_wall().tv_sec);
    return run_change(db, s, why);
}

bool
accounts_db_set(struct accounts_db *db, const char *domain, const char *user,
                const struct account_change *with, struct outcome *why)
{
    struct account_hashes hashes;
    if (!accounts_hash(db, with, &hashes, why))
        return false;
    struct db_statement *s = prepare_for(
        db,
        "UPDATE accounts SET enabled = coalesce(?3, enabled), quota = coalesce(?4, quota), "
        "quota_messages = coalesce(?5, quota_messages), "
        "scram = CASE WHEN ?6 IS NULL THEN scram ELSE ?7 END, "
        "forward = CASE WHEN ?8 IS NULL THEN forward ELSE nullif(?8, '') END, "
        "password_hash = coalesce(?6, password_hash) WHERE domain = ?1 AND user = ?2",
        domain, user, why);
    if (s == NULL)
        return false;
    bind_change(s, with, &hashes);
    if (!run_change(db, s, why))
        return false;
    return db_changes(db->db) == 1 ||
           outcome_set(why, OUTCOME_NO_SUCH_USER, "no account %s@%s", user, domain);
}

bool
accounts_db_secret(struct accounts_db *db, struct account_secret *out, struct outcome *why)
{
    struct db_statement *s =
        prepare_for(db, "SELECT password_hash, scram FROM accounts WHERE domain = ? AND user = ?",
                    out->account.domain, out->account.user, why);
    if (s == NULL)
        return false;
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return false;
    bool ok = result == DB_DONE || /* driver any: no mail yet */
              (copy_text(s, 0, out->hash, sizeof(out->hash)) &&
               copy_text(s, 1, out->scram, sizeof(out->scram)));
    db_reset(s);
    return ok || outcome_set(why, OUTCOME_CORRUPT, "accounts row holds what was never written");
}

bool
accounts_db_renew(struct accounts_db *db, const struct account_secret *old, const char *hash,
                  const char *scram, struct outcome *why)
{
    struct db_statement *s =
        prepare_for(db,
                    "UPDATE accounts SET password_hash = ?3, scram = coalesce(?4, scram) "
                    "WHERE domain = ?1 AND user = ?2 AND password_hash = ?5",
                    old->account.domain, old->account.user, why);
    if (s == NULL)
        return false;
    db_bind_text(s, 3, hash[0] != '\0' ? hash : old->hash);
    db_bind_text(s, 4, scram[0] != '\0' ? scram : NULL);
    db_bind_text(s, 5, old->hash);
    return db_run(s, why);
}

bool
accounts_db_remove(struct accounts_db *db, const char *domain, const char *user,
                   struct outcome *why)
{
    struct db_statement *s =
        prepare_for(db, "DELETE FROM accounts WHERE domain = ? AND user = ?", domain, user, why);
    if (s == NULL || !run_change(db, s, why))
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
