/* SPDX-License-Identifier: MIT
 *
 * MIME parameters: see params.h. Sections ("name*0", "name*1*") are brought together by sorting, so
 * a header made of nothing else costs n log n.
 */
#include "doorstep/params.h"

#include <stdlib.h>

#include "doorstep/field.h"
#include "doorstep/words.h"

#define NO_SECTION (-1)

struct section { /* one parameter as written */
    struct span written;
    struct span base; /* the name without "*0*" */
    struct span value;
    int number; /* NO_SECTION, or of the continuation */
    bool is_extended;
    size_t position;
};

bool
content_parse(struct span value, struct span *type, struct span *subtype, struct span *rest)
{
    token_skip_cfws(&value, NULL);
    *type = token_take_until(&value, "()<>@,;:\\\"/[]?=");
    token_skip_cfws(&value, NULL);
    if (type->n == 0 || !token_take_char(&value, '/'))
        return false;
    token_skip_cfws(&value, NULL);
    *subtype = token_take_until(&value, "()<>@,;:\\\"/[]?=");
    token_skip_cfws(&value, NULL);
    *rest = value;
    return subtype->n > 0;
}

/* "base[*number][*]" (RFC 2231 7); a name of another form is left whole. */
static void
split_name(struct section *s)
{
    struct span name = s->written;
    unsigned long long number;

    s->number = NO_SECTION;
    s->is_extended = name.n > 1 && name.p[name.n - 1] == '*';
    name.n -= s->is_extended;
    size_t star = span_find(name, '*');
    struct span digits = span_skip(name, star + 1);
    s->base = name;
    if (star == 0 || star == name.n)
        return;
    s->base.n = star;
    bool is_plain = digits.n == 1 || (digits.n > 1 && digits.p[0] != '0');
    if (is_plain && span_parse_u64(digits, PARAMS_MAX, &number)) {
        s->number = (int)number;
        return;
    }
    s->base = s->written;
    s->is_extended = false;
}

static struct span
copy_quoted(struct span *in, struct arena *arena, bool *fits)
{
    struct buf text;

    buf_init(&text, in->n);
    *fits = token_take_quoted(in, &text);
    struct span value = buf_span(&text);
    char *copy = arena_copy(arena, value);
    *fits = *fits && copy != NULL;
    value = *fits ? (struct span){copy, text.len} : SPAN_NONE;
    buf_release(&text);
    return value;
}

static void
skip_to_semicolon(struct span *in)
{
    while (in->n > 0 && in->p[0] != ';') {
        token_skip_cfws(in, NULL);
        if (in->n > 0 && in->p[0] == '"') {
            struct buf nowhere;
            buf_init(&nowhere, 0);
            token_take_quoted(in, &nowhere);
        } else {
            token_take_until(in, ";(\"");
        }
    }
}

/* Take one parameter, or junk up to the next ';'. False: it was junk. */
static bool
take_section(struct span *in, struct arena *arena, struct section *out, bool *fits)
{
    bool found = false;

    out->written = token_take_until(in, "=;(\"");
    token_skip_cfws(in, NULL);
    if (out->written.n > 0 && token_take_char(in, '=')) {
        token_skip_cfws(in, NULL);
        if (in->n > 0 && in->p[0] == '"')
            out->value = copy_quoted(in, arena, fits);
        else
            out->value = token_take_until(in, ";(");
        found = true;
        split_name(out);
    }
    skip_to_semicolon(in);
    return found;
}

static size_t
take_sections(struct span in, struct arena *arena, struct section *out, bool *is_truncated)
{
    size_t count = 0;

    while (in.n > 0) {
        bool fits = true;
        token_skip_cfws(&in, NULL);
        if (in.n == 0 || token_take_char(&in, ';'))
            continue;
        if (count == PARAMS_MAX) {
            *is_truncated = true;
            return count;
        }
        out[count].position = count;
        if (take_section(&in, arena, &out[count], &fits) && fits)
            count++;
        *is_truncated = *is_truncated || !fits;
    }
    return count;
}

static int
compare_fold(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < n; i++) {
        int x = a.p[i] >= 'A' && a.p[i] <= 'Z' ? a.p[i] + 32 : a.p[i];
        int y = b.p[i] >= 'A' && b.p[i] <= 'Z' ? b.p[i] + 32 : b.p[i];
        if (x != y)
            return x - y;
    }
    return (a.n > b.n) - (a.n < b.n);
}

static int
by_name_and_number(const void *a, const void *b)
{
    const struct section *x = a, *y = b;
    int order = compare_fold(x->base, y->base);

    if (order == 0)
        order = x->number - y->number;
    return order != 0 ? order : (x->position > y->position) - (x->position < y->position);
}

static int
by_position(const void *a, const void *b)
{
    const struct section *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

/* RFC 2231 7: attribute-char, which stands for itself in an extended value. */
static bool
is_attribute_char(char c)
{
    bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

    return is_alnum || c == '-' || c == '.' || c == '_' || c == '!' || c == '$' || c == '&' ||
           c == '+' || c == '~' || c == '#' || c == '^' || c == '{' || c == '}' || c == '|';
}

static bool
append_percent(struct span value, struct buf *out)
{
    bool fits = true;

    for (size_t i = 0; i < value.n && fits; i++) {
        if (is_attribute_char(value.p[i]))
            fits = buf_append_char(out, value.p[i]);
        else
            fits = buf_printf(out, "%%%02X", (unsigned char)value.p[i]);
    }
    return fits;
}

/* Join s[0..n) into s[0]: extended when any of them is, the plain ones then encoded. */
static bool
join(struct section *s, size_t n, struct arena *arena)
{
    struct buf text;
    bool is_extended = false, fits = true;
    size_t octets = 2;

    for (size_t i = 0; i < n; i++) {
        is_extended = is_extended || s[i].is_extended;
        octets += s[i].value.n * 3;
    }
    buf_init(&text, octets);
    if (is_extended && !s[0].is_extended) /* no charset is known */
        fits = buf_append_str(&text, "''");
    for (size_t i = 0; i < n && fits; i++) {
        if (is_extended && !s[i].is_extended)
            fits = append_percent(s[i].value, &text);
        else
            fits = buf_append_span(&text, s[i].value);
        if (s[i].position < s[0].position)
            s[0].position = s[i].position;
    }
    char *copy = fits ? arena_copy(arena, buf_span(&text)) : NULL;
    s[0].value = (struct span){copy, copy == NULL ? 0 : text.len};
    s[0].is_extended = is_extended;
    s[0].number = NO_SECTION;
    buf_release(&text);
    return copy != NULL;
}

/* Length of the run "base*0, base*1, ..." that sorted s begins with; 0 when it does not begin one.
 */
static size_t
run_length(const struct section *s, size_t n)
{
    size_t i = 0;

    while (i < n && s[i].number == (int)i && compare_fold(s[i].base, s[0].base) == 0)
        i++;
    return i;
}

/* Sections without a beginning, or behind a gap, stay parameters of their own under the name that
 * was written. */
static size_t
join_sections(struct section *s, size_t n, struct arena *arena, bool *is_truncated)
{
    size_t kept = 0;

    qsort(s, n, sizeof *s, by_name_and_number);
    for (size_t i = 0; i < n;) {
        size_t run = run_length(s + i, n - i);
        if (run > 0 && !join(s + i, run, arena))
            *is_truncated = true;
        else if (run == 0 && s[i].number != NO_SECTION) {
            s[i].base = s[i].written;
            s[i].is_extended = false;
        }
        s[kept++] = s[i];
        i += run > 0 ? run : 1;
    }
    qsort(s, kept, sizeof *s, by_position);
    return kept;
}

void
params_parse(struct span in, struct arena *arena, struct params *out)
{
    struct section s[PARAMS_MAX];
    bool has_sections = false;

    out->is_truncated = false;
    size_t n = take_sections(in, arena, s, &out->is_truncated);
    for (size_t i = 0; i < n; i++)
        has_sections = has_sections || s[i].number != NO_SECTION;
    if (has_sections)
        n = join_sections(s, n, arena, &out->is_truncated);
    for (size_t i = 0; i < n; i++)
        out->item[i] = (struct param){s[i].base, s[i].value, s[i].is_extended};
    out->count = n;
}

const struct param *
params_find(const struct params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (span_equal_fold(p->item[i].name, span_of(name)))
            return &p->item[i];
    return NULL;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
append_unpercent(struct span s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 && hex_value(s.p[i + 2]) >= 0) {
            c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        }
        if (!buf_append_char(out, c))
            return false;
    }
    return true;
}

bool
param_decode(struct charsets *set, const struct param *p, struct buf *out)
{
    struct span charset = p->value;
    struct buf octets;

    if (!p->is_extended)
        return words_decode(set, p->value, out);
    charset.n = span_find(charset, '\'');
    struct span rest = span_skip(p->value, charset.n + 1);
    rest = span_skip(rest, span_find(rest, '\'') + 1);
    if (charset.n == p->value.n) /* no quotes at all */
        rest = p->value;
    buf_init(&octets, rest.n);
    bool fits = append_unpercent(rest, &octets);
    if (!charset_to_utf8(set, charset, buf_span(&octets), out))
        fits = charset_guess_to_utf8(buf_span(&octets), out) && fits;
    buf_release(&octets);
    return fits;
}
