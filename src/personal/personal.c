/* SPDX-License-Identifier: MIT
 *
 * The database as a whole: open, transactions, remove. It is written once in a while, so a commit
 * syncs, and carries the WAL into the file at once: at rest there is one file, which holds all.
 */
#include "personal_priv.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define CACHE_KIB 16 /* as the index: it may stay open while scripts ask */

/* ---- failures ---- */

bool
personal_fail(struct personal *p, struct outcome *why)
{
    if (why->kind == OUTCOME_CORRUPT) {
        p->is_damaged = true;
        why->kind = OUTCOME_SYSTEM;
    }
    return false;
}

bool
personal_damage(struct personal *p, struct outcome *why)
{
    outcome_set(why, OUTCOME_CORRUPT, "personal row holds what was never written");
    return personal_fail(p, why);
}

struct db_statement *
personal_prepare(struct personal *p, const char *sql, struct outcome *why)
{
    struct db_statement *s = db_prepare(p->db, sql, why);

    if (s == NULL)
        (void)personal_fail(p, why);
    return s;
}

enum db_result
personal_next(struct personal *p, struct db_statement *s, struct outcome *why)
{
    enum db_result result = db_next(s, why);

    if (result == DB_FAILED)
        (void)personal_fail(p, why);
    return result;
}

bool
personal_run(struct personal *p, struct db_statement *s, struct outcome *why)
{
    return db_run(s, why) || personal_fail(p, why);
}

/* ---- opening ---- */

static struct personal *
open_with(const char *path, const struct db_options *options, struct outcome *why)
{
    struct personal *p = calloc(1, sizeof *p);

    if (p == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "no memory for %s", path);
        return NULL;
    }
    p->db = db_open(path, options, why);
    if (p->db != NULL)
        return p;
    free(p);
    return NULL;
}

struct personal *
personal_open_damaged(const char *path, struct outcome *why)
{
    const struct db_options options = {.cache_kib = CACHE_KIB, .as_it_is = true};

    return open_with(path, &options, why);
}

struct personal *
personal_open_file(const char *path, bool create, struct outcome *why)
{
    const struct db_options options = {
        .steps = personal_steps,
        .step_count = personal_step_count,
        .create = create,
        .cache_kib = CACHE_KIB,
    };
    struct personal *p = open_with(path, &options, why);

    if (p == NULL)
        return NULL;
    if (db_check(p->db, false, why) && personal_is_sealed(p, why)) {
        db_forget_statements(p->db); /* of opening */
        return p;
    }
    personal_close(p);
    return NULL;
}

/* What was found damaged, or was not there, is opened once more. */
static struct personal *
open_again(const char *path, struct outcome *why)
{
    struct personal *p = personal_open_file(path, false, why);

    if (p == NULL && why->kind == OUTCOME_CORRUPT)
        why->kind = OUTCOME_SYSTEM; /* a disk that keeps nothing */
    return p;
}

struct personal *
personal_open(const char *folder, bool create, struct personal_rescued *out, struct outcome *why)
{
    char path[PATH_MAX];

    *out = (struct personal_rescued){0};
    if (snprintf(path, sizeof path, "%s/" PERSONAL_NAME, folder) >= (int)sizeof path) {
        outcome_errno(why, ENAMETOOLONG, "open", folder);
        return NULL;
    }
    struct personal *p = personal_open_file(path, false, why);
    if (p != NULL || (why->kind != OUTCOME_CORRUPT && (why->kind != OUTCOME_NOT_FOUND || !create)))
        return p;
    snprintf(out->cause, sizeof out->cause, "%s", why->cause);
    bool ok = why->kind == OUTCOME_CORRUPT ? personal_rescue(folder, out, why)
                                           : personal_make(folder, why);
    return ok ? open_again(path, why) : NULL;
}

void
personal_close(struct personal *p)
{
    if (p == NULL)
        return;
    db_close(p->db);
    free(p);
}

bool
personal_was_removed(struct personal *p)
{
    return db_was_removed(p->db);
}

bool
personal_is_damaged(const struct personal *p)
{
    return p->is_damaged;
}

/* ---- transactions ---- */

bool
personal_begin(struct personal *p, struct outcome *why)
{
    assert(!p->in_transaction);
    if (!db_begin(p->db, why))
        return personal_fail(p, why);
    p->in_transaction = true;
    return true;
}

bool
personal_commit(struct personal *p, struct outcome *why)
{
    struct outcome ignored; /* the WAL holds it, on stable storage */

    assert(p->in_transaction);
    if (!personal_seal(p, why) || !db_commit(p->db, why)) {
        personal_rollback(p);
        return personal_fail(p, why);
    }
    p->in_transaction = false;
    if (!db_sync(p->db, why))
        return personal_fail(p, why);
    (void)db_checkpoint(p->db, &ignored);
    db_forget_statements(p->db);
    return true;
}

bool
personal_carry_over(struct personal *p, struct outcome *why)
{
    return db_wal_octets(p->db) == 0 || db_checkpoint(p->db, why);
}

void
personal_rollback(struct personal *p)
{
    if (p->in_transaction)
        db_rollback(p->db);
    p->in_transaction = false;
}

bool
personal_backup(struct personal *p, const char *path, struct outcome *why)
{
    return db_backup(p->db, path, why) || personal_fail(p, why);
}
