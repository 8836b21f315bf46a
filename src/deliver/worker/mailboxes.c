/* SPDX-License-Identifier: MIT
 *
 * Mailboxes get another name, or go: see mailboxes_priv.h. Store first, index last: as long as the
 * index has the old name, a replay does all of it again. What is said about a mailbox lies under
 * both names while the store renames it, so that no crash takes it away.
 */
#include "mailboxes_priv.h"

#include <stdio.h>
#include <string.h>

#include "doorstep/log.h"

#include "account_personal_priv.h"
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

/* What is said about a name that is no mailbox any more does no harm, until there is one again. */
static void
forget(struct open_account *oa, const char *mailbox, bool with_below)
{
    struct outcome why;

    if (!account_personal_forget(oa, mailbox, with_below, &why))
        log_event(LOG_LEVEL_WARNING, "mailbox_not_forgotten", "account", oa->key, "mailbox",
                  mailbox, "cause", why.cause, NULL);
}

static bool
end_rename(struct renaming *r, struct outcome *why)
{
    if (!store_commit(r->oa->store, why))
        return false;
    forget(r->oa, r->from, true);
    return rename_rows(r, why);
}

/* Was nothing done at all? */
static bool
is_refusal(const struct outcome *why)
{
    return why->kind == OUTCOME_EXISTS || why->kind == OUTCOME_NOT_FOUND ||
           why->kind == OUTCOME_BAD_REQUEST;
}

static bool
rename_found(struct renaming *r, struct outcome *why)
{
    if (!account_personal_copy(r->oa, r->from, r->to, why))
        return false;
    if (store_mailbox_rename(r->oa->store, r->from, r->to, why))
        return end_rename(r, why);
    for (size_t i = 0; is_refusal(why) && i < r->count; i++)
        forget(r->oa, r->list[i].name, false);
    return false;
}

/* What is said about another mailbox stays. */
static bool
is_free(const struct renaming *r, struct outcome *why)
{
    struct index_mailbox there;

    for (size_t i = 0; i < r->count; i++) {
        if (index_mailbox_find(r->oa->index, r->list[i].name, &there, why))
            return outcome_set(why, OUTCOME_EXISTS, NULL);
        if (why->kind != OUTCOME_NOT_FOUND)
            return false;
    }
    return true;
}

bool
mailbox_apply_rename(struct open_account *oa, const char *from, const char *to, struct outcome *why)
{
    struct renaming r = {.oa = oa, .from = from, .to = to};

    if (!find_all(&r, why) || !account_personal_copy(oa, from, to, why))
        return false;
    if (!store_mailbox_rename(oa->store, from, to, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    return end_rename(&r, why);
}

bool
mailbox_apply_delete(struct open_account *oa, const struct index_mailbox *box, struct outcome *why)
{
    if (!store_mailbox_delete(oa->store, box->name, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    if (!store_commit(oa->store, why))
        return false;
    forget(oa, box->name, false);
    bool ok = index_begin(oa->index, why) && index_mailbox_delete(oa->index, box->id, why) &&
              index_commit(oa->index, why);
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

    if (!find_all(&r, why) || !is_free(&r, why) ||
        (oa->is_journalled && !change_record(w, &oa->account, &c, why)))
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
