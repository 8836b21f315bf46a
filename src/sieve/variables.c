/* SPDX-License-Identifier: MIT
 *
 * Variables while a script runs (RFC 5229 3): strings with their references put in, values of
 * bounded length, and the match variables.
 */
#include "run_priv.h"

#define STRING_MAX (1024 * 1024) /* of one string with its variables put in */

struct span *
variable_slot(struct sieve_run *r, uint32_t number)
{
    if ((number & VARIABLE_GLOBAL) != 0)
        return &r->globals[number & ~VARIABLE_GLOBAL];
    return &r->frame->values[number];
}

struct span
sieve_variable_get(struct sieve_run *r, uint32_t number)
{
    return *variable_slot(r, number);
}

/* Values that are too long are cut, never inside a character (RFC 5229 3). */
bool
sieve_variable_set(struct sieve_run *r, const struct sieve_op *op, uint32_t number,
                   struct span value)
{
    struct span cut = utf8_cut(value, r->in.limits->variable_max);
    const char *kept = sieve_run_copy(r, cut);

    if (kept == NULL)
        return false;
    *variable_slot(r, number) = (struct span){kept, cut.n};
    run_trace(r, (struct sieve_trace){.kind = SIEVE_TRACE_SET, .value = {kept, cut.n}}, op);
    return true;
}

bool
sieve_match_variables_set(struct sieve_run *r, const struct span *values, uint32_t count)
{
    if (count > MATCH_VALUES_MAX)
        count = MATCH_VALUES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct span cut = utf8_cut(values[i], r->in.limits->variable_max);
        const char *kept = sieve_run_copy(r, cut);
        if (kept == NULL)
            return false;
        r->match_values[i] = (struct span){kept, cut.n};
    }
    r->match_count = count;
    return true;
}

static bool
append_piece(struct sieve_run *r, const struct piece *piece, struct buf *out)
{
    switch (piece->kind) {
    case PIECE_LITERAL:
        return buf_append_span(out, piece->text);
    case PIECE_VARIABLE:
        return buf_append_span(out, *variable_slot(r, piece->number));
    case PIECE_MATCH:
        return piece->number >= r->match_count ||
               buf_append_span(out, r->match_values[piece->number]);
    case PIECE_SPACE:
        return piece->space->get(r, piece->text, out);
    }
    return false;
}

bool
sieve_text_get(struct sieve_run *r, const struct sieve_text *t, struct span *out)
{
    struct buf value;
    bool ok = true;

    *out = t->literal;
    if (t->pieces == NULL)
        return true;
    buf_init(&value, STRING_MAX);
    for (uint32_t i = 0; ok && i < t->count; i++)
        ok = append_piece(r, &t->pieces[i], &value);
    const char *kept = ok ? sieve_run_copy(r, buf_span(&value)) : NULL;
    *out = (struct span){kept, value.len};
    buf_release(&value);
    return kept != NULL ||
           sieve_run_fail(r, NULL, "a string with its variables is longer than %d octets",
                          STRING_MAX);
}

bool
sieve_value_string(struct sieve_run *r, const struct sieve_value *v, struct span *out)
{
    *out = SPAN_NONE;
    return v->count == 0 || sieve_text_get(r, &v->strings[0], out);
}

bool
sieve_value_cstr(struct sieve_run *r, const struct sieve_value *v, const char **out)
{
    struct span s;

    if (!sieve_value_string(r, v, &s))
        return false;
    if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
        return sieve_run_fail(r, NULL, "a string has a NUL octet");
    *out = s.n == 0 ? "" : sieve_run_copy(r, s);
    return *out != NULL;
}
