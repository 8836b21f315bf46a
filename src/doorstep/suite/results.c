/* SPDX-License-Identifier: MIT
 *
 * What came of a script: its actions, carried out or looked at, and the errors that were noted.
 */
#include "suite_priv.h"

#include <stdlib.h>

const struct sieve_tag index_tags[] = {
    {"index", SIEVE_TAKES_NUMBER, SIEVE_SLOT_OWN, 0, 0, NULL},
    {0},
};

/* ------------------------------------------------------------------ lists that are compared */

static enum sieve_truth
compare(struct sieve_run *r, const struct sieve_op *op, const char *const *values, uint32_t count)
{
    const struct sieve_tagged *index = sieve_op_tag(op, SIEVE_SLOT_OWN);
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[0]);
    enum sieve_truth truth = SIEVE_FALSE;

    if (m == NULL)
        return SIEVE_BROKEN;
    for (uint32_t i = 0; i < count && truth == SIEVE_FALSE; i++)
        if (index == NULL || index->value.number == i + 1)
            truth = sieve_match_value(m, span_of(values[i]));
    return sieve_match_end(m, truth);
}

enum sieve_truth
test_error(struct sieve_run *r, const struct sieve_op *op)
{
    const struct suite *s = suite_of(r);

    return compare(r, op, s->errors, s->error_count);
}

/* fileinto is a "store" here, both ways of refusing are a "reject". */
static const char *
name_of(const struct sieve_action *a)
{
    if (a->kind == SIEVE_FILEINTO)
        return "store";
    return a->kind == SIEVE_EREJECT ? "reject" : sieve_action_name(a->kind);
}

enum sieve_truth
test_result_action(struct sieve_run *r, const struct sieve_op *op)
{
    uint32_t count, listed = 0;
    const struct sieve_action *actions = sieve_run_actions(r, &count);
    const char **names = sieve_run_alloc(r, (count + 1) * sizeof(*names));

    if (names == NULL)
        return SIEVE_BROKEN;
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].kind != SIEVE_MARK)
            names[listed++] = name_of(&actions[i]);
    return compare(r, op, names, listed);
}

/* ------------------------------------------------------------------ commands */

enum sieve_truth
test_result_execute(struct sieve_run *r, const struct sieve_op *op)
{
    (void)op;
    return suite_execute(suite_of(r)) ? SIEVE_TRUE : SIEVE_FALSE;
}

/* Message, variables, flags, mailboxes and settings stay as they are. */
void
suite_result_reset(struct suite *s)
{
    sieve_run_reset(s->run);
    s->executed = 0;
    s->is_kept = s->has_piped = s->has_failed_try = false;
    s->letter_count = 0;
}

enum sieve_step
test_result_reset(struct sieve_run *r, const struct sieve_op *op)
{
    (void)op;
    suite_result_reset(suite_of(r));
    return SIEVE_GO;
}

enum sieve_step
test_result_print(struct sieve_run *r, const struct sieve_op *op)
{
    uint32_t count;
    const struct sieve_action *actions = sieve_run_actions(r, &count);
    FILE *out = suite_of(r)->out;

    (void)op;
    for (uint32_t i = 0; i < count; i++) {
        const char *to = actions[i].kind == SIEVE_REDIRECT ? actions[i].details.redirect.address
                                                           : actions[i].storage.mailbox;
        fprintf(out, "# %s%s%s\n", sieve_action_name(actions[i].kind), to == NULL ? "" : " ",
                to == NULL ? "" : to);
    }
    fprintf(out, "# implicit keep: %s\n", sieve_run_keeps(r) ? "yes" : "no");
    return SIEVE_GO;
}
