/* SPDX-License-Identifier: MIT
 *
 * Changes made through us: see change_priv.h. The store is changed before the index: what it says
 * is the truth for everything that it can keep. Messages are known by their names in the store, so
 * that a change may be carried out again after a crash, whatever part of it was done.
 */
#include "change_priv.h"

#include <string.h>

#include "doorstep/arena.h"

#define ROW_ARENA (32 * 1024 * 1024)

struct applying {
    struct open_account *oa;
    struct change *c;
    int64_t mailbox, to; /* rows in the index; 0: none */
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

/* The row with all that is known of the message, under its new UID. */
static bool
move_row(struct applying *a, struct change_message *m, struct index_message *row,
         struct outcome *why)
{
    bool moved;

    if (!index_expunge(a->oa->index, a->mailbox, row->uid, why) ||
        !is_there(a, m->moved.name, &moved, why))
        return false;
    if (moved)
        return true;
    row->mailbox = a->to;
    memcpy(row->ref.name, m->moved.name, sizeof row->ref.name);
    if (!index_take_uid(a->oa->index, a->to, &row->uid, why))
        return false;
    m->to_uid = row->uid;
    return index_add(a->oa->index, row, why);
}

static bool
change_row(struct applying *a, struct change_message *m, struct index_message *row,
           struct outcome *why)
{
    if (a->c->kind == CHANGE_FLAGS && !m->is_gone)
        return index_set_flags(a->oa->index, a->mailbox, row->uid, m->flags, m->keywords, why);
    if (a->c->kind == CHANGE_MOVE && a->to != 0 && !m->is_gone)
        return move_row(a, m, row, why);
    return index_expunge(a->oa->index, a->mailbox, row->uid, why);
}

static bool
row_one(struct applying *a, struct change_message *m, struct outcome *why)
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
    struct applying a = {oa, c, box.id, to.id};
    for (uint32_t i = 0; box.id != 0 && i < c->count; i++)
        if (!row_one(&a, &c->list[i], why))
            return false;
    return true;
}

/* ---- in order ---- */

static bool
commit_rows(struct open_account *oa, struct change *c, struct outcome *why)
{
    if (!index_begin(oa->index, why))
        return false;
    bool ok = change_rows(oa, c, why) && index_commit(oa->index, why);
    if (!ok)
        index_rollback(oa->index);
    return ok;
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

bool
change_make(struct open_account *oa, struct change *c, struct outcome *why)
{
    return can_change(oa, c, why) && change_store(oa, c, why) && store_commit(oa->store, why) &&
           commit_rows(oa, c, why);
}
