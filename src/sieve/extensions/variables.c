/* SPDX-License-Identifier: MIT
 *
 * RFC 5229: set with its modifiers, and the string test. References in strings are text.c's and
 * variables.c's.
 */
#include "../extensions_priv.h"

#include "doorstep/charset.h"

static const struct sieve_tag variables_tags[] = {
    {"upper", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_CASE, SIEVE_ON_SET, SIEVE_MODIFY_UPPER, NULL},
    {"lower", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_CASE, SIEVE_ON_SET, SIEVE_MODIFY_LOWER, NULL},
    {"upperfirst", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_FIRST, SIEVE_ON_SET,
     SIEVE_MODIFY_UPPER_FIRST, NULL},
    {"lowerfirst", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_FIRST, SIEVE_ON_SET,
     SIEVE_MODIFY_LOWER_FIRST, NULL},
    {"quotewildcard", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_QUOTE, SIEVE_ON_SET,
     SIEVE_MODIFY_QUOTE_WILDCARD, NULL},
    {"length", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_LENGTH, SIEVE_ON_SET, SIEVE_MODIFY_LENGTH,
     NULL},
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

/* A backslash in front of each of `special`. */
static bool
quote(struct span s, const char *special, struct buf *out)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++)
        ok = (s.p[i] == '\0' || strchr(special, s.p[i]) == NULL || buf_append_char(out, '\\')) &&
             buf_append_char(out, s.p[i]);
    return ok;
}

/* All but the unreserved characters of RFC 3986 2.3 (RFC 5435 6). */
static bool
encode_url(struct span s, struct buf *out)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++) {
        char c = (char)(s.p[i] | 0x20);
        bool is_plain = (c >= 'a' && c <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
                        (s.p[i] != '\0' && strchr("-._~", s.p[i]) != NULL);
        ok = is_plain ? buf_append_char(out, s.p[i])
                      : buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
    }
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
modify(enum sieve_modifier modifier, struct span value, struct buf *out)
{
    switch (modifier) {
    case SIEVE_MODIFY_QUOTE_WILDCARD:
        return quote(value, "*?\\", out);
    case SIEVE_MODIFY_QUOTE_REGEX:
        return quote(value, "^.[]$()|*+?{}\\", out);
    case SIEVE_MODIFY_ENCODE_URL:
        return encode_url(value, out);
    case SIEVE_MODIFY_LENGTH:
        return count_characters(value, out);
    case SIEVE_MODIFY_UPPER:
    case SIEVE_MODIFY_LOWER:
    case SIEVE_MODIFY_UPPER_FIRST:
    case SIEVE_MODIFY_LOWER_FIRST:
        break;
    }
    bool is_first = modifier == SIEVE_MODIFY_UPPER_FIRST || modifier == SIEVE_MODIFY_LOWER_FIRST;
    bool is_upper = modifier == SIEVE_MODIFY_UPPER || modifier == SIEVE_MODIFY_UPPER_FIRST;
    size_t from = out->len;
    if (!buf_append_span(out, value))
        return false;
    change_case(out, is_first ? from + 1 : out->len, is_upper);
    return true;
}

bool
sieve_modify(struct sieve_run *r, const struct sieve_op *op, struct span *value)
{
    for (unsigned slot = SIEVE_SLOT_MODIFY_CASE; slot < SIEVE_SLOT_MODIFY_END; slot++) {
        const struct sieve_tagged *t = sieve_op_tag(op, slot);
        if (t == NULL)
            continue;
        struct buf *out = sieve_run_buf(r);
        if (!sieve_run_work(r, value->n))
            return false;
        if (!modify((enum sieve_modifier)t->tag->id, *value, out))
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

    if (!sieve_value_string(r, &op->arguments[1], &value) || !sieve_modify(r, op, &value) ||
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
    {.name = "set", .arguments = "ss", .classes = SIEVE_ON_SET, .check = check_set, .run = run_set},
    {.name = "string",
     .is_test = true,
     .arguments = "ll",
     .classes = SIEVE_ON_COMPARE,
     .test = test_string},
    {0},
};

const struct sieve_extension sieve_variables = {.name = "variables",
                                                .definitions = definitions,
                                                .tags = variables_tags,
                                                .changes_strings = true};

const struct sieve_extension sieve_encoded_character = {.name = "encoded-character",
                                                        .changes_strings = true};
