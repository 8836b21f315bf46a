/* SPDX-License-Identifier: MIT
 *
 * Names of lists: see list_name.h.
 */
#include "doorstep/list_name.h"

#include <string.h>

#define URN "urn:ietf:params:sieve"
#define BOOK ":addrbook:"

static int
digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.1; a percent sign that is none stays. */
static bool
print_decoded(struct span s, struct buf *out)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? digit(s.p[i + 1]) : -1;
        int low = high < 0 ? -1 : digit(s.p[i + 2]);
        ok = buf_append_char(out, low < 0 ? s.p[i] : (char)(high << 4 | low));
        i += low < 0 ? 0 : 2;
    }
    return ok;
}

/* "MUST be considered case-insensitive after decoding", which of the books' names this one is. */
static void
lower_default(struct buf *out, size_t at)
{
    struct span book = span_skip(buf_span(out), at);

    if (span_equal_fold(book, SPAN("default")))
        for (size_t i = at; i < out->len; i++)
            out->data[i] |= 0x20;
}

bool
list_name_print(struct span name, struct buf *out)
{
    if (span_has_prefix_fold(name, SPAN(URN ":")))
        name = span_skip(name, sizeof(URN) - 1);
    if (!span_has_prefix_fold(name, SPAN(BOOK)))
        return buf_append_span(out, name);
    if (!buf_append_str(out, BOOK))
        return false;
    size_t at = out->len;
    if (!print_decoded(span_skip(name, sizeof(BOOK) - 1), out))
        return false;
    lower_default(out, at);
    return true;
}

static bool
is_of_scheme(char c, bool is_first)
{
    bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

    return is_letter || (!is_first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

struct span
list_name_scheme(struct span name)
{
    size_t n = 0;

    if (name.n > 0 && name.p[0] == ':')
        return SPAN("urn");
    while (n < name.n && is_of_scheme(name.p[n], n == 0))
        n++;
    return n > 0 && n < name.n && name.p[n] == ':' ? (struct span){name.p, n} : SPAN_NONE;
}

bool
list_next_value(struct span *text, struct span *value)
{
    while (text->n > 0) {
        size_t n = span_find(*text, '\n');

        *value = span_trim((struct span){text->p, n});
        *text = span_skip(*text, n < text->n ? n + 1 : n);
        if (value->n > 0 && value->p[0] != '#' && memchr(value->p, '\0', value->n) == NULL)
            return true;
    }
    return false;
}
