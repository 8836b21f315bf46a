/* SPDX-License-Identifier: MIT
 *
 * RFC 6134: lists that are kept outside of scripts: the match type :list, valid_ext_list and
 * redirect :list (whose action names the list; the host knows its members).
 */
#include "../extensions_priv.h"

#include "../match_priv.h"
#include "doorstep/list_name.h"
#include "redirect_priv.h"

#define FOUND_MAX 65536

/* The one form of a list's name, in the run's memory. */
static bool
take_name(struct sieve_run *r, struct span name, struct span *out)
{
    struct buf *text = sieve_run_buf(r);

    list_name_print(name, text);
    *out = (struct span){sieve_run_copy(r, buf_span(text)), text->len};
    return out->p != NULL;
}

/* The address book there always is, were it empty (2.5). */
static enum sieve_truth
is_known(struct sieve_run *r, const struct sieve_op *op, struct span list)
{
    const struct sieve_host *h = sieve_run_input(r)->host;

    if (span_equal(list, SPAN(LIST_ADDRESS_BOOK)))
        return SIEVE_TRUE;
    if (h == NULL || h->list_is_known == NULL)
        return SIEVE_FALSE;
    return sieve_run_answer(r, op, h->list_is_known(h->arg, list));
}

/* "If the Sieve engine is permanently unable to query the list [...] the test MUST result in a
 * runtime error" (2.2; of redirect 2.3). */
static bool
take_list(struct sieve_run *r, const struct sieve_op *op, struct span name, struct span *out)
{
    if (!take_name(r, name, out))
        return false;
    enum sieve_truth known = is_known(r, op, *out);
    return known == SIEVE_TRUE ||
           (known == SIEVE_FALSE && sieve_run_fail(r, op, "there is no list '%.*s'",
                                                   name.n < 80 ? (int)name.n : 80, name.p));
}

bool
redirect_list(struct sieve_run *r, const struct sieve_op *op, struct span name, const char **out)
{
    struct span list;

    if (!take_list(r, op, name, &list))
        return false;
    *out = list.p;
    return true;
}

/* ------------------------------------------------------------------ :list (2.2) */

bool
match_list_begin(struct sieve_match *m)
{
    struct span *lists = sieve_run_alloc(m->run, m->key_count * sizeof(*lists));
    bool ok = lists != NULL;

    for (uint32_t i = 0; ok && i < m->key_count; i++)
        ok = take_list(m->run, m->op, m->keys[i], &lists[i]);
    m->keys = lists;
    return ok;
}

/* ${0} is "the value in the list that matched the query". */
static bool
keep_found(struct sieve_match *m, struct span value, const struct buf *found)
{
    struct span item = found->len > 0 ? buf_span(found) : value;

    return match_variables(m, &item, 1);
}

enum sieve_truth
match_list(struct sieve_match *m, uint32_t i, struct span value)
{
    const struct sieve_host *h = m->run->in.host;
    struct buf found;
    bool ok = true;

    if (h == NULL || h->list_has == NULL)
        return SIEVE_FALSE;
    buf_init(&found, FOUND_MAX);
    enum sieve_answer answer = h->list_has(h->arg, m->keys[i], value, &found);
    if (answer == SIEVE_TEMPFAIL)
        ok = sieve_run_defer(m->run, m->op, "list '%.*s' cannot be read now", (int)m->keys[i].n,
                             m->keys[i].p);
    else if (answer == SIEVE_YES)
        ok = keep_found(m, value, &found);
    buf_release(&found);
    return !ok ? SIEVE_BROKEN : answer == SIEVE_YES ? SIEVE_TRUE : SIEVE_FALSE;
}

/* "Comparators are not allowed together with the ":list" match type". */
static bool
check_list(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    return sieve_op_tag(op, SIEVE_SLOT_COMPARATOR) == NULL ||
           sieve_check_error(c, value->at, "':list' takes no comparator: the list compares");
}

/* ------------------------------------------------------------------ valid_ext_list (2.7) */

static enum sieve_truth
test_valid_list(struct sieve_run *r, const struct sieve_op *op)
{
    enum sieve_truth truth = SIEVE_TRUE;
    struct span name, list;

    for (uint32_t i = 0; truth == SIEVE_TRUE && i < op->arguments[0].count; i++)
        truth = sieve_text_get(r, sieve_text_at(&op->arguments[0], i), &name) &&
                        take_name(r, name, &list)
                    ? is_known(r, op, list)
                    : SIEVE_BROKEN;
    return truth;
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_tag tags[] = {
    {"list", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_LIST, check_list},
    {"list", SIEVE_TAKES_NOTHING, SIEVE_SLOT_LIST, SIEVE_ON_REDIRECT, 0, NULL},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "valid_ext_list", .is_test = true, .arguments = "l", .test = test_valid_list},
    {0},
};

const struct sieve_extension sieve_extlists = {
    .name = "extlists", .definitions = definitions, .tags = tags};
