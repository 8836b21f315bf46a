/* SPDX-License-Identifier: MIT
 *
 * What operations say, and where they look: their arguments, rows and failures, the account and the
 * mailbox that they are about.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "operation_priv.h"
#include "reconcile_priv.h"

void
operation_fail(struct operation *op, enum outcome_kind kind, const char *text, ...)
{
    char line[sizeof op->why.text];
    va_list args;

    va_start(args, text);
    vsnprintf(line, sizeof line, text, args);
    va_end(args);
    outcome_set(&op->why, kind, NULL);
    outcome_say(&op->why, "%s", line);
    op->failed = true;
}

const char *
operation_text(struct operation *op, const char *name)
{
    const char *value = json_string_value(json_object_get(op->args, name));

    if (value == NULL || *value == '\0') {
        operation_fail(op, OUTCOME_BAD_REQUEST, "argument \"%s\" is missing", name);
        return NULL;
    }
    return value;
}

void
operation_row(struct operation *op, json_t *row)
{
    if (row == NULL || json_array_append_new(op->rows, row) != 0)
        operation_fail(op, OUTCOME_SYSTEM, "out of memory");
}

/* *oa: the current account, or NULL with op->more; false: op->why says why there is none. */
static bool
look_at_account(struct operation *op, struct worker *w, bool create, struct open_account **oa)
{
    struct store_wait wait;

    batch_finish(w);
    switch (account_look(w, &op->accounts[op->current], create, oa, &wait, &op->why)) {
    case ACCOUNT_OPEN:
        return true;
    case ACCOUNT_LATER:
        op->more = true;
        *oa = NULL;
        return true;
    case ACCOUNT_FAILED:
        break;
    }
    *oa = NULL;
    return false;
}

struct open_account *
operation_account_made(struct operation *op, struct worker *w)
{
    struct open_account *oa;

    if (!look_at_account(op, w, true, &oa))
        op->failed = true;
    return oa;
}

struct open_account *
operation_account(struct operation *op, struct worker *w, bool quiet)
{
    struct open_account *oa;

    if (look_at_account(op, w, false, &oa))
        return oa;
    if (op->why.kind != OUTCOME_NOT_FOUND)
        op->failed = true;
    else if (!quiet)
        operation_fail(op, OUTCOME_NOT_FOUND, "%s@%s has had no mail yet",
                       op->accounts[op->current].user, op->accounts[op->current].domain);
    return NULL;
}

bool
operation_mailbox(struct operation *op, struct worker *w, struct open_account *oa, const char *name,
                  struct index_mailbox *box)
{
    if (strcasecmp(name, "INBOX") == 0)
        name = "INBOX";
    bool found = account_mailbox(w, oa, name, false, box, &op->why);
    if (!found && op->why.kind == OUTCOME_NOT_FOUND)
        found = reconcile_folders(w, oa, &op->why) &&
                account_mailbox(w, oa, name, false, box, &op->why);
    if (found && reconcile_mailbox(oa, name, box, NULL, &op->why))
        return true;
    if (op->why.kind == OUTCOME_NOT_FOUND)
        operation_fail(op, OUTCOME_NOT_FOUND, "no mailbox %s in %s", name, oa->key);
    op->failed = true;
    return false;
}
