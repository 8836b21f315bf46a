/* SPDX-License-Identifier: MIT
 *
 * Every difference between an account's store and its index, found and, when asked, mended. Finding
 * changes nothing. The store is the truth for messages: what it holds gets a row, a row without a
 * message goes. One slice looks at one mailbox.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/table.h"

#include "content_priv.h"
#include "operation_priv.h"
#include "reconcile_priv.h"

#define FACTS_A_SLICE 100

struct row { /* one message as the index has it */
    UT_hash_handle hh;
    uint32_t uid;
    unsigned flags;
    uint64_t stored_octets;
    bool facts_known;
    char name[];
};

struct check {
    struct operation *op;
    struct open_account *oa;
    const char *mailbox;
    bool repair;
    struct row *rows;  /* uthash by name; what is left after the scan has no message */
    uint32_t *damaged; /* owned: UIDs whose bytes are not those that were delivered */
    size_t damaged_count;
    uint64_t messages, unseen;
    uint64_t wire_octets;
    bool failed; /* a row could not be looked at */
};

static void
report(struct check *c, const char *problem, const char *detail, bool repaired)
{
    c->op->problems++;
    c->op->repaired += repaired;
    operation_row(c->op, json_pack("{s:s, s:s, s:s, s:s, s:b}", "account", c->oa->key, "mailbox",
                                   c->mailbox, "problem", problem, "detail", detail, "repaired",
                                   (int)repaired));
}

static bool
remember_damaged(struct check *c, uint32_t uid)
{
    uint32_t *more = realloc(c->damaged, (c->damaged_count + 1) * sizeof *more);

    if (more == NULL)
        return outcome_set(&c->op->why, OUTCOME_SYSTEM, "no memory");
    c->damaged = more;
    c->damaged[c->damaged_count++] = uid;
    return true;
}

/* With --content: what other programs brought has no digest, and what is gone shows in the scan. */
static bool
check_content(struct check *c, const struct index_message *m)
{
    struct outcome reading = {0};
    bool same = true;

    if (*m->digest == '\0' || !json_is_true(json_object_get(c->op->args, "content")))
        return true;
    struct message *stored = store_read(c->oa->store, c->mailbox, m->ref.name, &reading);
    if (stored == NULL && reading.kind == OUTCOME_NOT_FOUND)
        return true;
    bool ok = stored != NULL && content_is_as_delivered(stored, m, &same, &reading);
    message_unref(stored);
    if (!ok) {
        c->op->why = reading;
        return false;
    }
    if (same)
        return true;
    report(c, "content differs", m->ref.name, c->repair);
    return remember_damaged(c, m->uid);
}

static bool
on_row(void *arg, const struct index_message *m)
{
    struct check *c = arg;
    size_t n = strlen(m->ref.name);
    struct row *r = check_content(c, m) ? calloc(1, sizeof *r + n + 1) : NULL;

    if (r == NULL) {
        c->failed = true;
        return false;
    }
    memcpy(r->name, m->ref.name, n + 1);
    r->uid = m->uid;
    r->flags = m->flags;
    r->stored_octets = m->ref.stored_octets;
    r->facts_known = m->facts_known;
    c->messages++;
    c->unseen += (m->flags & STORE_SEEN) == 0;
    c->wire_octets += m->octets;
    HASH_ADD_KEYPTR(hh, c->rows, r->name, n, r);
    if (r->hh.tbl == NULL) {
        free(r);
        return false;
    }
    return true;
}

static bool
on_entry(void *arg, const struct store_entry *e)
{
    struct check *c = arg;
    struct row *r;

    HASH_FIND(hh, c->rows, e->name, strlen(e->name), r);
    if (r == NULL) {
        report(c, "message without a row", e->name, c->repair);
        return !c->op->failed;
    }
    if (r->flags != e->flags && (store_can(c->oa->store) & STORE_CAN_FLAGS) != 0)
        report(c, "flags differ", e->name, c->repair);
    if (e->stored_octets != UINT64_MAX && e->stored_octets != r->stored_octets)
        report(c, "size differs", e->name, c->repair);
    if (!r->facts_known)
        report(c, "facts are missing", e->name, c->repair);
    HASH_DEL(c->rows, r);
    free(r);
    return !c->op->failed;
}

static void
report_left(struct check *c)
{
    struct row *r, *next;

    HASH_ITER(hh, c->rows, r, next)
    {
        if (!c->op->failed)
            report(c, "row without a message", r->name, c->repair);
        HASH_DEL(c->rows, r);
        free(r);
    }
}

static void
check_counts(struct check *c, const struct index_mailbox *box)
{
    char detail[128];

    if (box->messages == c->messages && box->unseen == c->unseen && box->octets == c->wire_octets)
        return;
    snprintf(detail, sizeof detail,
             "%llu messages, %llu unseen, %llu octets; counted %llu, %llu, %llu",
             (unsigned long long)box->messages, (unsigned long long)box->unseen,
             (unsigned long long)box->octets, (unsigned long long)c->messages,
             (unsigned long long)c->unseen, (unsigned long long)c->wire_octets);
    report(c, "counts differ", detail, c->repair);
}

static bool
find_differences(struct check *c, const struct index_mailbox *box)
{
    struct outcome *why = &c->op->why;
    bool ok = index_message_list(c->oa->index, box->id, 1, false, on_row, c, why) && !c->failed &&
              store_scan(c->oa->store, c->mailbox, on_entry, c, why);

    if (ok)
        check_counts(c, box);
    report_left(c);
    c->op->messages += c->messages;
    return ok;
}

/* A row whose size or digest is wrong stands for other bytes than those it describes: it goes, and
 * the message comes in anew. */
struct resized {
    struct open_account *oa;
    struct outcome *why;
    struct check *c;
    int64_t mailbox;
    bool ok;
};

static bool
on_resized(void *arg, const struct store_entry *e)
{
    struct resized *r = arg;
    struct arena arena;
    struct index_message m;

    if (e->stored_octets == UINT64_MAX)
        return true;
    arena_init(&arena, 4 * 1024 * 1024);
    if (index_message_find_ref(r->oa->index, r->mailbox, e->name, &arena, &m, r->why) &&
        m.ref.stored_octets != e->stored_octets)
        r->ok = index_expunge(r->oa->index, r->mailbox, m.uid, r->why);
    arena_release(&arena);
    return r->ok;
}

static bool
drop_damaged(struct check *c, const struct index_mailbox *box)
{
    for (size_t i = 0; i < c->damaged_count; i++)
        if (!index_expunge(c->oa->index, box->id, c->damaged[i], &c->op->why))
            return false;
    return true;
}

static bool
drop_resized(struct check *c, const struct index_mailbox *box)
{
    struct outcome *why = &c->op->why;
    struct resized r = {c->oa, why, c, box->id, true};

    bool ok = index_begin(c->oa->index, why) && drop_damaged(c, box) &&
              store_scan(c->oa->store, c->mailbox, on_resized, &r, why) && r.ok &&
              index_mailbox_recount(c->oa->index, box->id, why) &&
              index_mailbox_set_stamp(c->oa->index, box->id, 0, why) &&
              index_commit(c->oa->index, why);
    if (!ok)
        index_rollback(c->oa->index);
    return ok;
}

static bool
mend(struct check *c, struct worker *w, struct index_mailbox *box)
{
    struct outcome *why = &c->op->why;
    uint32_t from = 1;

    if (!drop_resized(c, box) || !index_mailbox_find(c->oa->index, c->mailbox, box, why) ||
        !reconcile_mailbox(c->oa, c->mailbox, box, NULL, why))
        return false;
    while (from != 0)
        if (!reconcile_facts(w, c->oa, box, FACTS_A_SLICE, &from, why))
            return false;
    return true;
}

static bool
check_mailbox(struct operation *op, struct worker *w, struct open_account *oa, const char *name,
              bool repair)
{
    struct check c = {.op = op, .oa = oa, .mailbox = name, .repair = repair};
    struct index_mailbox box;
    uint64_t before = op->problems;

    if (!account_mailbox(w, oa, name, false, &box, &op->why)) {
        if (op->why.kind != OUTCOME_NOT_FOUND)
            return false;
        report(&c, "mailbox without a row", name, repair);
        return !repair || (account_mailbox(w, oa, name, true, &box, &op->why) && mend(&c, w, &box));
    }
    bool ok =
        find_differences(&c, &box) && (!repair || op->problems == before || mend(&c, w, &box));
    free(c.damaged);
    return ok;
}

struct names {
    json_t *list;
};

static bool
on_stored(void *arg, const char *mailbox)
{
    struct names *n = arg;

    return json_array_append_new(n->list, json_string(mailbox)) == 0;
}

static bool
has_name(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    return false;
}

static bool
on_indexed(void *arg, const struct index_mailbox *m)
{
    struct names *n = arg;

    return has_name(n->list, m->name) || json_array_append_new(n->list, json_string(m->name)) == 0;
}

struct readable {
    struct operation *op;
    struct open_account *oa;
    bool ok;
};

static bool
on_readable(void *arg, const struct index_message *m)
{
    (void)arg;
    return m != NULL;
}

static bool
on_mailbox(void *arg, const struct index_mailbox *m)
{
    struct readable *r = arg;

    r->ok = index_message_list(r->oa->index, m->id, 1, true, on_readable, NULL, &r->op->why);
    return r->ok;
}

/* The index itself: SQLite's own check, which does not know what a row may hold, and every row.
 * A damaged one is begun anew from the store. */
static bool
check_index(struct operation *op, struct worker *w, struct open_account *oa, bool repair)
{
    struct check c = {.op = op, .oa = oa, .mailbox = "", .repair = repair};
    struct readable r = {op, oa, true};

    if (index_check(oa->index, true, &op->why) &&
        index_mailbox_list(oa->index, on_mailbox, &r, &op->why) && r.ok)
        return true;
    if (op->why.kind != OUTCOME_CORRUPT)
        return false;
    report(&c, "index is damaged", op->why.cause, repair);
    return repair && account_renew_index(w, oa, &op->why);
}

/* Rows of mailboxes that the store does not have. */
static bool
check_vanished(struct operation *op, struct worker *w, struct open_account *oa,
               const json_t *stored, const json_t *all, bool repair)
{
    bool found = false;

    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *name = json_string_value(json_array_get(all, i));
        struct check c = {.op = op, .oa = oa, .mailbox = name};
        if (has_name(stored, name) || strcmp(name, "INBOX") == 0)
            continue;
        report(&c, "row of a mailbox that is gone", name, repair);
        found = true;
    }
    return !found || !repair || reconcile_folders(w, oa, &op->why);
}

static bool
check_account(struct operation *op, struct worker *w, struct open_account *oa, bool repair)
{
    struct names stored = {json_array()}, all = {NULL};

    bool ok = check_index(op, w, oa, repair) &&
              store_mailbox_list(oa->store, on_stored, &stored, &op->why);
    all.list = json_copy(stored.list);
    ok = ok && index_mailbox_list(oa->index, on_indexed, &all, &op->why);
    for (size_t i = 0; ok && !op->failed && i < json_array_size(stored.list); i++)
        ok = check_mailbox(op, w, oa, json_string_value(json_array_get(stored.list, i)), repair);
    ok = ok && check_vanished(op, w, oa, stored.list, all.list, repair);
    json_decref(stored.list);
    json_decref(all.list);
    return ok;
}

void
operation_fsck(struct operation *op, struct worker *w)
{
    bool repair = json_is_true(json_object_get(op->args, "repair"));
    struct open_account *oa = operation_account(op, w, true);

    if (op->more || op->failed)
        return;
    if (oa != NULL && !check_account(op, w, oa, repair))
        op->failed = op->failed || op->why.kind != OUTCOME_CORRUPT || repair;
    op->done++;
    json_decref(op->ok);
    op->ok = json_pack("{s:I, s:I, s:I, s:I}", "accounts", (json_int_t)op->done, "messages",
                       (json_int_t)op->messages, "problems", (json_int_t)op->problems, "repaired",
                       (json_int_t)op->repaired);
}
