/* SPDX-License-Identifier: MIT
 *
 * Mailboxes get another name, or go: see mailboxes_priv.h. Store first, index second.
 */
#include "mailboxes_priv.h"

#include <stdio.h>
#include <string.h>

#include "change_priv.h"

struct renaming {
    struct open_account *oa;
    const char *from, *to;
    struct {
        int64_t id;
        char name[STORE_MAILBOX_SIZE];
    } list[256]; /* the mailbox and what lies below it */
    size_t count;
    bool too_many;
};

static bool
on_candidate(void *arg, const struct index_mailbox *m)
{
    struct renaming *r = arg;
    size_t n = strlen(r->from);

    if (strncmp(m->name, r->from, n) != 0 || (m->name[n] != '\0' && m->name[n] != '/'))
        return true;
    if (r->count == sizeof r->list / sizeof r->list[0]) {
        r->too_many = true;
        return false;
    }
    int length = snprintf(r->list[r->count].name, STORE_MAILBOX_SIZE, "%s%s", r->to, m->name + n);
    r->list[r->count].id = m->id;
    r->too_many = length >= STORE_MAILBOX_SIZE;
    r->count++;
    return !r->too_many;
}

static bool
find_all(struct renaming *r, struct outcome *why)
{
    if (!index_mailbox_list(r->oa->index, on_candidate, r, why))
        return false;
    if (!r->too_many)
        return true;
    outcome_set(why, OUTCOME_BAD_REQUEST, NULL);
    outcome_say(why, "too many mailboxes below %s, or names too long", r->from);
    return false;
}

static bool
rename_rows(struct renaming *r, struct outcome *why)
{
    bool ok = index_begin(r->oa->index, why);

    for (size_t i = 0; ok && i < r->count; i++)
        ok = index_mailbox_rename(r->oa->index, r->list[i].id, r->list[i].name, why);
    ok = ok && index_commit(r->oa->index, why);
    if (!ok)
        index_rollback(r->oa->index);
    return ok;
}

static bool
rename_found(struct renaming *r, struct outcome *why)
{
    return store_mailbox_rename(r->oa->store, r->from, r->to, why) &&
           store_commit(r->oa->store, why) && rename_rows(r, why);
}

bool
mailbox_apply_rename(struct open_account *oa, const char *from, const char *to, struct outcome *why)
{
    struct renaming r = {.oa = oa, .from = from, .to = to};

    if (!find_all(&r, why))
        return false;
    if (!store_mailbox_rename(oa->store, from, to, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    return store_commit(oa->store, why) && rename_rows(&r, why);
}

bool
mailbox_apply_delete(struct open_account *oa, const struct index_mailbox *box, struct outcome *why)
{
    if (!store_mailbox_delete(oa->store, box->name, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    bool ok = store_commit(oa->store, why) && index_begin(oa->index, why) &&
              index_mailbox_delete(oa->index, box->id, why) && index_commit(oa->index, why);
    if (!ok)
        index_rollback(oa->index);
    return ok;
}

bool
mailbox_rename(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
               const char *to, struct outcome *why)
{
    struct renaming r = {.oa = oa, .from = box->name, .to = to};
    struct change c = {
        .kind = CHANGE_RENAMED, .mailbox = box->name, .uid_validity = box->uid_validity, .to = to};

    if (!find_all(&r, why) || (oa->is_journalled && !change_record(w, &oa->account, &c, why)))
        return false;
    if (rename_found(&r, why))
        return true;
    if (oa->is_journalled)
        change_undo(w, &oa->account, &c);
    return false;
}

bool
mailbox_delete(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
               struct outcome *why)
{
    struct change c = {
        .kind = CHANGE_DELETED, .mailbox = box->name, .uid_validity = box->uid_validity, .to = ""};

    if (oa->is_journalled && !change_record(w, &oa->account, &c, why))
        return false;
    if (mailbox_apply_delete(oa, box, why))
        return true;
    if (oa->is_journalled)
        change_undo(w, &oa->account, &c);
    return false;
}
