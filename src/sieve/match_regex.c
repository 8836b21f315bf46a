/* SPDX-License-Identifier: MIT
 *
 * :regex with PCRE2. Each step of the matcher calls back, so that a run pays for exactly what an
 * expression costs, however it was built and whatever the message is. An alternative that stands
 * first wins, where POSIX wants the longest: it makes a difference for match variables alone.
 */
#include "match_priv.h"

#include "extensions_priv.h"

#define STEP_WORK 32         /* a step costs as much as looking at so many octets */
#define HEAP_MAX (16 * 1024) /* KiB */
#define COMPILE_WORK 256     /* for each octet of an expression that has variables */

static int
pay_step(pcre2_callout_block *b, void *arg)
{
    struct regex_matcher *x = arg;
    size_t here = b->current_position;
    size_t way = here > x->last ? here - x->last : x->last - here;

    x->last = here;
    return sieve_run_work(x->run, STEP_WORK + way) ? 0 : PCRE2_ERROR_CALLOUT;
}

static struct regex_matcher *
get_matcher(struct sieve_run *r)
{
    struct regex_matcher *x = sieve_run_state(r, &sieve_regex);

    if (x == NULL || x->data != NULL)
        return x;
    pcre2_general_context *memory = regex_memory(&r->arena);
    x->run = r;
    x->context = memory == NULL ? NULL : pcre2_match_context_create(memory);
    x->data = x->context == NULL ? NULL : pcre2_match_data_create(MATCH_VALUES_MAX, memory);
    if (x->data == NULL) {
        sieve_run_fail(r, NULL, "the script needs too much memory for one message");
        return NULL;
    }
    pcre2_set_callout(x->context, pay_step, x);
    pcre2_set_heap_limit(x->context, HEAP_MAX);
    return x;
}

/* ------------------------------------------------------------------ keys */

enum regex_flavour
regex_flavour_of(const struct sieve_comparator *comparator)
{
    if (comparator->fold == NULL)
        return REGEX_OCTETS;
    return comparator->is_octetwise ? REGEX_ASCII_CASE : REGEX_UNICODE_CASE;
}

/* One with variables is known only now. */
static pcre2_code *
compile_now(struct sieve_match *m, struct span key)
{
    struct regex_remark why;

    if (!sieve_run_work(m->run, key.n * COMPILE_WORK))
        return NULL;
    pcre2_code *code = regex_compile(key, regex_flavour_of(m->comparator), &m->run->arena, &why);
    if (code == NULL)
        sieve_run_fail(m->run, m->op, "wrong regular expression: %s at octet %zu", why.text,
                       why.offset + 1);
    return code;
}

bool
match_regex_begin(struct sieve_match *m)
{
    pcre2_code *const *compiled = m->value->compiled;

    m->regexes = sieve_run_alloc(m->run, m->key_count * sizeof(*m->regexes));
    for (uint32_t i = 0; m->regexes != NULL && i < m->key_count; i++) {
        m->regexes[i] =
            compiled == NULL || compiled[i] == NULL ? compile_now(m, m->keys[i]) : compiled[i];
        if (m->regexes[i] == NULL)
            return false;
    }
    return m->regexes != NULL;
}

/* ------------------------------------------------------------------ values */

/* ${0} is what matched, the others what the groups did. */
static bool
give_groups(struct sieve_match *m, const struct regex_matcher *x, int count, struct span value)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(x->data);
    struct span groups[MATCH_VALUES_MAX] = {0};

    if (count <= 0 || count > MATCH_VALUES_MAX)
        count = MATCH_VALUES_MAX; /* there were more groups than variables */
    for (int i = 0; i < count; i++)
        if (at[2 * i] != PCRE2_UNSET && at[2 * i + 1] >= at[2 * i])
            groups[i] = (struct span){value.p + at[2 * i], at[2 * i + 1] - at[2 * i]};
    return match_variables(m, groups, (uint32_t)count);
}

/* PCRE2's answer; what is neither a match nor none was noted. */
static int
match(struct sieve_run *r, const struct sieve_op *op, struct regex_matcher *x,
      const pcre2_code *code, struct span value)
{
    if (value.n == 0)
        value.p = "";
    x->last = 0;
    int count = pcre2_match(code, (PCRE2_SPTR)value.p, value.n, 0, 0, x->data, x->context);
    if (count < 0 && count != PCRE2_ERROR_NOMATCH)
        sieve_run_fail(r, op, "a regular expression takes too much for one message");
    return count;
}

enum sieve_truth
match_regex(struct sieve_match *m, uint32_t i, struct span value)
{
    struct regex_matcher *x = get_matcher(m->run);
    int count = x == NULL ? PCRE2_ERROR_NOMEMORY : match(m->run, m->op, x, m->regexes[i], value);

    if (count == PCRE2_ERROR_NOMATCH)
        return SIEVE_FALSE;
    return count >= 0 && give_groups(m, x, count, value) ? SIEVE_TRUE : SIEVE_BROKEN;
}

bool
regex_group(struct sieve_run *r, struct span ere, struct span value, struct span *out)
{
    struct regex_matcher *x = get_matcher(r);
    struct regex_remark why;

    if (x == NULL || !sieve_run_work(r, ere.n * COMPILE_WORK))
        return false;
    pcre2_code *code = regex_compile(ere, REGEX_OCTETS, &r->arena, &why);
    if (code == NULL || match(r, NULL, x, code, value) < 2)
        return false;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(x->data);
    if (at[2] == PCRE2_UNSET)
        return false;
    *out = (struct span){value.p + at[2], at[3] - at[2]};
    return true;
}
