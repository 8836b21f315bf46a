/* SPDX-License-Identifier: MIT
 *
 * The two ways in which text is wrapped into a command argument: xtext (RFC 3461 section 4) and the
 * \x{} notation of utf-8 addresses (RFC 6533 section 3). Both are read exactly, and what they
 * hide is checked: an encoded line end would otherwise end up raw in a record
 * (CVE-2020-28021, CVE-2020-28026).
 */
#include "parameters_priv.h"

#include <string.h>

#include "doorstep/charset.h"

/* Only the upper case digits that the grammar has; -1 for others. */
static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool
is_printable(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e;
}

static bool
is_xchar(unsigned char c)
{
    return c > 0x20 && c <= 0x7e && c != '+' && c != '=';
}

/* One character of xtext at p: octets used, 0 when it is none. */
static size_t
xtext_octet(const char *p, const char *end, char *out)
{
    int high, low;

    if (is_xchar((unsigned char)*p)) {
        *out = *p;
        return 1;
    }
    if (*p != '+' || end - p < 3)
        return 0;
    high = hex_digit(p[1]);
    low = hex_digit(p[2]);
    if (high < 0 || low < 0 || !is_printable((unsigned char)(high * 16 + low)))
        return 0;
    *out = (char)(high * 16 + low);
    return 3;
}

const char *
xtext_decode(struct span in, size_t max, struct arena *arena)
{
    const char *p = in.p;
    const char *end = in.p + in.n;
    char *out = in.n == 0 || in.n > max ? NULL : arena_alloc(arena, in.n + 1);
    size_t n = 0;

    if (out == NULL)
        return NULL;
    while (p < end) {
        size_t used = xtext_octet(p, end, &out[n]);

        if (used == 0)
            return NULL;
        p += used;
        n++;
    }
    return out;
}

/* The HEXPOINT of "\x{...}" at p: octets used, 0 when it is none. */
static size_t
hexpoint(const char *p, const char *end, unsigned *out)
{
    const char *start = p;
    unsigned value = 0;
    int digits = 0;

    if (end - p < 3 || memcmp(p, "\\x{", 3) != 0)
        return 0;
    for (p += 3; p < end && hex_digit(*p) >= 0 && digits < 6; p++, digits++)
        value = value * 16 + (unsigned)hex_digit(*p);
    if (digits < 2 || p == end || *p != '}')
        return 0;
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) || value < 0x20 ||
        (value >= 0x7f && value <= 0x9f))
        return 0;
    *out = value;
    return (size_t)(p + 1 - start);
}

/* One character of the notation at p: octets used, 0 when it is none. */
static size_t
utf8_address_character(const char *p, const char *end, bool allow_utf8, struct buf *out)
{
    unsigned char c = (unsigned char)*p;
    unsigned value;
    size_t used = hexpoint(p, end, &value);

    if (used > 0)
        return utf8_append(out, value) ? used : 0;
    if ((is_xchar(c) && c != '\\') || (c >= 0x80 && allow_utf8))
        return buf_append_char(out, *p) ? 1 : 0;
    return 0;
}

const char *
utf8_address_decode(struct span in, size_t max, bool allow_utf8, struct arena *arena)
{
    const char *decoded = NULL;
    struct buf out;

    buf_init(&out, max); /* a character is never longer than its notation */
    while (in.n > 0) {
        size_t used = utf8_address_character(in.p, in.p + in.n, allow_utf8, &out);

        if (used == 0)
            break;
        in = span_skip(in, used);
    }
    if (in.n == 0 && out.len > 0 && utf8_is_valid(buf_span(&out)))
        decoded = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return decoded;
}
