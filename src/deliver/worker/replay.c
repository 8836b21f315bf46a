/* SPDX-License-Identifier: MIT
 *
 * A replay: see replay_priv.h. Nobody looks at a mailbox meanwhile, and nothing is reconciled: what
 * a record holds gets its row from the record.
 */
#include "replay_priv.h"

#include <string.h>

#include "doorstep/arena.h"
#include "doorstep/log.h"

#include "kept_priv.h"
#include "mailboxes_priv.h"
#include "restore_priv.h"

#define RECORD_ARENA ((size_t)512 * 1024 * 1024)

struct replay {
    struct worker *worker;
    struct replay_plan *plan;
    struct replay_counts *counts;
    struct arena arena; /* of one record */
    size_t number;      /* of that record */
    bool again;         /* for accounts whose index was found damaged on the way */
};

/* ---- accounts ---- */

static bool
raise_modseq(struct open_account *oa, struct outcome *why)
{
    if (!index_begin(oa->index, why))
        return false;
    if (index_raise_modseq(oa->index, why) && index_commit_unsynced(oa->index, why))
        return true;
    index_rollback(oa->index);
    return false;
}

/* Renames and removals of mailboxes are durable before they are answered; one that a crash
 * interrupted is finished, for the records before it count on it. */
static bool
finish_rename(struct open_account *oa, const struct replay_rename *one, struct outcome *why)
{
    struct index_mailbox box;

    if (!index_mailbox_find(oa->index, one->from, &box, why))
        return why->kind == OUTCOME_NOT_FOUND;
    if (box.uid_validity != one->uid_validity || oa->store == NULL)
        return true;
    return one->is_removal ? mailbox_apply_delete(oa, &box, why)
                           : mailbox_apply_rename(oa, one->from, one->to, why);
}

static bool
begin_in(struct open_account *oa, const struct replay_account *ra, struct outcome *why)
{
    if (!raise_modseq(oa, why))
        return false;
    for (const struct replay_rename *one = ra->renames; one != NULL; one = one->next)
        if (!finish_rename(oa, one, why))
            return false;
    return true;
}

/* The account, open; what comes before its first record is done. A store that is still on its way
 * (a hand's) is NULL. NULL: `why`. */
static struct open_account *
open_account(struct replay *r, struct replay_account *ra, struct outcome *why)
{
    struct open_account *oa;
    struct store_wait wait;

    if (account_open(r->worker, &ra->account, true, &oa, &wait, why) == ACCOUNT_FAILED)
        return NULL;
    if (ra->is_begun)
        return oa;
    ra->is_begun = begin_in(oa, ra, why) ||
                   (account_recover_index(r->worker, oa, why) && begin_in(oa, ra, why));
    r->counts->accounts += ra->is_begun;
    return ra->is_begun ? oa : NULL;
}

/* Its account here and now, or NULL: another worker's, or not its turn. */
static struct replay_account *
account_of(struct replay *r, const struct account *a)
{
    if (!worker_has(r->worker, a->user, a->domain))
        return NULL;
    struct replay_account *ra = replay_plan_account(r->plan, a->user, a->domain);
    if (ra == NULL || r->number < ra->gone || (r->again && !ra->is_again))
        return NULL;
    return ra;
}

/* What was written into the index before it was found damaged is gone: once more from the first
 * record on. */
static void
note_renewal(struct replay *r, struct replay_account *ra)
{
    if (r->again)
        return;
    ra->is_again = true;
    ra->is_begun = false;
    kept_forget(r->worker, ra->account.user, ra->account.domain);
}

/* ---- messages ---- */

static void
burn(struct replay *r, struct replay_account *ra, const struct record_part *part)
{
    char mailbox[STORE_MAILBOX_SIZE];
    struct outcome why;

    if (!replay_plan_mailbox(ra, r->number, part->mailbox, mailbox))
        return;
    struct open_account *oa = open_account(r, ra, &why);
    if (oa == NULL || !restore_burn(oa, mailbox, part->uid_validity, part->uid, &why))
        log_event(LOG_LEVEL_WARNING, "uid_not_burned", "account", ra->key, "cause", why.cause,
                  NULL);
}

struct places {
    char mailbox[STORE_MAILBOX_SIZE], moved_to[STORE_MAILBOX_SIZE];
};

static void
use_destination(struct restore *one)
{
    one->mailbox = one->moved_to;
    one->uid_validity = one->moved_validity;
    one->uid = one->moved_uid;
    one->moved_to = NULL;
}

/* Where it belongs, as the mailboxes are called now. One that was moved is brought back to where it
 * was, for the change to move it; unless that mailbox is no more. false: it was deleted with its
 * mailbox. */
static bool
find_place(struct replay *r, const struct replay_account *ra, const struct replay_fate *fate,
           struct restore *one, struct places *p)
{
    const struct record_part *part = one->part;
    bool is_there = replay_plan_mailbox(ra, r->number, part->mailbox, p->mailbox);

    one->mailbox = p->mailbox;
    one->uid_validity = part->uid_validity;
    one->uid = part->uid;
    if (fate->to == NULL)
        return is_there;
    if (!replay_plan_mailbox(ra, fate->move - 1, fate->to->mailbox, p->moved_to))
        return false;
    one->moved_to = p->moved_to;
    one->moved_validity = fate->to->uid_validity;
    one->moved_uid = fate->to->uid;
    if (!is_there)
        use_destination(one);
    return true;
}

/* It waits for where it will be, whatever is moved meanwhile. */
static void
keep(struct replay *r, struct replay_account *ra, struct restore *one, const struct outcome *why)
{
    struct outcome failed = *why;

    r->counts->kept++;
    burn(r, ra, one->part);
    if (one->moved_to != NULL)
        use_destination(one);
    kept_add_message(r->worker, one, &failed);
}

static void
bring_back(struct replay *r, struct replay_account *ra, struct restore *one)
{
    struct outcome why;
    uint64_t renewals = r->worker->renewals;

    r->counts->messages++;
    one->may_wait = !ra->is_busy;
    if (open_account(r, ra, &why) == NULL || !restore_part(one, &why)) {
        ra->is_busy = ra->is_busy || why.kind == OUTCOME_BUSY;
        keep(r, ra, one, &why);
    }
    r->counts->rows += one->added;
    if (r->worker->renewals != renewals)
        note_renewal(r, ra);
}

/* unread: why there are no bytes, though they are needed; else NULL. */
static void
replay_part(struct replay *r, const struct record_message *m, const struct record_part *part,
            struct message *bytes, const struct outcome *unread)
{
    struct replay_account *ra = account_of(r, &part->account);
    struct places places;

    if (ra == NULL)
        return;
    const struct replay_fate *fate =
        replay_plan_fate(r->plan, part->account.user, part->account.domain, part->ref.name);
    if (fate == NULL || fate->message != r->number + 1)
        return; /* a later record brings it */
    struct restore one = {
        .worker = r->worker,
        .message = m,
        .part = part,
        .bytes = part->is_durable ? NULL : bytes,
        .plan = r->plan,
        .account = ra,
    };
    bool is_deleted = !find_place(r, ra, fate, &one, &places);
    r->counts->cancelled += fate->is_cancelled;
    r->counts->removed += fate->is_removed || is_deleted;
    if (fate->is_cancelled || fate->is_removed || is_deleted) {
        burn(r, ra, part);
        return;
    }
    if (unread == NULL || part->is_durable)
        bring_back(r, ra, &one);
    else
        keep(r, ra, &one, unread);
}

static bool
has_part(struct replay *r, const struct record_message *m)
{
    for (uint32_t i = 0; i < m->part_count; i++)
        if (account_of(r, &m->parts[i].account) != NULL)
            return true;
    return false;
}

static void
replay_message(struct replay *r, struct span record)
{
    struct record_message m;
    struct outcome why;
    bool gone;

    if (!record_message_unpack(&m, record, &r->arena) || !has_part(r, &m))
        return;
    struct message *bytes = restore_bytes(r->worker->with.settings->state_dir, &m, &gone, &why);
    const struct outcome *unread = bytes == NULL && !gone ? &why : NULL;
    for (uint32_t i = 0; i < m.part_count; i++)
        replay_part(r, &m, &m.parts[i], bytes, unread);
    message_unref(bytes);
}

/* ---- the ledger, and changes ---- */

static void
replay_ledger(struct replay *r, const struct replay_entry *e)
{
    struct record_ledger l;
    struct outcome why;

    if (!record_ledger_unpack(&l, e->at.record, &r->arena))
        return;
    struct replay_account *ra = account_of(r, &l.account);
    if (ra == NULL)
        return;
    struct open_account *oa = open_account(r, ra, &why);
    if (oa != NULL && restore_ledger(r->worker, oa, &l, &why))
        return;
    r->counts->kept++;
    kept_add_ledger(r->worker, &l, e->at.record, &why);
}

/* A message that was moved on is where it should be, though this change does not find it. */
static void
mark_moved_on(struct replay *r, const struct replay_account *ra, struct change *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct replay_fate *f =
            replay_plan_fate(r->plan, ra->account.user, ra->account.domain, c->list[i].name);
        c->list[i].is_elsewhere = f != NULL && f->move > r->number + 1;
    }
}

static bool
apply(struct replay *r, struct replay_account *ra, struct change *c, struct outcome *why)
{
    struct open_account *oa = open_account(r, ra, why);
    struct index_mailbox box;

    if (oa == NULL)
        return false;
    if (oa->store == NULL)
        return outcome_set(why, OUTCOME_BUSY, "%s waits for its hand", oa->key);
    if (c->kind == CHANGE_MOVE && !restore_mailbox(r->worker, oa, r->plan, ra, c->to, &box, why))
        return false;
    mark_moved_on(r, ra, c);
    return change_apply(oa, c, why);
}

/* Nothing else may be recorded of the account: what a crash left half-renamed is finished when it
 * is opened. */
static void
settle_mailboxes(struct replay *r, struct replay_account *ra)
{
    struct outcome why;

    if (open_account(r, ra, &why) == NULL)
        log_event(LOG_LEVEL_ERROR, "mailboxes_not_settled", "account", ra->key, "cause", why.cause,
                  NULL);
}

static void
replay_change(struct replay *r, const struct replay_entry *e)
{
    char mailbox[STORE_MAILBOX_SIZE], to[STORE_MAILBOX_SIZE];
    struct account account;
    struct change c;
    struct outcome why;

    if (e->is_undone || !record_change_unpack(&account, &c, e->at.record, &r->arena))
        return;
    struct replay_account *ra = account_of(r, &account);
    if (ra != NULL && (c.kind == CHANGE_RENAMED || c.kind == CHANGE_DELETED))
        settle_mailboxes(r, ra);
    if (ra == NULL || c.kind > CHANGE_REMOVE ||
        !replay_plan_mailbox(ra, r->number, c.mailbox, mailbox))
        return;
    if (!replay_plan_mailbox(ra, r->number, c.to, to))
        c.kind = CHANGE_REMOVE; /* moved to where everything was deleted later */
    c.mailbox = mailbox;
    c.to = to;
    r->counts->changes++;
    c.is_replayed = true;
    if (apply(r, ra, &c, &why))
        return;
    c.is_replayed = false;
    r->counts->kept++;
    kept_add_change(r->worker, &account, &c, &why);
}

/* ---- all of it ---- */

static void
replay_entry(struct replay *r, const struct replay_entry *e)
{
    if (e->is_broken)
        return;
    switch (e->at.type) {
    case RECORD_MESSAGE:
    case RECORD_KEPT:
        replay_message(r, e->at.record);
        break;
    case RECORD_LEDGER:
        replay_ledger(r, e);
        break;
    case RECORD_CHANGE:
        replay_change(r, e);
        break;
    }
}

static void
walk(struct replay *r)
{
    for (r->number = 0; r->number < r->plan->count; r->number++) {
        arena_init(&r->arena, RECORD_ARENA);
        replay_entry(r, &r->plan->entries[r->number]);
        arena_release(&r->arena);
    }
}

static void
end_account(struct replay *r, struct replay_account *ra)
{
    struct outcome why;
    struct open_account *oa = open_account(r, ra, &why);

    if (oa != NULL) {
        bool had_lost = index_has_lost_rows(oa->index);
        if (account_mend(r->worker, oa, &why) && index_mark(oa->index, &why)) {
            r->counts->renewed += had_lost;
            if (oa->store != NULL)
                store_restore_end(oa->store);
            return;
        }
    }
    log_event(LOG_LEVEL_ERROR, "account_not_settled", "account", ra->key, "cause", why.cause, NULL);
}

void
replay_run(struct worker *w, struct replay_plan *plan, struct replay_counts *counts)
{
    struct replay r = {.worker = w, .plan = plan, .counts = counts};
    struct replay_account *ra, *next;

    *counts = (struct replay_counts){0};
    walk(&r);
    HASH_ITER(hh, plan->accounts, ra, next)
    {
        r.again = r.again || (worker_has(w, ra->account.user, ra->account.domain) && ra->is_again);
    }
    if (r.again)
        walk(&r);
    HASH_ITER(hh, plan->accounts, ra, next)
    {
        if (worker_has(w, ra->account.user, ra->account.domain) && ra->is_begun)
            end_account(&r, ra);
    }
}
