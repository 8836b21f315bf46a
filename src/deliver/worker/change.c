/* SPDX-License-Identifier: MIT
 *
 * Changes made through us: see change_priv.h. The order, as for a delivery: journal, store, index,
 * answer. The store is changed before the index: what it says is the truth for everything that it
 * can keep. Messages are known by their names in the store, so that a change may be carried out
 * again after a crash, whatever part of it was done.
 */
#include "change_priv.h"

#include <string.h>

#include "doorstep/arena.h"
#include "doorstep/log.h"

#include "record_change_priv.h"
#include "record_priv.h"

#define ROW_ARENA (32 * 1024 * 1024)

struct applying {
    struct open_account *oa;
    struct change *c;
    int64_t mailbox, to; /* rows in the index; 0: none */
    bool same_validity;  /* of `to`, as recorded */
};

/* ---- the store ---- */

static bool
store_one(struct open_account *oa, const struct change *c, struct change_message *m,
          struct outcome *why)
{
    bool keeps_flags = (store_can(oa->store) & STORE_CAN_FLAGS) != 0;

    if (c->kind == CHANGE_FLAGS)
        return !keeps_flags || store_set_flags(oa->store, c->mailbox, m->name, m->flags, why);
    if (c->kind == CHANGE_MOVE)
        return store_move(oa->store, c->mailbox, m->name, c->to, &m->moved, why);
    return store_remove(oa->store, c->mailbox, m->name, why);
}

static bool
change_store(struct open_account *oa, struct change *c, struct outcome *why)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct change_message *m = &c->list[i];
        if (store_one(oa, c, m, why))
            continue;
        if (why->kind != OUTCOME_NOT_FOUND)
            return false;
        m->is_gone = true;
    }
    return true;
}

/* ---- the index; inside a transaction ---- */

static bool
is_there(struct applying *a, const char *name, bool *found, struct outcome *why)
{
    struct index_message row;
    struct arena arena;

    arena_init(&arena, ROW_ARENA);
    *found = index_message_find_ref(a->oa->index, a->to, name, &arena, &row, why);
    arena_release(&arena);
    return *found || why->kind == OUTCOME_NOT_FOUND;
}

/* The UID that it was given, unless a crash has changed what that means. In a replay those who were
 * moved later may be there already: a client that saw them has seen this one. */
static bool
choose_uid(struct applying *a, const struct change_message *m, uint32_t *uid, struct outcome *why)
{
    bool is_known = a->same_validity && m->to_uid != 0;
    enum index_uid_state state = INDEX_UID_PASSED;

    if (is_known && !index_uid_state(a->oa->index, a->to, m->to_uid, &state, why))
        return false;
    *uid = m->to_uid;
    return state == INDEX_UID_FREE ||
           (is_known && a->c->is_replayed && state == INDEX_UID_PASSED) ||
           index_take_uid(a->oa->index, a->to, uid, why);
}

/* The row with all that is known of the message, under its new UID. */
static bool
move_row(struct applying *a, const struct change_message *m, struct index_message *row,
         struct outcome *why)
{
    bool moved;

    if (!index_expunge(a->oa->index, a->mailbox, row->uid, why) ||
        !is_there(a, m->is_gone ? m->name : m->moved.name, &moved, why))
        return false;
    if (moved)
        return true;
    row->mailbox = a->to;
    if (!m->is_gone)
        memcpy(row->ref.name, m->moved.name, sizeof row->ref.name);
    return choose_uid(a, m, &row->uid, why) && index_add(a->oa->index, row, why);
}

static bool
change_row(struct applying *a, const struct change_message *m, struct index_message *row,
           struct outcome *why)
{
    if (a->c->kind == CHANGE_FLAGS && !m->is_gone)
        return index_set_flags(a->oa->index, a->mailbox, row->uid, m->flags, m->keywords, why);
    if (a->c->kind == CHANGE_MOVE && a->to != 0 && (!m->is_gone || m->is_elsewhere))
        return move_row(a, m, row, why);
    return index_expunge(a->oa->index, a->mailbox, row->uid, why);
}

static bool
row_one(struct applying *a, const struct change_message *m, struct outcome *why)
{
    struct index_message row;
    struct arena arena;

    arena_init(&arena, ROW_ARENA);
    bool ok = index_message_find_ref(a->oa->index, a->mailbox, m->name, &arena, &row, why)
                  ? change_row(a, m, &row, why)
                  : why->kind == OUTCOME_NOT_FOUND;
    arena_release(&arena);
    return ok;
}

static bool
find_mailbox(struct open_account *oa, const char *name, struct index_mailbox *box,
             struct outcome *why)
{
    *box = (struct index_mailbox){0};
    return index_mailbox_find(oa->index, name, box, why) || why->kind == OUTCOME_NOT_FOUND;
}

static bool
change_rows(struct open_account *oa, struct change *c, struct outcome *why)
{
    struct index_mailbox box, to = {0};

    if (!find_mailbox(oa, c->mailbox, &box, why) ||
        (c->kind == CHANGE_MOVE && !find_mailbox(oa, c->to, &to, why)))
        return false;
    struct applying a = {oa, c, box.id, to.id, to.uid_validity == c->to_validity};
    for (uint32_t i = 0; box.id != 0 && i < c->count; i++)
        if (!row_one(&a, &c->list[i], why))
            return false;
    return true;
}

/* ---- in order ---- */

static bool
commit_rows(struct open_account *oa, struct change *c, bool is_journalled, struct outcome *why)
{
    if (!index_begin(oa->index, why))
        return false;
    oa->needs_mark = true; /* a move gives UIDs */
    bool ok = change_rows(oa, c, why) && (is_journalled ? index_commit_unsynced(oa->index, why)
                                                        : index_commit(oa->index, why));
    if (!ok)
        index_rollback(oa->index);
    return ok;
}

bool
change_apply(struct open_account *oa, struct change *c, struct outcome *why)
{
    return change_store(oa, c, why) && commit_rows(oa, c, true, why);
}

static bool
record(struct worker *w, const struct account *a, const struct change *c, struct outcome *why)
{
    struct buf out;
    uint64_t segment;

    buf_init(&out, RECORD_CHANGE_MAX);
    bool ok = record_change_pack(&out, a, c) ||
              outcome_set(why, OUTCOME_TOO_BIG, "change does not fit into a record");
    ok = ok && checkpoint_record(w, RECORD_CHANGE, buf_span(&out), &segment, why);
    buf_release(&out);
    return ok;
}

bool
change_record(struct worker *w, const struct account *a, struct change *c, struct outcome *why)
{
    id_make(c->id);
    return record(w, a, c, why);
}

void
change_undo(struct worker *w, const struct account *a, const struct change *c)
{
    struct change undone = {.kind = CHANGE_UNDONE, .mailbox = "", .to = ""};
    struct outcome why;

    memcpy(undone.id, c->id, sizeof undone.id);
    if (!record(w, a, &undone, &why))
        log_event(LOG_LEVEL_WARNING, "change_not_undone", "account", a->user, "id", c->id, "cause",
                  why.cause, NULL);
}

static bool
can_change(const struct open_account *oa, const struct change *c, struct outcome *why)
{
    if (c->kind == CHANGE_FLAGS || (store_can(oa->store) & STORE_CAN_DELETE) != 0)
        return true;
    outcome_set(why, OUTCOME_BAD_REQUEST, NULL);
    outcome_say(why, "single messages cannot be moved or removed in store %s",
                oa->store_settings->name);
    return false;
}

static bool
reserve_uids(struct open_account *oa, struct change *c, struct outcome *why)
{
    struct index_mailbox to;

    if (c->kind != CHANGE_MOVE)
        return true;
    bool ok = index_mailbox_find(oa->index, c->to, &to, why);
    for (uint32_t i = 0; ok && i < c->count; i++)
        ok = index_reserve_uid(oa->index, to.id, &c->list[i].to_uid, why);
    return ok;
}

bool
change_make(struct worker *w, struct open_account *oa, struct change *c, struct outcome *why)
{
    if (!can_change(oa, c, why) || !reserve_uids(oa, c, why))
        return false;
    if (!oa->is_journalled)
        return change_store(oa, c, why) && store_commit(oa->store, why) &&
               commit_rows(oa, c, false, why);
    if (!change_record(w, &oa->account, c, why))
        return false;
    if (change_apply(oa, c, why))
        return true;
    change_undo(w, &oa->account, c);
    return false;
}
