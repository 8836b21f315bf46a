/* SPDX-License-Identifier: MIT
 *
 * One pass over an extended regular expression (POSIX 1003.1, 9.4): each piece is read by POSIX's
 * grammar and written by PCRE2's, with everything that means itself escaped, so that none of
 * PCRE2's own constructs can be reached. regex_bracket.c does what stands in brackets.
 */
#include "regex_priv.h"

#include <stdio.h>

#include "doorstep/charset.h"
#include "regex_bracket_priv.h"

#define REPEAT_MAX 32767 /* RE_DUP_MAX of most systems */

struct translation {
    struct span in, rest;
    enum regex_flavour flavour;
    struct buf *out;
    struct regex_remark *why;
    unsigned depth;
    bool has_atom;    /* what came last can be repeated */
    bool is_repeated; /* what came last was a repetition */
};

static bool
wrong(struct translation *t, const char *text)
{
    t->why->text = text;
    t->why->offset = t->in.n - t->rest.n;
    return false;
}

/* Not in the draft, but understood. The first such place is remarked. */
static void
remark(struct translation *t, const char *text)
{
    if (t->why->text == NULL)
        wrong(t, text);
}

static bool
put(struct translation *t, const char *text, bool is_atom)
{
    t->has_atom = is_atom;
    t->is_repeated = false;
    return buf_append_str(t->out, text) || wrong(t, "too long");
}

static bool
skip(struct translation *t, size_t n)
{
    t->rest = span_skip(t->rest, n);
    return true;
}

/* ------------------------------------------------------------------ characters */

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
put_ascii(struct translation *t, char c)
{
    char text[12];

    if (is_letter(c) && t->flavour == REGEX_ASCII_CASE)
        snprintf(text, sizeof(text), "[%c%c]", c | 0x20, c & ~0x20);
    else if (is_letter(c) || (c >= '0' && c <= '9'))
        snprintf(text, sizeof(text), "%c", c);
    else
        snprintf(text, sizeof(text), "\\x{%02x}", (unsigned char)c);
    return put(t, text, true);
}

/* The character that comes next, meaning itself. */
static bool
take_literal(struct translation *t)
{
    struct span s = t->rest;
    char text[8] = "";

    if ((unsigned char)s.p[0] < 128 || t->flavour == REGEX_OCTETS)
        return put_ascii(t, s.p[0]) && skip(t, 1);
    if (utf8_next(&s) == UTF8_WRONG)
        return wrong(t, "no UTF-8");
    size_t n = t->rest.n - s.n;
    memcpy(text, t->rest.p, n);
    return put(t, text, true) && skip(t, n);
}

/* Classes and borders that POSIX does not have, but most libraries do. */
static bool
take_class(struct translation *t, char c)
{
    char text[3] = {'\\', c, '\0'};

    remark(t, "a letter behind '\\' is known to some servers only");
    return put(t, text, c != 'b' && c != 'B') && skip(t, 2);
}

static bool
take_escape(struct translation *t)
{
    char c = t->rest.n > 1 ? t->rest.p[1] : '\0';

    if (t->rest.n < 2)
        return wrong(t, "'\\' stands at the end");
    if (c >= '1' && c <= '9')
        return wrong(t, "references back to a group are not supported");
    if (c != '\0' && strchr("dDwWsSbB", c) != NULL)
        return take_class(t, c);
    if (is_letter(c) || c == '0')
        return wrong(t, "'\\' stands in front of a letter without special meaning");
    skip(t, 1);
    return take_literal(t);
}

/* ------------------------------------------------------------------ groups and repetitions */

static bool
take_group(struct translation *t)
{
    bool is_plain = t->rest.n > 1 && t->rest.p[1] == '?';

    if (is_plain && (t->rest.n < 3 || t->rest.p[2] != ':'))
        return wrong(t, "'(?' is not supported");
    if (++t->depth > REGEX_NESTING_MAX)
        return wrong(t, "too many '(' inside one another");
    if (!is_plain)
        return put(t, "(", false) && skip(t, 1);
    remark(t, "'(?:' is known to some servers only");
    return put(t, "(?:", false) && skip(t, 3);
}

static bool
take_group_end(struct translation *t)
{
    if (t->depth == 0)
        return wrong(t, "')' without '('");
    t->depth--;
    return put(t, ")", true) && skip(t, 1);
}

/* "*?" and its like match as little as they can; POSIX leaves it undefined. */
static bool
take_lazy(struct translation *t)
{
    remark(t, "a '?' behind a repetition is known to some servers only");
    return put(t, "?", false) && skip(t, 1);
}

static bool
may_repeat(struct translation *t)
{
    if (t->is_repeated)
        return wrong(t, "two repetitions in a row");
    return t->has_atom || wrong(t, "nothing to repeat");
}

static bool
take_repetition(struct translation *t)
{
    char text[2] = {t->rest.p[0], '\0'};

    if (t->is_repeated && t->rest.p[0] == '?')
        return take_lazy(t);
    if (!may_repeat(t) || !put(t, text, false))
        return false;
    t->is_repeated = true;
    return skip(t, 1);
}

/* Digits up to the maximum; no digits: *out stays. */
static bool
take_count(struct translation *t, unsigned *out)
{
    unsigned n = 0;
    bool has_digits = false;

    while (t->rest.n > 0 && t->rest.p[0] >= '0' && t->rest.p[0] <= '9') {
        n = n * 10 + (unsigned)(t->rest.p[0] - '0');
        if (n > REPEAT_MAX)
            return wrong(t, "a repetition of more than 32767");
        has_digits = true;
        skip(t, 1);
    }
    if (has_digits)
        *out = n;
    return true;
}

/* {n} {n,} {n,m}; {,m} is {0,m}. */
static bool
take_interval(struct translation *t)
{
    unsigned low = 0, high = REPEAT_MAX + 1;
    char text[32];

    if (!may_repeat(t))
        return false;
    skip(t, 1);
    size_t before = t->rest.n;
    if (!take_count(t, &low))
        return false;
    bool has_low = t->rest.n != before, has_comma = t->rest.n > 0 && t->rest.p[0] == ',';
    skip(t, has_comma);
    if (has_comma && !take_count(t, &high))
        return false;
    if (t->rest.n == 0 || t->rest.p[0] != '}' || (!has_low && high > REPEAT_MAX))
        return wrong(t, "'{' begins no repetition such as {2,5}; '\\{' means the character");
    if (high < low)
        return wrong(t, "a repetition ends before it begins");
    if (!has_comma)
        snprintf(text, sizeof(text), "{%u}", low);
    else if (high > REPEAT_MAX)
        snprintf(text, sizeof(text), "{%u,}", low);
    else
        snprintf(text, sizeof(text), "{%u,%u}", low, high);
    if (!put(t, text, false))
        return false;
    t->is_repeated = true;
    return skip(t, 1);
}

/* ------------------------------------------------------------------ all of it */

static bool
take_bracket(struct translation *t)
{
    struct span rest = t->rest;
    const char *text = regex_bracket(&rest, t->flavour, t->out);

    t->rest = rest;
    return text == NULL ? put(t, "", true) : wrong(t, text);
}

static bool
take_piece(struct translation *t)
{
    switch (t->rest.p[0]) {
    case '\\':
        return take_escape(t);
    case '[':
        return take_bracket(t);
    case '(':
        return take_group(t);
    case ')':
        return take_group_end(t);
    case '{':
        return take_interval(t);
    case '*':
    case '+':
    case '?':
        return take_repetition(t);
    case '.':
        return put(t, ".", true) && skip(t, 1);
    case '^':
        return put(t, "^", false) && skip(t, 1);
    case '$':
        return put(t, "$", false) && skip(t, 1);
    case '|':
        return put(t, "|", false) && skip(t, 1);
    default:
        return take_literal(t);
    }
}

bool
regex_translate(struct span ere, enum regex_flavour flavour, struct buf *out,
                struct regex_remark *why)
{
    struct translation t = {.in = ere, .rest = ere, .flavour = flavour, .out = out, .why = why};
    bool ok = true;

    *why = (struct regex_remark){0};
    if (ere.n > REGEX_OCTETS_MAX)
        return wrong(&t, "too long");
    while (ok && t.rest.n > 0)
        ok = take_piece(&t);
    if (ok && t.depth > 0)
        return wrong(&t, "'(' without ')'");
    return ok;
}
