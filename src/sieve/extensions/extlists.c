/* SPDX-License-Identifier: MIT
 *
 * RFC 6134: lists that are kept outside of scripts: the match type :list, valid_ext_list and
 * redirect :list (whose action names the list; the host knows its members).
 */
#include "../extensions_priv.h"

#include "../match_priv.h"

enum sieve_truth
match_list(struct sieve_match *m, uint32_t i, struct span value)
{
    const struct sieve_host *h = m->run->in.host;
    enum sieve_answer answer =
        h == NULL || h->list_has == NULL ? SIEVE_NO : h->list_has(h->arg, m->keys[i], value);

    if (answer == SIEVE_TEMPFAIL) {
        sieve_run_defer(m->run, m->op, "list '%.*s' cannot be read now", (int)m->keys[i].n,
                        m->keys[i].p);
        return SIEVE_BROKEN;
    }
    if (answer == SIEVE_YES && !sieve_match_variables_set(m->run, &value, 1))
        return SIEVE_BROKEN;
    return answer == SIEVE_YES ? SIEVE_TRUE : SIEVE_FALSE;
}

static bool
is_known(struct sieve_run *r, struct span list)
{
    const struct sieve_host *h = sieve_run_input(r)->host;

    return h != NULL && h->list_is_known != NULL && h->list_is_known(h->arg, list);
}

static enum sieve_truth
test_valid_list(struct sieve_run *r, const struct sieve_op *op)
{
    struct span name;

    for (uint32_t i = 0; i < op->arguments[0].count; i++) {
        if (!sieve_text_get(r, sieve_text_at(&op->arguments[0], i), &name))
            return SIEVE_BROKEN;
        if (!is_known(r, name))
            return SIEVE_FALSE;
    }
    return SIEVE_TRUE;
}

static const struct sieve_tag tags[] = {
    {"list", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_LIST, NULL},
    {"list", SIEVE_TAKES_NOTHING, SIEVE_SLOT_LIST, SIEVE_ON_REDIRECT, 0, NULL},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "valid_ext_list", .is_test = true, .arguments = "l", .test = test_valid_list},
    {0},
};

const struct sieve_extension sieve_extlists = {
    .name = "extlists", .definitions = definitions, .tags = tags};
