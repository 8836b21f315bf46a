/* SPDX-License-Identifier: MIT
 *
 * The first look at the journals: see replay_plan_priv.h. Two passes: changes that were undone are
 * known by records behind them.
 */
#include "replay_plan_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "doorstep/arena.h"
#include "doorstep/log.h"

#define RECORD_ARENA ((size_t)512 * 1024 * 1024) /* a million parts of one message */

struct replay_undone {
    char id[ID_SIZE];
    UT_hash_handle hh;
};

struct reading {
    struct replay_plan *plan;
    struct arena arena; /* of one record */
    size_t number;
    bool failed; /* no memory */
};

/* ---- accounts and messages ---- */

static struct replay_fate *
make_fate(struct reading *r, const struct account *a, const char *name)
{
    struct replay_plan *p = r->plan;
    uint64_t key = replay_message_key(p, a->user, a->domain, name);
    struct replay_fate *f;

    HASH_FIND(hh, p->fates, &key, sizeof key, f);
    if (f != NULL)
        return f;
    f = calloc(1, sizeof *f);
    if (f != NULL) {
        f->key = key;
        HASH_ADD(hh, p->fates, key, sizeof f->key, f);
        if (f->hh.tbl != NULL)
            return f;
        free(f);
    }
    r->failed = true;
    return NULL;
}

static struct replay_account *
make_account(struct reading *r, const struct account *account)
{
    struct replay_plan *p = r->plan;
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    size_t n = replay_account_key(key, account->user, account->domain);
    struct replay_account *a;

    HASH_FIND(hh, p->accounts, key, n, a);
    if (a == NULL && (a = calloc(1, sizeof *a + n + 1)) != NULL) {
        memcpy(a->key, key, n);
        HASH_ADD_KEYPTR(hh, p->accounts, a->key, n, a);
        if (a->hh.tbl == NULL) {
            free(a);
            a = NULL;
        }
    }
    if (a == NULL)
        r->failed = true;
    else
        a->account = *account;
    return a;
}

static void
note_mailbox(struct reading *r, struct replay_account *a, const char *name, uint32_t validity)
{
    struct replay_mailbox *m;

    LL_FOREACH(a->mailboxes, m)
    {
        if (strcmp(m->name, name) == 0)
            break;
    }
    if (m == NULL && (m = calloc(1, sizeof *m)) != NULL) {
        snprintf(m->name, sizeof m->name, "%s", name);
        m->uid_validity = validity;
        m->first = r->number;
        LL_PREPEND(a->mailboxes, m);
    }
    if (m == NULL) {
        r->failed = true;
        return;
    }
    m->is_ambiguous = m->is_ambiguous || m->uid_validity != validity;
    if (m->highest < validity)
        m->highest = validity;
}

/* ---- records ---- */

static bool
read_message(struct reading *r, struct span record, bool is_kept)
{
    struct record_message m;

    if (!record_message_unpack(&m, record, &r->arena))
        return false;
    for (uint32_t i = 0; !r->failed && i < m.part_count; i++) {
        const struct record_part *part = &m.parts[i];
        struct replay_account *a = make_account(r, &part->account);
        struct replay_fate *f = make_fate(r, &part->account, part->ref.name);
        if (a == NULL || f == NULL)
            break;
        if (!is_kept) /* it was promised long ago */
            note_mailbox(r, a, part->mailbox, part->uid_validity);
        f->message = r->number + 1;
    }
    return true;
}

static bool
read_cancel(struct reading *r, struct span record)
{
    struct record_cancel cancel;
    struct account a = {0};

    if (!record_cancel_unpack(&cancel, record))
        return false;
    memcpy(a.user, cancel.user, sizeof a.user);
    memcpy(a.domain, cancel.domain, sizeof a.domain);
    struct replay_fate *f = make_fate(r, &a, cancel.name);
    if (f != NULL)
        f->is_cancelled = true;
    return true;
}

static bool
read_ledger(struct reading *r, struct span record)
{
    struct record_ledger ledger;

    if (!record_ledger_unpack(&ledger, record, &r->arena))
        return false;
    make_account(r, &ledger.account);
    return true;
}

static void
note_move(struct reading *r, struct replay_fate *f, const struct change *c, uint32_t uid)
{
    if (f->to == NULL)
        f->to = calloc(1, sizeof *f->to);
    if (f->to == NULL) {
        r->failed = true;
        return;
    }
    f->move = r->number + 1;
    f->to->uid_validity = c->to_validity;
    f->to->uid = uid;
    snprintf(f->to->mailbox, sizeof f->to->mailbox, "%s", c->to);
}

static void
note_messages(struct reading *r, struct replay_account *a, const struct change *c)
{
    if (c->kind == CHANGE_MOVE)
        note_mailbox(r, a, c->to, c->to_validity);
    for (uint32_t i = 0; i < c->count; i++) {
        struct replay_fate *f = make_fate(r, &a->account, c->list[i].name);
        if (f == NULL)
            return;
        if (c->kind == CHANGE_REMOVE)
            f->is_removed = true;
        else if (c->kind == CHANGE_MOVE)
            note_move(r, f, c, c->list[i].to_uid);
    }
}

static void
note_rename(struct reading *r, struct replay_account *a, const struct change *c)
{
    struct replay_rename *one = calloc(1, sizeof *one);

    if (one == NULL) {
        r->failed = true;
        return;
    }
    one->number = r->number;
    one->is_removal = c->kind == CHANGE_DELETED;
    one->uid_validity = c->uid_validity;
    snprintf(one->from, sizeof one->from, "%s", c->mailbox);
    snprintf(one->to, sizeof one->to, "%s", c->to);
    LL_APPEND(a->renames, one);
}

static void
note_change(struct reading *r, struct replay_account *a, const struct change *c)
{
    switch (c->kind) {
    case CHANGE_FLAGS:
    case CHANGE_MOVE:
    case CHANGE_REMOVE:
        note_messages(r, a, c);
        break;
    case CHANGE_RENAMED:
    case CHANGE_DELETED:
        note_rename(r, a, c);
        break;
    case CHANGE_GONE:
        a->gone = r->number;
        break;
    case CHANGE_VALIDITY:
        a->renewed = r->number;
        break;
    case CHANGE_UNDONE:
        break;
    }
}

static bool
read_change(struct reading *r, struct replay_entry *e)
{
    struct account account;
    struct change c;
    struct replay_undone *undone;

    if (!record_change_unpack(&account, &c, e->at.record, &r->arena))
        return false;
    HASH_FIND(hh, r->plan->undone, c.id, sizeof c.id, undone);
    e->is_undone = c.kind == CHANGE_UNDONE || undone != NULL;
    struct replay_account *a = e->is_undone ? NULL : make_account(r, &account);
    if (a != NULL)
        note_change(r, a, &c);
    return true;
}

static bool
read_one(struct reading *r, struct replay_entry *e)
{
    switch (e->at.type) {
    case RECORD_MESSAGE:
    case RECORD_KEPT:
        return read_message(r, e->at.record, e->at.type == RECORD_KEPT);
    case RECORD_CANCEL:
        return read_cancel(r, e->at.record);
    case RECORD_LEDGER:
        return read_ledger(r, e->at.record);
    case RECORD_CHANGE:
        return read_change(r, e);
    }
    return false;
}

/* ---- passes ---- */

static void
note_damage(struct replay_plan *p, const char *file)
{
    for (size_t i = 0; i < p->damaged_count; i++)
        if (strcmp(p->damaged_files[i], file) == 0)
            return;
    char **more = realloc(p->damaged_files, (p->damaged_count + 1) * sizeof *more);
    if (more != NULL)
        p->damaged_files = more;
    if (more != NULL && (more[p->damaged_count] = strdup(file)) != NULL)
        p->damaged_count++;
}

static void
log_finding(const char *event, enum log_level level, const char *file, uint64_t offset)
{
    log_event(level, event, "file", file, "offset", log_num((long long)offset), NULL);
}

static void
on_finding(void *arg, enum journal_finding what, const char *file, uint64_t offset)
{
    struct replay_plan *p = ((struct reading *)arg)->plan;

    switch (what) {
    case JOURNAL_TORN: /* not acknowledged: no loss */
        p->torn++;
        log_finding("journal_torn", LOG_LEVEL_INFO, file, offset);
        break;
    case JOURNAL_DAMAGED:
        p->damaged++;
        log_finding("journal_damaged", LOG_LEVEL_ERROR, file, offset);
        note_damage(p, file);
        break;
    case JOURNAL_UNKNOWN:
        p->unknown++;
        log_finding("journal_unknown", LOG_LEVEL_WARNING, file, offset);
        break;
    }
}

static void
note_undone(struct reading *r, const struct journal_entry *e)
{
    struct replay_undone *undone = NULL;
    struct account account;
    struct change c;

    if (!record_change_unpack(&account, &c, e->record, &r->arena) || c.kind != CHANGE_UNDONE)
        return;
    HASH_FIND(hh, r->plan->undone, c.id, sizeof c.id, undone);
    if (undone != NULL)
        return;
    undone = calloc(1, sizeof *undone);
    r->failed = undone == NULL;
    if (undone == NULL)
        return;
    memcpy(undone->id, c.id, sizeof undone->id);
    HASH_ADD(hh, r->plan->undone, id, sizeof undone->id, undone);
}

/* The first pass: the list, and what was undone. */
static bool
on_record(void *arg, const struct journal_entry *e)
{
    struct reading *r = arg;
    struct replay_plan *p = r->plan;

    if (p->count == p->room) {
        size_t room = p->room > 0 ? 2 * p->room : 256;
        struct replay_entry *more = reallocarray(p->entries, room, sizeof *more);
        if (more == NULL) {
            r->failed = true;
            return false;
        }
        p->entries = more;
        p->room = room;
    }
    p->entries[p->count++] = (struct replay_entry){.at = *e};
    if (e->type == RECORD_CHANGE)
        note_undone(r, e);
    arena_release(&r->arena);
    arena_init(&r->arena, RECORD_ARENA);
    return !r->failed;
}

static void
read_all(struct reading *r)
{
    struct replay_plan *p = r->plan;

    for (r->number = 0; !r->failed && r->number < p->count; r->number++) {
        struct replay_entry *e = &p->entries[r->number];
        e->is_broken = !read_one(r, e);
        if (e->is_broken) {
            p->broken++;
            log_finding("journal_record_unreadable", LOG_LEVEL_ERROR, e->at.file, e->at.offset);
            note_damage(p, e->at.file);
        }
        arena_release(&r->arena);
        arena_init(&r->arena, RECORD_ARENA);
    }
}

struct replay_plan *
replay_plan_new(struct journal_reader *reader, struct outcome *why)
{
    static const struct journal_hooks hooks = {on_record, on_finding};
    struct reading r = {.plan = calloc(1, sizeof *r.plan)};

    if (r.plan != NULL) {
        arena_init(&r.arena, RECORD_ARENA);
        randombytes_buf(r.plan->salt, sizeof r.plan->salt);
        journal_reader_run(reader, &hooks, &r);
        read_all(&r);
        arena_release(&r.arena);
        if (!r.failed)
            return r.plan;
        replay_plan_free(r.plan);
    }
    outcome_set(why, OUTCOME_SYSTEM, "no memory for what the journal says");
    return NULL;
}

/* ---- end ---- */

static void
free_account(struct replay_account *a)
{
    struct replay_mailbox *m, *next_mailbox;
    struct replay_rename *r, *next_rename;

    LL_FOREACH_SAFE(a->mailboxes, m, next_mailbox)
    {
        free(m);
    }
    LL_FOREACH_SAFE(a->renames, r, next_rename)
    {
        free(r);
    }
    free(a);
}

void
replay_plan_free(struct replay_plan *p)
{
    struct replay_fate *f, *next_fate;
    struct replay_account *a, *next_account;
    struct replay_undone *u, *next_undone;

    if (p == NULL)
        return;
    HASH_ITER(hh, p->fates, f, next_fate)
    {
        HASH_DEL(p->fates, f);
        free(f->to);
        free(f);
    }
    HASH_ITER(hh, p->accounts, a, next_account)
    {
        HASH_DEL(p->accounts, a);
        free_account(a);
    }
    HASH_ITER(hh, p->undone, u, next_undone)
    {
        HASH_DEL(p->undone, u);
        free(u);
    }
    for (size_t i = 0; i < p->damaged_count; i++)
        free(p->damaged_files[i]);
    free(p->damaged_files);
    free(p->entries);
    free(p);
}
