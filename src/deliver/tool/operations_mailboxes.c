/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on mailboxes: store first, index second. A crash in between leaves a folder
 * that the next reconcile takes in, or a row that it removes.
 */
#include <stdio.h>
#include <string.h>

#include "account_personal_priv.h"
#include "mailboxes_priv.h"
#include "operation_priv.h"
#include "reconcile_priv.h"

struct listing {
    struct operation *op;
    struct worker *w;
    struct open_account *oa;
    json_t *names;
};

static bool
on_name(void *arg, const struct index_mailbox *m)
{
    struct listing *l = arg;

    return json_array_append_new(l->names, json_string(m->name)) == 0;
}

static void
list_mailbox(struct listing *l, const char *name)
{
    char use[PERSONAL_USE_SIZE];
    struct index_mailbox m;

    if (!operation_mailbox(l->op, l->w, l->oa, name, &m))
        return;
    account_personal_use(l->oa, name, use);
    operation_row(l->op,
                  json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "name", m.name,
                            "uid_validity", (json_int_t)m.uid_validity, "uid_next",
                            (json_int_t)m.uid_next, "highest_modseq", (json_int_t)m.highest_modseq,
                            "messages", (json_int_t)m.messages, "unseen", (json_int_t)m.unseen,
                            "octets", (json_int_t)m.octets, "special_use", use, "id", m.object_id));
}

void
operation_mailbox_list(struct operation *op, struct worker *w)
{
    struct listing l = {.op = op, .w = w, .oa = operation_account(op, w, true)};

    if (l.oa == NULL)
        return;
    l.names = json_array();
    bool ok = l.names != NULL && reconcile_folders(w, l.oa, &op->why) &&
              index_mailbox_list(l.oa->index, on_name, &l, &op->why);
    for (size_t i = 0; ok && !op->failed && i < json_array_size(l.names); i++)
        list_mailbox(&l, json_string_value(json_array_get(l.names, i)));
    account_personal_close(l.oa);
    op->failed = op->failed || !ok;
    json_decref(l.names);
}

static const char *
mailbox_argument(struct operation *op, const char *argument)
{
    const char *name = operation_text(op, argument);

    if (name == NULL)
        return NULL;
    if (strcasecmp(name, "INBOX") == 0) {
        operation_fail(op, OUTCOME_BAD_REQUEST,
                       "INBOX is always there: it is not created, renamed or deleted");
        return NULL;
    }
    if (!store_mailbox_name_check(name)) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "a mailbox cannot be called \"%s\"", name);
        return NULL;
    }
    return name;
}

/* A new account's first mailbox may be made before its first mail. */
void
operation_mailbox_create(struct operation *op, struct worker *w)
{
    const char *name = mailbox_argument(op, "name");
    struct open_account *oa = name == NULL ? NULL : operation_account_made(op, w);
    struct index_mailbox m;

    if (oa == NULL)
        return;
    op->failed = !store_mailbox_create(oa->store, name, &op->why) ||
                 !store_commit(oa->store, &op->why) ||
                 !account_mailbox(w, oa, name, true, &m, &op->why);
}

void
operation_mailbox_rename(struct operation *op, struct worker *w)
{
    const char *from = mailbox_argument(op, "from");
    const char *to = from == NULL ? NULL : mailbox_argument(op, "to");
    struct open_account *oa = to == NULL ? NULL : operation_account(op, w, false);
    struct index_mailbox box;

    if (oa == NULL || !operation_mailbox(op, w, oa, from, &box))
        return;
    op->failed = !mailbox_rename(w, oa, &box, to, &op->why);
}

void
operation_mailbox_delete(struct operation *op, struct worker *w)
{
    const char *name = mailbox_argument(op, "name");
    struct open_account *oa = name == NULL ? NULL : operation_account(op, w, false);
    struct index_mailbox box;

    if (oa == NULL || !operation_mailbox(op, w, oa, name, &box))
        return;
    op->failed = !mailbox_delete(w, oa, &box, &op->why);
}
