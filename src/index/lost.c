/* SPDX-License-Identifier: MIT
 *
 * After a crash: has the index lost rows that nobody brought back, and what makes clients forget
 * what they may have seen of them. The mark (mark.c) is what the question is asked of.
 */
#include "index_priv.h"

#include <assert.h>

/* More MODSEQs than a crash can take back: one a row, and rows that are not synced yet stand in a
 * journal, which holds far fewer than these sixteen million. Small enough that half a trillion
 * crashes do not use up 63 bits. */
#define MODSEQ_STEP ((uint64_t)1 << 24)

bool
index_raise_modseq(struct index *ix, struct outcome *why)
{
    assert(ix->in_transaction);
    if (ix->now.modseq > INT64_MAX - MODSEQ_STEP)
        return outcome_set(why, OUTCOME_CORRUPT, "a MODSEQ that was never given");
    ix->now.modseq += MODSEQ_STEP;
    return modseq_floor_write(ix, why);
}

/* find_mailbox() - DB_DONE: there is none of that UIDVALIDITY. */
static enum db_result
find_mailbox(struct index *ix, uint32_t validity, int64_t *id, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT id FROM mailboxes WHERE uid_validity = ?", why);
    if (s == NULL)
        return DB_FAILED;
    db_bind_int(s, 1, validity);
    enum db_result result = db_next(s, why);
    if (result == DB_ROW)
        *id = db_int(s, 0);
    db_reset(s);
    return result;
}

static bool
count_known(struct index *ix, int64_t mailbox, const struct behind *b, int64_t *count,
            struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db,
                   "SELECT count(*) FROM "
                   "(SELECT uid FROM messages WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3 UNION "
                   "SELECT uid FROM expunges WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3)",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, b->from);
    db_bind_int(s, 3, b->to);
    if (!db_next_row(s, why))
        return false;
    *count = db_int(s, 0);
    db_reset(s);
    return true;
}

bool
index_knows_all(struct index *ix, const struct behind *b)
{
    int64_t id, count;
    struct outcome ignored; /* what cannot be looked at is not known */
    enum db_result found = find_mailbox(ix, b->validity, &id, &ignored);
    if (found != DB_ROW)
        return found == DB_DONE; /* the mailbox was deleted, with all its UIDs */
    return count_known(ix, id, b, &count, &ignored) && count == (int64_t)b->to - b->from;
}

bool
index_has_lost_rows(struct index *ix)
{
    for (size_t i = 0; i < ix->behind_count; i++)
        if (!index_knows_all(ix, &ix->behind[i]))
            return true;
    return false;
}

/* next_mailbox() - the one behind *id. */
static enum db_result
next_mailbox(struct index *ix, int64_t *id, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "SELECT id FROM mailboxes WHERE id > ? ORDER BY id LIMIT 1", why);
    if (s == NULL)
        return DB_FAILED;
    db_bind_int(s, 1, *id);
    enum db_result result = db_next(s, why);
    if (result == DB_ROW)
        *id = db_int(s, 0);
    db_reset(s);
    return result;
}

static bool
set_validity(struct index *ix, int64_t id, uint32_t validity, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "UPDATE mailboxes SET uid_validity = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, validity);
    db_bind_int(s, 2, id);
    return db_run(s, why);
}

bool
index_renew_validity(struct index *ix, index_validity_fn next, void *arg, struct outcome *why)
{
    int64_t id = INT64_MIN;
    enum db_result result;
    uint32_t validity;
    assert(ix->in_transaction);
    while ((result = next_mailbox(ix, &id, why)) == DB_ROW)
        if (!next(arg, &validity, why) || !set_validity(ix, id, validity, why))
            return false;
    ix->is_renewed = result == DB_DONE;
    ix->mark_is_due = true;
    return result == DB_DONE;
}
