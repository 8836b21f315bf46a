/* SPDX-License-Identifier: MIT
 *
 * Bringing a message back: see restore_priv.h. The store says where the message lies, by its name;
 * the index gets the row that is missing: the same UID where it means the same and nobody has seen
 * a higher one, else the next.
 */
#include "restore_priv.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "doorstep/arena.h"

#include "effects_priv.h"
#include "rows_priv.h"
#include "spool_priv.h"

#define ROW_ARENA (32 * 1024 * 1024)
#define LOCK_POLL_MS 20
#define WAL_MAX (16 * 1024 * 1024) /* of one index: a transaction a message writes much */

/* ---- bytes ---- */

struct message *
restore_bytes(const char *state_dir, const struct record_message *m, bool *gone,
              struct outcome *why)
{
    *gone = false;
    if (m->spool[0] == '\0') {
        struct message *bytes = message_from_memory(m->bytes);
        if (bytes == NULL)
            outcome_set(why, OUTCOME_SYSTEM, "no memory for a message");
        return bytes;
    }
    errno = 0;
    struct message *bytes = spool_file_open(state_dir, m->spool, why);
    *gone = bytes == NULL && errno == ENOENT;
    return bytes;
}

static void
sleep_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

/* Into the store, if it is not there; `where` is the mailbox that it lies in. A locked mbox is
 * waited for as long as a delivery would be. */
static bool
restore_store(struct restore *r, struct open_account *oa, char where[STORE_MAILBOX_SIZE],
              struct outcome *why)
{
    const struct record_message *m = r->message;
    const struct store_mail mail = {
        .msg = r->bytes,
        .mailbox = r->mailbox,
        .trace = r->part->trace,
        .keep_bytes = m->keep_bytes,
        .return_path = m->return_path,
        .id = m->id,
        .received = m->received,
        .flags = r->part->flags,
    };
    uint64_t deadline = clock_ms() + oa->store_settings->lock_timeout;
    struct store_wait wait;

    for (;;) {
        enum store_result result =
            store_restore(oa->store, &mail, &r->part->ref, r->part->place, where, &wait, why);
        if (result == STORE_LATER && r->may_wait && clock_ms() < deadline) {
            sleep_ms(LOCK_POLL_MS);
            continue;
        }
        if (result == STORE_LATER)
            outcome_set(why, OUTCOME_BUSY, "%s is locked by another program", oa->key);
        return result == STORE_DONE;
    }
}

/* ---- mailboxes ---- */

struct looking { /* is everything in the store known to the journals? */
    const struct replay_plan *plan;
    const struct account *account;
    bool is_known;
};

static bool
on_entry(void *arg, const struct store_entry *e)
{
    struct looking *l = arg;
    const struct replay_fate *f =
        replay_plan_fate(l->plan, l->account->user, l->account->domain, e->name);

    l->is_known = f != NULL && f->message != 0;
    return l->is_known;
}

/* The recorded one only when every UID that it may have given is known. Whatever comes after it
 * must be larger, also when accounts.sqlite is a new one. */
static bool
choose_validity(struct worker *w, struct open_account *oa, const struct replay_plan *plan,
                const struct replay_account *ra, const char *name, uint32_t *out,
                struct outcome *why)
{
    struct looking l = {plan, &oa->account, true};
    uint32_t highest, next, recorded = replay_plan_validity(ra, name, &highest);

    if (!account_uid_validity(w, highest, &next, why))
        return false;
    *out = next;
    if (recorded == 0 || oa->store == NULL)
        return true;
    if (!store_scan(oa->store, name, on_entry, &l, why))
        return why->kind == OUTCOME_NOT_FOUND; /* no mailbox: nothing of it can be known */
    if (l.is_known)
        *out = recorded;
    return true;
}

static bool
add_mailbox(struct open_account *oa, const char *name, uint32_t validity, struct index_mailbox *box,
            struct outcome *why)
{
    if (!index_begin(oa->index, why))
        return false;
    if (index_mailbox_add(oa->index, name, validity, box, why) &&
        index_commit_unsynced(oa->index, why))
        return true;
    index_rollback(oa->index);
    return false;
}

bool
restore_mailbox(struct worker *w, struct open_account *oa, const struct replay_plan *plan,
                const struct replay_account *ra, const char *name, struct index_mailbox *box,
                struct outcome *why)
{
    uint32_t validity;

    if (strcmp(name, "INBOX") != 0 && oa->store != NULL &&
        !store_mailbox_create(oa->store, name, why) && why->kind != OUTCOME_EXISTS)
        return false;
    if (index_mailbox_find(oa->index, name, box, why))
        return true;
    return why->kind == OUTCOME_NOT_FOUND &&
           choose_validity(w, oa, plan, ra, name, &validity, why) &&
           add_mailbox(oa, name, validity, box, why);
}

/* ---- rows; inside a transaction ---- */

static bool
has_row(struct open_account *oa, int64_t mailbox, const char *name, bool *found,
        struct outcome *why)
{
    struct index_message row;
    struct arena arena;

    arena_init(&arena, ROW_ARENA);
    *found = index_message_find_ref(oa->index, mailbox, name, &arena, &row, why);
    arena_release(&arena);
    return *found || why->kind == OUTCOME_NOT_FOUND;
}

static bool
add_row(struct restore *r, struct open_account *oa, int64_t mailbox, uint32_t uid,
        struct outcome *why)
{
    const struct record_message *m = r->message;
    struct facts facts;
    struct arena arena;
    struct unpack u;
    struct index_message row = {
        .mailbox = mailbox,
        .uid = uid,
        .flags = r->part->flags,
        .keywords = r->part->keywords,
        .received = m->received,
        .ref = r->part->ref,
        .octets = r->part->ref.wire_octets,
        .lines = m->body_lines + rows_count_lines(r->part->trace),
        .digest = m->digest,
        .delivery_id = m->id,
    };

    arena_init(&arena, ROW_ARENA);
    unpack_init(&u, m->facts);
    if (m->facts.n > 0 && facts_unpack(&facts, &arena, &u))
        row.facts = &facts;
    r->added = index_add(oa->index, &row, why);
    arena_release(&arena);
    return r->added;
}

/* The UID that it was promised under that UIDVALIDITY, or the next. */
static bool
choose_uid(struct open_account *oa, const struct index_mailbox *box, uint32_t validity,
           uint32_t promised, uint32_t *uid, bool *expunged, struct outcome *why)
{
    enum index_uid_state state = INDEX_UID_PASSED;

    if (box->uid_validity == validity &&
        !index_uid_state(oa->index, box->id, promised, &state, why))
        return false;
    *uid = promised;
    *expunged = state == INDEX_UID_EXPUNGED;
    return state == INDEX_UID_FREE || index_take_uid(oa->index, box->id, uid, why);
}

/* The UID that it was moved to. Messages come back in the order of their arrival, not in that of
 * their moves: in a replay, before anybody looks, those with higher UIDs may be there already. */
static bool
choose_moved_uid(const struct restore *r, struct open_account *oa, const struct index_mailbox *to,
                 uint32_t *uid, struct outcome *why)
{
    enum index_uid_state state;
    bool ignored;

    if (r->plan != NULL && to->uid_validity == r->moved_validity) {
        if (!index_uid_state(oa->index, to->id, r->moved_uid, &state, why))
            return false;
        *uid = r->moved_uid;
        if (state == INDEX_UID_PASSED)
            return true;
    }
    return choose_uid(oa, to, r->moved_validity, r->moved_uid, uid, &ignored, why);
}

static bool
add_here(struct restore *r, struct open_account *oa, const struct index_mailbox *box,
         struct outcome *why)
{
    uint32_t uid;
    bool expunged;

    if (!choose_uid(oa, box, r->uid_validity, r->uid, &uid, &expunged, why))
        return false;
    if (r->bytes == NULL && expunged) /* the store was not asked, and the index knows */
        return true;
    return add_row(r, oa, box->id, uid, why);
}

/* It was moved: a row there, unless that mailbox is new to the index too; then the next look takes
 * it in. */
static bool
add_elsewhere(struct restore *r, struct open_account *oa, const struct index_mailbox *box,
              const char *where, struct outcome *why)
{
    bool is_ours = r->moved_to != NULL && strcmp(where, r->moved_to) == 0;
    struct index_mailbox other;
    uint32_t uid;
    bool found;

    if (box->uid_validity == r->uid_validity && !index_burn_uid(oa->index, box->id, r->uid, why))
        return false;
    if (!index_mailbox_find(oa->index, where, &other, why))
        return why->kind == OUTCOME_NOT_FOUND;
    if (!has_row(oa, other.id, r->part->ref.name, &found, why))
        return false;
    return found || ((is_ours ? choose_moved_uid(r, oa, &other, &uid, why)
                              : index_take_uid(oa->index, other.id, &uid, why)) &&
                     add_row(r, oa, other.id, uid, why));
}

static bool
write_row(struct restore *r, struct open_account *oa, const struct index_mailbox *box,
          const char *where, struct outcome *why)
{
    bool found;

    if (!has_row(oa, box->id, r->part->ref.name, &found, why))
        return false;
    if (!found && !(strcmp(where, box->name) == 0 ? add_here(r, oa, box, why)
                                                  : add_elsewhere(r, oa, box, where, why)))
        return false;
    for (uint32_t i = 0; i < r->part->key_count; i++)
        if (!index_ledger_add(oa->index, r->part->keys[i], r->message->id,
                              r->message->received.tv_sec, why))
            return false;
    return effects_apply(r->worker, oa, r->part->effects, r->message->id,
                         r->message->received.tv_sec, why);
}

static bool
restore_row(struct restore *r, struct open_account *oa, const struct index_mailbox *box,
            const char *where, struct outcome *why)
{
    r->added = false;
    if (!index_begin(oa->index, why))
        return false;
    oa->needs_mark = true;
    if (write_row(r, oa, box, where, why) && index_commit_unsynced(oa->index, why))
        return true;
    index_rollback(oa->index);
    return false;
}

/* ---- a part ---- */

static bool
find_mailbox(struct restore *r, struct open_account *oa, struct index_mailbox *box,
             struct outcome *why)
{
    if (r->plan != NULL)
        return restore_mailbox(r->worker, oa, r->plan, r->account, r->mailbox, box, why);
    if (strcmp(r->mailbox, "INBOX") != 0 && !store_mailbox_create(oa->store, r->mailbox, why) &&
        why->kind != OUTCOME_EXISTS)
        return false;
    return account_mailbox(r->worker, oa, r->mailbox, true, box, why);
}

static bool
restore_in(struct restore *r, struct open_account *oa, struct outcome *why)
{
    char where[STORE_MAILBOX_SIZE];
    struct index_mailbox box;

    if (!find_mailbox(r, oa, &box, why))
        return false;
    memcpy(where, box.name, sizeof where);
    return (r->bytes == NULL || restore_store(r, oa, where, why)) &&
           restore_row(r, oa, &box, where, why);
}

bool
restore_part(struct restore *r, struct outcome *why)
{
    struct open_account *oa;
    struct store_wait wait;
    enum account_result opened = account_look(r->worker, &r->part->account, true, &oa, &wait, why);

    if (opened == ACCOUNT_FAILED)
        return false;
    /* A hand is not needed for a row alone. */
    if (opened == ACCOUNT_LATER && (r->bytes != NULL || oa->loan.is_lent))
        return outcome_set(why, OUTCOME_BUSY, "%s is not ready", oa->key);
    bool ok = restore_in(r, oa, why) ||
              (account_recover_index(r->worker, oa, why) && restore_in(r, oa, why));
    if (ok)
        account_checkpoint(oa, WAL_MAX);
    return ok;
}

bool
restore_burn(struct open_account *oa, const char *mailbox, uint32_t uid_validity, uint32_t uid,
             struct outcome *why)
{
    struct index_mailbox box;

    if (!index_mailbox_find(oa->index, mailbox, &box, why))
        return why->kind == OUTCOME_NOT_FOUND;
    if (box.uid_validity != uid_validity)
        return true;
    if (!index_begin(oa->index, why))
        return false;
    oa->needs_mark = true;
    if (index_burn_uid(oa->index, box.id, uid, why) && index_commit_unsynced(oa->index, why))
        return true;
    index_rollback(oa->index);
    return false;
}

bool
restore_ledger(struct worker *w, struct open_account *oa, const struct record_ledger *l,
               struct outcome *why)
{
    if (!index_begin(oa->index, why))
        return false;
    bool ok = true;
    for (uint32_t i = 0; ok && i < l->key_count; i++)
        ok = index_ledger_add(oa->index, l->keys[i], l->id, (time_t)l->when, why);
    ok = ok && effects_apply(w, oa, l->effects, l->id, (time_t)l->when, why);
    if (ok && index_commit_unsynced(oa->index, why))
        return true;
    index_rollback(oa->index);
    return false;
}
