/* SPDX-License-Identifier: MIT
 *
 * An account's index as a whole: open, transactions, usage. The rows are in mailbox.c, change.c,
 * read.c, ledger.c and reconcile.c; the tables in schema/index.
 */
#include "index_priv.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_KEPT 64 /* mailbox counters that stay in memory between transactions */

static struct db *
open_database(const char *folder, bool create, struct outcome *why)
{
    const struct db_options options = {
        .steps = index_steps,
        .step_count = index_step_count,
        .create = create,
        .full_sync = false,
        .cache_kib = INDEX_CACHE_KIB,
    };
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/index.sqlite", folder) >= (int)sizeof(path)) {
        outcome_errno(why, ENAMETOOLONG, "open", folder);
        return NULL;
    }
    if (create && !index_folder_make(folder, why))
        return NULL;
    return db_open(path, &options, why);
}

struct index *
index_open(const char *folder, bool create, struct outcome *why)
{
    struct index *ix = calloc(1, sizeof(*ix));
    if (ix == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: index");
        return NULL;
    }
    ix->folder = strdup(folder);
    if (ix->folder == NULL)
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: index");
    else
        ix->db = open_database(folder, create, why);
    if (ix->db == NULL || !index_totals_read(ix, why) || !mark_read(ix, why) ||
        !ledger_filter_read(ix, why)) {
        index_close(ix);
        return NULL;
    }
    db_forget_statements(ix->db); /* of opening; a thousand indexes may be open */
    db_rest(ix->db);
    return ix;
}

void
index_close(struct index *ix)
{
    if (ix == NULL)
        return;
    mailbox_states_release(ix);
    uid_reservations_release(ix);
    mark_release(ix);
    db_close(ix->db);
    free(ix->folder);
    free(ix);
}

bool
index_was_removed(struct index *ix)
{
    return db_was_removed(ix->db);
}

bool
index_check(struct index *ix, bool full, struct outcome *why)
{
    return db_check(ix->db, full, why);
}

bool
index_begin(struct index *ix, struct outcome *why)
{
    assert(!ix->in_transaction);
    if (!db_begin(ix->db, why))
        return false;
    ix->in_transaction = true;
    ix->then = ix->now;
    return true;
}

static bool
commit(struct index *ix, struct outcome *why)
{
    assert(ix->in_transaction);
    if (!mailbox_states_write(ix, why) || !db_commit(ix->db, why)) {
        index_rollback(ix);
        return false;
    }
    ix->in_transaction = false;
    if (ix->is_renewed)
        mark_release(ix);
    ix->is_renewed = false;
    if (HASH_COUNT(ix->states) > STATES_KEPT)
        mailbox_states_release(ix);
    return true;
}

bool
index_commit_unsynced(struct index *ix, struct outcome *why)
{
    bool ok = commit(ix, why) && db_flush(ix->db, why);

    db_rest(ix->db); /* what the next transaction reads again costs less than keeping it */
    return ok;
}

bool
index_sync(struct index *ix, struct outcome *why)
{
    return db_sync(ix->db, why);
}

bool
index_commit(struct index *ix, struct outcome *why)
{
    struct outcome ignored; /* it stays due */

    if (!commit(ix, why) || !db_sync(ix->db, why))
        return false;
    (void)index_mark(ix, &ignored);
    return true;
}

uint64_t
index_wal_octets(const struct index *ix)
{
    return db_wal_octets(ix->db);
}

bool
index_checkpoint(struct index *ix, uint64_t wal_octets, struct outcome *why)
{
    assert(!ix->in_transaction);
    if (db_wal_octets(ix->db) <= wal_octets)
        return true;
    bool ok = db_checkpoint(ix->db, why);
    db_rest(ix->db);
    return ok;
}

void
index_rollback(struct index *ix)
{
    if (!ix->in_transaction)
        return;
    db_rollback(ix->db);
    mailbox_states_release(ix);
    ix->now = ix->then;
    ix->is_renewed = false;
    ix->in_transaction = false;
}

bool
index_usage(struct index *ix, uint64_t *octets, uint64_t *messages, struct outcome *why)
{
    (void)why; /* kept in memory: cannot fail at present */
    *octets = ix->now.stored_octets;
    *messages = ix->now.messages;
    return true;
}
