/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on what is said about mailboxes: special uses (RFC 6154) and annotations
 * (RFC 5464). A mailbox "" is the account as a whole.
 */
#include <string.h>

#include "operation_priv.h"

/* Commit, or take all back. */
static void
end(struct operation *op, struct open_account *oa, bool ok)
{
    op->failed = !ok || !index_commit(oa->index, &op->why);
    if (op->failed)
        index_rollback(oa->index);
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
    if (use != NULL && !index_use_check(use)) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "%s is no special use: those are like \\Junk", use);
        return;
    }
    oa = operation_account(op, w, false);
    if (oa == NULL || !operation_mailbox(op, w, oa, name, &box))
        return;
    op->failed = !index_begin(oa->index, &op->why);
    if (!op->failed)
        end(op, oa, index_mailbox_set_use(oa->index, box.id, use == NULL ? "" : use, &op->why));
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

/* NULL: op has failed, or comes again. *id 0: of the account as a whole. */
static struct open_account *
open_mailbox(struct operation *op, struct worker *w, int64_t *id)
{
    const char *name = json_string_value(json_object_get(op->args, "name"));
    struct open_account *oa = operation_account(op, w, false);
    struct index_mailbox box;

    *id = 0;
    if (oa == NULL || name == NULL || name[0] == '\0')
        return oa;
    if (!operation_mailbox(op, w, oa, name, &box))
        return NULL;
    *id = box.id;
    return oa;
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
    int64_t id;
    struct open_account *oa = open_mailbox(op, w, &id);

    if (oa != NULL)
        op->failed = !index_annotation_list(oa->index, id, on_annotation, op, &op->why);
}

void
operation_mailbox_annotate(struct operation *op, struct worker *w)
{
    const char *annotation = operation_text(op, "annotation");
    const json_t *value = json_object_get(op->args, "value");
    const struct span text = {json_string_value(value), json_string_length(value)};
    int64_t id;

    if (annotation == NULL)
        return;
    if (!is_annotation(annotation)) {
        operation_fail(op, OUTCOME_BAD_REQUEST,
                       "%s is no annotation: those begin with /private/ or /shared/", annotation);
        return;
    }
    struct open_account *oa = open_mailbox(op, w, &id);
    if (oa == NULL)
        return;
    op->failed = !index_begin(oa->index, &op->why);
    if (!op->failed)
        end(op, oa,
            index_annotation_set(oa->index, id, annotation, text.p == NULL ? NULL : &text,
                                 &op->why));
}
