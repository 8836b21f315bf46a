/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on what is said about mailboxes: special uses (RFC 6154) and annotations
 * (RFC 5464). A mailbox "" is the account as a whole.
 */
#include <string.h>

#include "account_personal_priv.h"
#include "operation_priv.h"

/* NULL: op has failed. */
static struct personal *
begin(struct operation *op, struct open_account *oa)
{
    struct personal *p = account_personal(oa, true, &op->why);

    op->failed = p == NULL || !personal_begin(p, &op->why);
    return op->failed ? NULL : p;
}

/* Commit, or take all back. */
static void
end(struct operation *op, struct personal *p, bool ok)
{
    op->failed = !ok || !personal_commit(p, &op->why);
    personal_rollback(p);
}

void
operation_mailbox_use(struct operation *op, struct worker *w)
{
    const char *name = operation_text(op, "name");
    const char *use = json_string_value(json_object_get(op->args, "use"));
    struct open_account *oa;
    struct index_mailbox box;

    if (name == NULL)
        return;
    if (use != NULL && !personal_use_check(use)) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "%s is no special use: those are like \\Junk", use);
        return;
    }
    oa = operation_account(op, w, false);
    if (oa == NULL || !operation_mailbox(op, w, oa, name, &box))
        return;
    struct personal *p = begin(op, oa);
    if (p != NULL)
        end(op, p, personal_use_set(p, box.name, use == NULL ? "" : use, &op->why));
    account_personal_close(oa);
}

/* RFC 5464 3.1, 3.2. */
static bool
is_annotation(const char *s)
{
    size_t n = strlen(s);

    if (strncasecmp(s, "/private/", 9) != 0 && strncasecmp(s, "/shared/", 8) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] < ' ' || s[i] > '~' || s[i] == '*' || s[i] == '%' ||
            (s[i] == '/' && (s[i + 1] == '/' || s[i + 1] == '\0')))
            return false;
    return n < 256;
}

/* NULL: op has failed, or comes again. box->name "": of the account as a whole. */
static struct open_account *
open_mailbox(struct operation *op, struct worker *w, struct index_mailbox *box)
{
    const char *name = json_string_value(json_object_get(op->args, "name"));
    struct open_account *oa = operation_account(op, w, false);

    *box = (struct index_mailbox){.name = ""};
    if (oa == NULL || name == NULL || name[0] == '\0')
        return oa;
    return operation_mailbox(op, w, oa, name, box) ? oa : NULL;
}

static bool
on_annotation(void *arg, const char *name, struct span value)
{
    struct operation *op = arg;

    operation_row(op, json_pack("{s:s, s:s%}", "annotation", name, "value", value.p, value.n));
    return true;
}

void
operation_mailbox_metadata(struct operation *op, struct worker *w)
{
    struct index_mailbox box;
    struct open_account *oa = open_mailbox(op, w, &box);

    if (oa == NULL)
        return;
    struct personal *p = account_personal(oa, false, &op->why);
    op->failed = p == NULL ? op->why.kind != OUTCOME_NOT_FOUND
                           : !personal_annotation_list(p, box.name, on_annotation, op, &op->why);
    account_personal_close(oa);
}

void
operation_mailbox_annotate(struct operation *op, struct worker *w)
{
    const char *annotation = operation_text(op, "annotation");
    const json_t *value = json_object_get(op->args, "value");
    const struct span text = {json_string_value(value), json_string_length(value)};
    struct index_mailbox box;

    if (annotation == NULL)
        return;
    if (!is_annotation(annotation)) {
        operation_fail(op, OUTCOME_BAD_REQUEST,
                       "%s is no annotation: those begin with /private/ or /shared/", annotation);
        return;
    }
    struct open_account *oa = open_mailbox(op, w, &box);
    struct personal *p = oa == NULL ? NULL : begin(op, oa);
    if (p == NULL)
        return;
    end(op, p,
        personal_annotation_set(p, box.name, annotation, text.p == NULL ? NULL : &text, &op->why));
    account_personal_close(oa);
}
