/* SPDX-License-Identifier: MIT
 *
 * Which UID is next. A row's transaction moves UIDNEXT of its mailbox; a reservation moves only a
 * number in memory, which no rollback takes back, and the row follows later. A UID comes from
 * whichever of the two is ahead.
 */
#include "index_priv.h"

#include <assert.h>
#include <stdlib.h>

static struct reservation *
find(const struct index *ix, int64_t mailbox)
{
    struct reservation *r;
    HASH_FIND(hh, ix->reservations, &mailbox, sizeof(mailbox), r);
    return r;
}

uint32_t
uid_reserved_next(const struct index *ix, int64_t mailbox)
{
    const struct reservation *r = find(ix, mailbox);
    return r == NULL ? 1 : r->next;
}

bool
uid_reserve_below(struct index *ix, int64_t mailbox, uint32_t next, struct outcome *why)
{
    struct reservation *r = find(ix, mailbox);
    if (r == NULL) {
        r = calloc(1, sizeof(*r));
        if (r == NULL)
            return outcome_set(why, OUTCOME_SYSTEM, "out of memory: UID");
        r->mailbox = mailbox;
        HASH_ADD(hh, ix->reservations, mailbox, sizeof(r->mailbox), r);
        if (r->hh.tbl == NULL) {
            free(r);
            return outcome_set(why, OUTCOME_SYSTEM, "out of memory: UID");
        }
    }
    if (r->next < next)
        r->next = next;
    return true;
}

void
uid_reservation_forget(struct index *ix, int64_t mailbox)
{
    struct reservation *r = find(ix, mailbox);
    if (r == NULL)
        return;
    HASH_DEL(ix->reservations, r);
    free(r);
}

void
uid_reservations_release(struct index *ix)
{
    struct reservation *r, *next;
    HASH_ITER(hh, ix->reservations, r, next)
    {
        HASH_DEL(ix->reservations, r);
        free(r);
    }
}

/* next_uid() - of a mailbox with that state. */
static bool
next_uid(const struct index *ix, const struct mailbox_state *state, uint32_t *uid,
         struct outcome *why)
{
    uint32_t reserved = uid_reserved_next(ix, state->id);
    *uid = state->uid_next > reserved ? state->uid_next : reserved;
    return *uid <= UID_MAX ||
           outcome_set(why, OUTCOME_SYSTEM, "mailbox %lld has no UID left", (long long)state->id);
}

void
uid_given(struct index *ix, struct mailbox_state *state, uint32_t uid)
{
    if (uid < state->uid_next)
        return;
    state->uid_next = uid + 1;
    state->is_dirty = true;
    ix->mark_is_due = true;
}

bool
index_take_uid(struct index *ix, int64_t mailbox, uint32_t *uid, struct outcome *why)
{
    assert(ix->in_transaction);
    struct mailbox_state *state = mailbox_state_load(ix, mailbox, why);
    if (state == NULL || !next_uid(ix, state, uid, why))
        return false;
    uid_given(ix, state, *uid);
    return true;
}

bool
index_reserve_uid(struct index *ix, int64_t mailbox, uint32_t *uid, struct outcome *why)
{
    const struct mailbox_state *state = mailbox_state_load(ix, mailbox, why);
    return state != NULL && next_uid(ix, state, uid, why) &&
           uid_reserve_below(ix, mailbox, *uid + 1, why);
}

bool
index_uid_state(struct index *ix, int64_t mailbox, uint32_t uid, enum index_uid_state *state,
                struct outcome *why)
{
    struct db_statement *s = db_prepare(
        ix->db,
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM messages WHERE mailbox = ?1 AND uid = ?2) "
        "THEN 1 WHEN EXISTS (SELECT 1 FROM expunges WHERE mailbox = ?1 AND uid = ?2) "
        "THEN 2 WHEN EXISTS (SELECT 1 FROM messages WHERE mailbox = ?1 AND uid > ?2) "
        "OR EXISTS (SELECT 1 FROM expunges WHERE mailbox = ?1 AND uid > ?2) "
        "THEN 3 ELSE 0 END",
        why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    if (!db_next_row(s, why))
        return false;
    static const enum index_uid_state states[] = {INDEX_UID_FREE, INDEX_UID_TAKEN,
                                                  INDEX_UID_EXPUNGED, INDEX_UID_PASSED};
    *state = states[db_int(s, 0) & 3];
    db_reset(s);
    return true;
}

/* note_burned() - like a message that was removed: a client that saw it is told, and who counts
 * what the journal knew finds it. */
static bool
note_burned(struct index *ix, struct mailbox_state *state, uint32_t uid, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db,
                   "INSERT INTO expunges (mailbox, modseq, uid) SELECT ?1, ?2, ?3 WHERE NOT EXISTS "
                   "(SELECT 1 FROM messages WHERE mailbox = ?1 AND uid = ?3)",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, state->id);
    index_bind_u64(s, 2, mailbox_state_touch(ix, state));
    db_bind_int(s, 3, uid);
    return db_run(s, why);
}

bool
index_burn_uid(struct index *ix, int64_t mailbox, uint32_t uid, struct outcome *why)
{
    assert(ix->in_transaction);
    if (uid == 0 || uid > UID_MAX)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "no UID to burn: %u", uid);
    struct mailbox_state *state = mailbox_state_load(ix, mailbox, why);
    if (state == NULL)
        return false;
    if (uid < state->uid_next && ix->behind_count == 0)
        return true;
    uid_given(ix, state, uid);
    return note_burned(ix, state, uid, why);
}
