/* SPDX-License-Identifier: MIT
 *
 * RFC 5229: set with its modifiers, and the string test. References in strings are text.c's and
 * variables.c's.
 */
#include "../extensions_priv.h"

#include "doorstep/charset.h"

enum { UPPER, LOWER, UPPER_FIRST, LOWER_FIRST, QUOTE_WILDCARD, LENGTH };

/* The slots stand in the order of precedence, highest first (4.1). */
enum {
    SLOT_CASE = SIEVE_SLOT_OWN, /* precedence 40 */
    SLOT_FIRST,                 /* 30 */
    SLOT_QUOTE,                 /* 20 */
    SLOT_LENGTH,                /* 10 */
};

static const struct sieve_tag set_tags[] = {
    {"upper", SIEVE_TAKES_NOTHING, SLOT_CASE, 0, UPPER, NULL},
    {"lower", SIEVE_TAKES_NOTHING, SLOT_CASE, 0, LOWER, NULL},
    {"upperfirst", SIEVE_TAKES_NOTHING, SLOT_FIRST, 0, UPPER_FIRST, NULL},
    {"lowerfirst", SIEVE_TAKES_NOTHING, SLOT_FIRST, 0, LOWER_FIRST, NULL},
    {"quotewildcard", SIEVE_TAKES_NOTHING, SLOT_QUOTE, 0, QUOTE_WILDCARD, NULL},
    {"length", SIEVE_TAKES_NOTHING, SLOT_LENGTH, 0, LENGTH, NULL},
    {0},
};

static void
change_case(struct buf *b, size_t n, bool is_upper)
{
    for (size_t i = 0; i < n && i < b->len; i++) {
        char c = b->data[i];
        bool is_other = is_upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        b->data[i] = (char)(is_other ? c ^ 0x20 : c);
    }
}

static bool
quote_wildcards(struct span s, struct buf *out)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++)
        ok = (strchr("*?\\", s.p[i]) == NULL || buf_append_char(out, '\\')) &&
             buf_append_char(out, s.p[i]);
    return ok;
}

/* :length counts characters, not octets (4.1.6). */
static bool
count_characters(struct span s, struct buf *out)
{
    uint64_t n = 0;

    for (; s.n > 0; n++)
        utf8_next(&s);
    return buf_append_u64(out, n);
}

static bool
modify(const struct sieve_tag *tag, struct span value, struct buf *out)
{
    if (tag->id == QUOTE_WILDCARD)
        return quote_wildcards(value, out);
    if (tag->id == LENGTH)
        return count_characters(value, out);
    if (!buf_append_span(out, value))
        return false;
    bool is_first = tag->id == UPPER_FIRST || tag->id == LOWER_FIRST;
    change_case(out, is_first ? 1 : out->len, tag->id == UPPER || tag->id == UPPER_FIRST);
    return true;
}

static bool
modify_all(struct sieve_run *r, const struct sieve_op *op, struct span *value)
{
    for (unsigned slot = SLOT_CASE; slot < SIEVE_SLOT_OWN + 32; slot++) {
        const struct sieve_tagged *t = sieve_op_tag(op, slot);
        if (t == NULL)
            continue;
        struct buf *out = sieve_run_buf(r);
        if (!modify(t->tag, *value, out))
            return sieve_run_fail(r, op, "the value is too long");
        struct span changed = buf_span(out);
        *value = (struct span){sieve_run_copy(r, changed), changed.n};
        if (value->p == NULL)
            return false;
    }
    return true;
}

static bool
check_set(struct sieve_check *c, struct sieve_op *op)
{
    struct span name;
    uint32_t *number = sieve_check_alloc(c, sizeof(*number));

    op->data = number;
    if (number == NULL)
        return false;
    if (!sieve_text_constant(op->arguments[0].strings, &name))
        return sieve_check_error(c, op->arguments[0].at, "the name of a variable must be constant");
    return sieve_check_variable(c, op->arguments[0].at, name, number);
}

static enum sieve_step
run_set(struct sieve_run *r, const struct sieve_op *op)
{
    const uint32_t *number = op->data;
    struct span value;

    if (!sieve_value_string(r, &op->arguments[1], &value) || !modify_all(r, op, &value) ||
        !sieve_variable_set(r, op, *number, value))
        return SIEVE_BREAKDOWN;
    return SIEVE_GO;
}

/* ------------------------------------------------------------------ string (5) */

/* With :count, strings that are empty do not count. */
static enum sieve_truth
test_string(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[1]);
    enum sieve_truth truth = SIEVE_FALSE;

    if (m == NULL)
        return SIEVE_BROKEN;
    for (uint32_t i = 0; i < op->arguments[0].count && truth == SIEVE_FALSE; i++) {
        struct span value;
        if (!sieve_text_get(r, sieve_text_at(&op->arguments[0], i), &value))
            return SIEVE_BROKEN;
        if (value.n > 0 || !sieve_match_counts(m))
            truth = sieve_match_value(m, value);
    }
    return sieve_match_end(m, truth);
}

static const struct sieve_definition definitions[] = {
    {.name = "set",
     .arguments = "ss",
     .tags = set_tags,
     .classes = SIEVE_ON_SET,
     .check = check_set,
     .run = run_set},
    {.name = "string",
     .is_test = true,
     .arguments = "ll",
     .classes = SIEVE_ON_COMPARE,
     .test = test_string},
    {0},
};

const struct sieve_extension sieve_variables = {.name = "variables", .definitions = definitions};

const struct sieve_extension sieve_encoded_character = {.name = "encoded-character"};
