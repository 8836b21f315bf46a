/* SPDX-License-Identifier: MIT
 *
 * xtext and utf-8-addr-xtext, printed: what may stand for itself does, the rest is hidden.
 */
#include "xtext_priv.h"

#include "doorstep/charset.h"

/* xchar of RFC 3461 4. */
static bool
is_xchar(uint32_t c)
{
    return c > 0x20 && c < 0x7f && c != '+' && c != '=';
}

size_t
xtext_length(struct span text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += is_xchar((unsigned char)text.p[i]) ? 1 : 3;
    return n;
}

bool
xtext_print(struct span text, struct buf *out)
{
    bool ok = true;

    for (size_t i = 0; i < text.n && ok; i++) {
        unsigned char c = (unsigned char)text.p[i];
        ok = is_xchar(c) ? buf_append_char(out, (char)c) : buf_printf(out, "+%02X", c);
    }
    return ok;
}

bool
utf8_address_print(struct span text, struct buf *out)
{
    bool ok = true;

    while (text.n > 0 && ok) {
        uint32_t c = utf8_next(&text);
        if (c == UTF8_WRONG)
            c = '?';
        ok = is_xchar(c) && c != '\\' ? buf_append_char(out, (char)c)
                                      : buf_printf(out, "\\x{%02X}", (unsigned)c);
    }
    return ok;
}
