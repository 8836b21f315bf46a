/* SPDX-License-Identifier: MIT
 *
 * Mailboxes of deliveries: see target_priv.h. What the index knows is not looked for in the store:
 * a message more a second in the same mailbox must not cost it a folder's sync.
 */
#include "target_priv.h"

#include <string.h>

#include "doorstep/log.h"

#include "account_personal_priv.h"
#include "reconcile_priv.h"

static bool
take(struct delivery *d, const struct index_mailbox *box)
{
    d->mailbox = strcmp(d->into, "INBOX") == 0 ? 0 : box->id;
    d->uid_validity = box->uid_validity;
    return true;
}

/* RFC 8579 4.1: what is made for a special use gets it. */
static bool
mark_use(struct delivery *d)
{
    if (d->wanted->special_use[0] == '\0')
        return true;
    struct personal *p = account_personal(d->account, true, &d->why);
    if (p == NULL || !personal_begin(p, &d->why))
        return false;
    bool ok = personal_use_set(p, d->into, d->wanted->special_use, &d->why) &&
              personal_commit(p, &d->why);
    if (!ok)
        personal_rollback(p);
    return ok;
}

static bool
make(struct worker *w, struct delivery *d, struct index_mailbox *box)
{
    struct open_account *oa = d->account;

    if (!store_mailbox_name_check(d->into))
        return outcome_set(&d->why, OUTCOME_BAD_REQUEST, "no mailbox can have that name");
    bool is_new = store_mailbox_create(oa->store, d->into, &d->why);
    if (!is_new && d->why.kind != OUTCOME_EXISTS)
        return false;
    return store_commit(oa->store, &d->why) &&
           account_mailbox(w, oa, d->into, true, box, &d->why) &&
           (!is_new || d->wanted == NULL || mark_use(d));
}

/* Another program may have made it. */
static bool
look_again(struct worker *w, struct delivery *d, struct index_mailbox *box)
{
    return reconcile_folders(w, d->account, &d->why) &&
           index_mailbox_find(d->account->index, d->into, box, &d->why);
}

static bool
use_inbox(struct delivery *d)
{
    log_event(LOG_LEVEL_WARNING, "mailbox_not_found", "id", d->source->id, "account",
              d->account->key, "mailbox", d->into, "cause", d->why.cause, "effect",
              "delivered to INBOX", NULL);
    d->into = "INBOX";
    d->mailbox = 0;
    return true;
}

struct using
{
    struct delivery *d;
    struct index_mailbox *box;
    bool is_found, is_named, failed;
};

/* What is said of a name that is no mailbox counts not. */
static bool
on_use(void *arg, const char *mailbox)
{
    struct using *u = arg;
    bool is_named = strcmp(mailbox, u->d->into) == 0;
    struct index_mailbox one;

    if (u->is_found && !is_named)
        return true;
    if (index_mailbox_find(u->d->account->index, mailbox, &one, &u->d->why)) {
        *u->box = one;
        u->is_found = true;
        u->is_named = is_named;
    } else {
        u->failed = u->d->why.kind != OUTCOME_NOT_FOUND;
    }
    return !u->is_named && !u->failed;
}

/* RFC 8579 4: of several mailboxes with that use, the named one, else the first by name. */
static bool
find_use(struct delivery *d, const char *use, struct index_mailbox *box)
{
    struct using u = {.d = d, .box = box};
    struct personal *p = account_personal(d->account, false, &d->why);

    if (p == NULL || !personal_use_list(p, use, on_use, &u, &d->why) || u.failed)
        return false;
    return u.is_found || outcome_set(&d->why, OUTCOME_NOT_FOUND, NULL);
}

/* By its id, else by its use. */
static bool
find_wanted(struct delivery *d, struct index_mailbox *box)
{
    struct wanted_mailbox *want = d->wanted;
    struct index *ix = d->account->index;
    bool found = outcome_set(&d->why, OUTCOME_NOT_FOUND, NULL);

    if (want->mailbox_id[0] != '\0')
        found = index_mailbox_find_object(ix, want->mailbox_id, box, &d->why);
    if (!found && d->why.kind == OUTCOME_NOT_FOUND && want->special_use[0] != '\0')
        found = find_use(d, want->special_use, box);
    if (found) {
        memcpy(want->name, box->name, sizeof want->name);
        d->into = want->name;
    }
    return found;
}

bool
target_find(struct worker *w, struct delivery *d)
{
    struct index_mailbox box;

    d->into = delivery_mailbox(d);
    if (d->wanted != NULL && find_wanted(d, &box))
        return take(d, &box);
    if (d->wanted != NULL && d->why.kind != OUTCOME_NOT_FOUND)
        return false;
    if (index_mailbox_find(d->account->index, d->into, &box, &d->why))
        return take(d, &box);
    if (d->why.kind != OUTCOME_NOT_FOUND)
        return false;
    bool is_found = d->may_create ? make(w, d, &box) : look_again(w, d, &box);
    if (is_found)
        return take(d, &box);
    return d->why.kind != OUTCOME_CORRUPT && d->why.kind != OUTCOME_UNREADABLE && use_inbox(d);
}

bool
target_renew(struct worker *w, struct delivery *d)
{
    struct index_mailbox box;

    return d->mailbox != 0 && make(w, d, &box) && take(d, &box);
}
