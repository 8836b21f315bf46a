/* SPDX-License-Identifier: MIT
 *
 * Strings of a script: first ${hex:...} and ${unicode:...} (RFC 5228 2.4.2.4), then ${variables}
 * (RFC 5229 3). What looks like neither stays as it is; a namespace or a match variable that does
 * not exist refuses the script.
 */
#include "program_priv.h"

#include <stdlib.h>

#define PIECES_MAX 1024

struct sieve_place
sieve_text_place(const struct sieve_text *t)
{
    return t->at;
}

bool
sieve_text_constant(const struct sieve_text *t, struct span *out)
{
    *out = t->literal;
    return t->pieces == NULL;
}

const struct sieve_text *
sieve_text_at(const struct sieve_value *v, uint32_t i)
{
    return &v->strings[i];
}

/* ------------------------------------------------------------------ encoded-character */

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
skip_blanks(struct span *s)
{
    while (s->n > 0 && memchr(" \t\r\n", s->p[0], 4) != NULL)
        *s = span_skip(*s, 1);
}

/* One number of at most digits_max digits, which stays too large when it is; false: none is there.
 */
static bool
take_hex(struct span *s, unsigned digits_max, uint32_t *out, unsigned *digits)
{
    *out = 0;
    for (*digits = 0; s->n > 0 && hex_digit(s->p[0]) >= 0; ++*digits) {
        *out = *out < 1u << 24 ? *out << 4 | (uint32_t)hex_digit(s->p[0]) : *out;
        *s = span_skip(*s, 1);
    }
    return *digits > 0 && *digits <= digits_max;
}

/* A character that does not exist becomes *is_wrong: an error where the whole is well-formed. */
static bool
append_number(struct buf *out, uint32_t n, bool is_hex, bool *is_wrong)
{
    if (is_hex)
        return buf_append_char(out, (char)n);
    if (n <= 0x10ffff && (n < 0xd800 || n >= 0xe000))
        return utf8_append(out, n);
    *is_wrong = true;
    return true;
}

/* The inside of ${hex:...} or ${unicode:...} up to its '}'; false: it is no such thing. A code
 * point that does not exist is an error (5228 2.4.2.4). */
static bool
decode_numbers(struct sieve_check *c, struct sieve_place at, struct span *s, bool is_hex,
               struct buf *out)
{
    size_t len = out->len;
    uint32_t n;
    unsigned digits, count = 0;
    bool ok = true, is_wrong = false;

    for (skip_blanks(s); ok && take_hex(s, is_hex ? 2 : UINT32_MAX, &n, &digits);
         skip_blanks(s), count++) {
        ok = append_number(out, n, is_hex, &is_wrong);
        if (s->n > 0 && s->p[0] != '}' && memchr(" \t\r\n", s->p[0], 4) == NULL)
            break;
    }
    if (ok && count > 0 && s->n > 0 && s->p[0] == '}') {
        *s = span_skip(*s, 1);
        return !is_wrong || sieve_check_error(c, at, "no such Unicode character in ${unicode:...}");
    }
    out->len = len;
    return false;
}

static bool
decode_characters(struct sieve_check *c, struct sieve_place at, struct span s, struct buf *out)
{
    while (s.n > 0) {
        struct span rest = s;
        bool is_hex = span_has_prefix_fold(s, SPAN("${hex:"));
        if (is_hex || span_has_prefix_fold(s, SPAN("${unicode:"))) {
            rest = span_skip(s, is_hex ? 6 : 10);
            if (decode_numbers(c, at, &rest, is_hex, out)) {
                s = rest;
                continue;
            }
        }
        if (!buf_append_char(out, s.p[0]))
            return false;
        s = span_skip(s, 1);
    }
    return true;
}

/* ------------------------------------------------------------------ variables */

struct pieces {
    struct piece *items; /* the heap's, while they are collected */
    uint32_t count;
};

static bool
is_number(struct span name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < '0' || name.p[i] > '9')
            return false;
    return name.n > 0;
}

/* RFC 5229 6: a reference to more than there is must be found while the script is checked. */
static bool
match_reference(struct sieve_check *c, struct sieve_place at, struct span name, struct piece *out)
{
    unsigned long long n;

    if (!span_parse_u64(name, MATCH_VALUES_MAX - 1, &n))
        return sieve_check_error(c, at, "match variable ${%.*s} does not exist: the last is ${%d}",
                                 name.n < 40 ? (int)name.n : 40, name.p, MATCH_VALUES_MAX - 1);
    *out = (struct piece){.kind = PIECE_MATCH, .number = (uint32_t)n};
    return true;
}

const struct sieve_namespace *
text_space(struct sieve_check *c, struct span name)
{
    const struct sieve_extension *e;

    for (int i = 0; (e = registry_at(c->compiler, i)) != NULL; i++)
        if (c->required[i] && e->space != NULL && span_equal_fold(span_of(e->space->name), name)) {
            check_use(c, i);
            return e->space;
        }
    return NULL;
}

/* RFC 5229 3: a namespace that is not known makes the script invalid. */
static bool
space_reference(struct sieve_check *c, struct sieve_place at, struct span name, size_t dot,
                struct piece *out)
{
    struct span prefix = {name.p, dot}, rest = span_skip(name, dot + 1);
    const struct sieve_namespace *space = text_space(c, prefix);

    *out = (struct piece){.kind = PIECE_SPACE, .text = rest, .space = space};
    if (space == NULL)
        return sieve_check_error(c, at, "unknown namespace '%.*s' of variables", (int)prefix.n,
                                 prefix.p);
    if (space->number != NULL) {
        out->kind = PIECE_VARIABLE;
        return space->number(c, at, rest, &out->number);
    }
    if (space->check != NULL && !space->check(c, rest))
        return sieve_check_error(c, at, "there is no variable ${%.*s}", (int)name.n, name.p);
    return true;
}

/* variable-name = num-variable / *namespace identifier; each part an identifier. */
static bool
is_reference(struct span name)
{
    if (is_number(name))
        return true;
    for (;;) {
        size_t dot = span_find(name, '.');
        struct span part = {name.p, dot};
        if (!variable_name_is_valid(part) && !is_number(part))
            return false;
        if (dot == name.n)
            return true;
        name = span_skip(name, dot + 1);
    }
}

static bool
reference(struct sieve_check *c, struct sieve_place at, struct span name, struct piece *out)
{
    size_t dot = span_find(name, '.');

    if (is_number(name))
        return match_reference(c, at, name, out);
    if (dot < name.n)
        return space_reference(c, at, name, dot, out);
    if (name.n > VARIABLE_NAME_MAX)
        return sieve_check_error(c, at, "name of a variable is longer than %d octets",
                                 VARIABLE_NAME_MAX);
    *out = (struct piece){.kind = PIECE_VARIABLE};
    return variable_number(c, at, name, &out->number);
}

/* The next "${name}" in s: its offset, or s.n. */
static size_t
next_reference(struct span s, struct span *name)
{
    for (size_t i = 0; i + 2 < s.n; i++) {
        if (s.p[i] != '$' || s.p[i + 1] != '{')
            continue;
        struct span inside = span_skip(s, i + 2);
        inside.n = span_find(inside, '}');
        if (inside.n < s.n - i - 2 && inside.n > 0 && is_reference(inside)) {
            *name = inside;
            return i;
        }
    }
    return s.n;
}

static bool
add_piece(struct sieve_check *c, struct sieve_place at, struct pieces *list, struct piece piece)
{
    if (list->count == PIECES_MAX)
        return sieve_check_error(c, at, "more than %d variables in one string", PIECES_MAX / 2);
    list->items[list->count++] = piece;
    return true;
}

static bool
split_pieces(struct sieve_check *c, struct sieve_place at, struct span s, struct pieces *list)
{
    struct span name = SPAN_NONE;
    struct piece piece;

    while (s.n > 0) {
        size_t n = next_reference(s, &name);
        struct piece literal = {.kind = PIECE_LITERAL, .text = {s.p, n}};
        if (n > 0 && !add_piece(c, at, list, literal))
            return false;
        if (n == s.n)
            return true;
        if (!reference(c, at, name, &piece) || !add_piece(c, at, list, piece))
            return false;
        s = span_skip(s, n + name.n + 3);
    }
    return true;
}

static bool
compile_variables(struct sieve_check *c, struct sieve_text *t)
{
    struct pieces list = {malloc(PIECES_MAX * sizeof(struct piece)), 0};
    bool ok = list.items != NULL && split_pieces(c, t->at, t->literal, &list);

    if (ok && (list.count > 1 || (list.count == 1 && list.items[0].kind != PIECE_LITERAL))) {
        t->pieces = sieve_check_alloc(c, list.count * sizeof(struct piece));
        t->count = list.count;
        ok = t->pieces != NULL;
        if (ok)
            memcpy(t->pieces, list.items, list.count * sizeof(struct piece));
    }
    free(list.items);
    return ok;
}

/* ------------------------------------------------------------------ both */

static bool
compile_characters(struct sieve_check *c, struct sieve_text *t)
{
    struct buf out;
    buf_init(&out, t->literal.n + 1);
    bool ok = decode_characters(c, t->at, t->literal, &out);

    if (ok) {
        struct span s = buf_span(&out);
        const char *kept = arena_copy(&c->program->arena, s);
        ok = kept != NULL;
        t->literal = (struct span){kept, s.n};
    }
    buf_release(&out);
    return ok;
}

bool
text_compile(struct sieve_check *c, const struct argument *a, struct sieve_text *out)
{
    uint32_t errors = c->report->errors;
    const char *kept = arena_copy(&c->program->arena, a->text);

    *out = (struct sieve_text){.at = a->at, .literal = {kept, a->text.n}};
    if (kept == NULL)
        return sieve_check_error(c, a->at, "script needs too much memory");
    if (memmem(a->text.p, a->text.n, "${", 2) == NULL)
        return true;
    if (sieve_check_has(c, "encoded-character") && !compile_characters(c, out))
        return false;
    if (sieve_check_has(c, "variables") && !compile_variables(c, out))
        return false;
    return c->report->errors == errors;
}
