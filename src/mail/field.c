/* SPDX-License-Identifier: MIT
 *
 * Header fields and their tokens: see field.h. Comments nest by a counter and not by recursion: a
 * header of 64 KiB of "(" is one loop.
 */
#include "doorstep/field.h"

#include <string.h>

static bool
is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Length of the line with its end; all of s when there is none. */
static size_t
line_length(struct span s)
{
    size_t n = span_find(s, '\n');

    return n < s.n ? n + 1 : n;
}

static bool
is_empty_line(struct span s)
{
    return s.p[0] == '\n' || (s.p[0] == '\r' && s.n > 1 && s.p[1] == '\n');
}

/* A field name is printable ASCII without a colon (RFC 5322 3.6.8); white space may stand between
 * it and the colon (4.5). Octets above 127 are let through: such a field is named, not understood.
 */
static bool
is_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
            return false;
    return s.n > 0;
}

enum field_result
field_next(struct span *block, struct field *out)
{
    struct span s = *block;

    if (s.n == 0 || is_empty_line(s))
        return FIELD_END;
    size_t n = line_length(s);
    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
        n += line_length(span_skip(s, n));
    struct span whole = {s.p, n};
    size_t colon = span_find((struct span){s.p, line_length(s)}, ':');
    *block = span_skip(s, n);
    out->name = span_trim((struct span){s.p, colon});
    out->value = span_trim(span_skip(whole, colon + 1));
    if (colon == n || is_white(s.p[0]) || !is_name(out->name))
        return FIELD_BROKEN;
    return s.p[colon] == ':' ? FIELD_OK : FIELD_BROKEN;
}

bool
field_is(const struct field *f, const char *name)
{
    return span_equal_fold(f->name, span_of(name));
}

static bool
is_dropped(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

bool
field_unfold(struct span value, struct buf *out)
{
    if (value.n == 0 || !buf_reserve(out, value.n))
        return value.n == 0;
    for (size_t i = 0, start = 0; i <= value.n; i++) {
        if (i < value.n && !is_dropped(value.p[i]))
            continue;
        buf_append(out, value.p + start, i - start); /* there is room: reserved above */
        start = i + 1;
    }
    return true;
}

/* *s begins with '(': skip to behind the ')' that belongs to it, and return the inside. */
static struct span
take_comment(struct span *s)
{
    size_t depth = 0, i = 0;

    for (; i < s->n; i++) {
        if (s->p[i] == '\\')
            i++; /* the octet behind it, if there is one, means itself */
        else if (s->p[i] == '(')
            depth++;
        else if (s->p[i] == ')' && --depth == 0)
            break;
    }
    size_t end = i < s->n ? i : s->n;
    struct span inside = {s->p + 1, end - 1};
    *s = span_skip(*s, end + 1);
    return inside;
}

bool
token_skip_cfws(struct span *s, struct span *comment)
{
    size_t before = s->n;

    while (s->n > 0) {
        if (is_white(s->p[0])) {
            *s = span_skip(*s, 1);
        } else if (s->p[0] == '(') {
            struct span inside = take_comment(s);
            if (comment != NULL)
                *comment = inside;
        } else {
            break;
        }
    }
    return s->n != before;
}

struct span
token_take_until(struct span *s, const char *stops)
{
    size_t n = 0;

    while (n < s->n && !is_white(s->p[n]) && (s->p[n] == '\0' || strchr(stops, s->p[n]) == NULL))
        n++;
    struct span token = {s->p, n};
    *s = span_skip(*s, n);
    return token;
}

bool
token_take_quoted(struct span *s, struct buf *out)
{
    bool fits = true;
    size_t i = 1;

    for (; i < s->n && s->p[i] != '"'; i++) {
        if (s->p[i] == '\\' && i + 1 < s->n)
            i++;
        if (!is_dropped(s->p[i]))
            fits = buf_append_char(out, s->p[i]) && fits;
    }
    *s = span_skip(*s, i + 1);
    return fits;
}

bool
token_take_char(struct span *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = span_skip(*s, 1);
    return true;
}
