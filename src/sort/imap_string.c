/* SPDX-License-Identifier: MIT
 *
 * Strings of RFC 9051 section 9: quoted or literal.
 */
#include "doorstep/charset.h"
#include "doorstep/field.h"

#include "imap_priv.h"

static bool
is_quotable(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0' || (unsigned char)s.p[i] > 127)
            return false;
    return true;
}

static bool
print_quoted(struct span s, struct buf *out)
{
    if (s.n == 0)
        return buf_append_str(out, "\"\"");
    if (!buf_reserve(out, s.n * 2 + 2))
        return false;
    buf_append_char(out, '"'); /* there is room: reserved above */
    for (size_t i = 0, start = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '"' && s.p[i] != '\\')
            continue;
        buf_append(out, s.p + start, i - start);
        if (i < s.n)
            buf_append_char(out, '\\');
        start = i;
    }
    return buf_append_char(out, '"');
}

/* A value without line ends and NUL, in UTF-8; the literal's length is known only then. */
static bool
print_literal(struct span value, struct buf *out)
{
    struct buf unfolded, text;

    buf_init(&unfolded, value.n);
    buf_init(&text, value.n * 3);
    bool fits = field_unfold(value, &unfolded) && charset_guess_to_utf8(buf_span(&unfolded), &text);
    if (fits && is_quotable(buf_span(&text)))
        fits = print_quoted(buf_span(&text), out);
    else if (fits && buf_reserve(out, text.len + 32))
        fits = buf_printf(out, "{%zu}\r\n", text.len) && buf_append_span(out, buf_span(&text));
    else
        fits = false;
    buf_release(&text);
    buf_release(&unfolded);
    return fits;
}

bool
imap_print_string(struct span value, struct buf *out)
{
    return is_quotable(value) ? print_quoted(value, out) : print_literal(value, out);
}

bool
imap_print_nstring(struct span value, struct buf *out)
{
    if (value.p == NULL)
        return buf_append_str(out, "NIL");
    return imap_print_string(value, out);
}
