/* SPDX-License-Identifier: MIT
 *
 * RFC 5463: ihave and error. What an ihave asks for is known while the script is checked: then the
 * extension counts as required from there on, and an operation that makes use of it asks at run
 * time whether the test was met. What is missing pardons what stands behind it.
 */
#include "../extensions_priv.h"
#include "../run_priv.h"

struct ihave { /* of one test */
    bool is_there;
    uint64_t found; /* extensions that are to be used when it is met */
};

/* ------------------------------------------------------------------ checking */

/* In the script's require already, or one that can be brought in now. */
static bool
is_available(struct sieve_check *c, struct span name)
{
    int i = name.n == 0 ? -1 : registry_number(c->compiler, name);

    return i >= 0 && (c->required[i] || !registry_at(c->compiler, i)->changes_strings);
}

/* False: something is missing, or an error was noted (*ok). */
static bool
are_available(struct sieve_check *c, const struct sieve_value *names, bool *ok)
{
    bool are_there = true;
    struct span name;

    for (uint32_t i = 0; i < names->count; i++) {
        const struct sieve_text *t = sieve_text_at(names, i);
        if (!sieve_text_constant(t, &name))
            *ok = sieve_check_error(c, sieve_text_place(t),
                                    "the name of an extension must be constant");
        else
            are_there = is_available(c, name) && are_there;
    }
    return are_there;
}

/* The extension, and what it brings along. */
static uint64_t
numbers(const struct sieve_check *c, struct span name)
{
    int i = registry_number(c->compiler, name);
    uint64_t all = i < 0 ? 0 : UINT64_C(1) << i;
    const char *implied = i < 0 ? NULL : registry_at(c->compiler, i)->implies;
    struct span rest = span_of(implied);

    while (rest.n > 0) {
        struct span next = {rest.p, span_find(rest, ' ')};
        all |= numbers(c, next);
        rest = span_skip(rest, next.n + 1);
    }
    return all;
}

static bool
bring(struct sieve_check *c, const struct sieve_value *names, struct ihave *out)
{
    struct span name = SPAN_NONE;

    for (uint32_t i = 0; i < names->count; i++) {
        sieve_text_constant(sieve_text_at(names, i), &name);
        uint64_t wanted = numbers(c, name), before = 0;
        for (int n = 0; n < EXTENSIONS_MAX; n++)
            before |= c->required[n] ? UINT64_C(1) << n : 0;
        if (!sieve_check_require(c, sieve_text_place(sieve_text_at(names, i)), name))
            return false;
        c->tested |= wanted & ~before;
        out->found |= wanted & c->tested;
    }
    return true;
}

static bool
check_ihave(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *names = &op->arguments[0];
    struct ihave *i = sieve_check_alloc(c, sizeof(*i));
    bool ok = i != NULL;

    op->data = i;
    if (i != NULL)
        i->is_there = are_available(c, names, &ok);
    if (!ok)
        return false;
    if (i->is_there)
        return bring(c, names, i);
    sieve_check_pardon(c);
    return true;
}

/* ------------------------------------------------------------------ running */

static enum sieve_truth
test_ihave(struct sieve_run *r, const struct sieve_op *op)
{
    const struct ihave *i = op->data;

    r->frame->found |= i->found;
    return i->is_there ? SIEVE_TRUE : SIEVE_FALSE;
}

#define MESSAGE_MAX 400 /* octets of it that go into a report */

static enum sieve_step
run_error(struct sieve_run *r, const struct sieve_op *op)
{
    struct span text;

    if (!sieve_value_string(r, &op->arguments[0], &text))
        return SIEVE_BREAKDOWN;
    text = utf8_cut(text, MESSAGE_MAX);
    sieve_run_fail(r, op, "%.*s", (int)text.n, text.p);
    return SIEVE_BREAKDOWN;
}

static const struct sieve_definition definitions[] = {
    {.name = "ihave", .is_test = true, .arguments = "l", .check = check_ihave, .test = test_ihave},
    {.name = "error", .arguments = "s", .run = run_error},
    {0},
};

const struct sieve_extension sieve_ihave = {.name = "ihave", .definitions = definitions};
