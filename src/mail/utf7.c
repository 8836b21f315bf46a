/* SPDX-License-Identifier: MIT
 *
 * Modified UTF-7 (RFC 3501 5.1.3): printable ASCII stands for itself, "&-" is an ampersand, and
 * "&...-" is UTF-16 in a base64 that has ',' for '/' and no padding. Used for folder names.
 */
#include "doorstep/utf7.h"

#include <stdint.h>
#include <unistr.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

struct utf7_bits { /* between UTF-16 units and base64 digits */
    uint32_t value;
    unsigned count; /* low bits of value that are not written yet */
};

static bool
utf7_is_direct(ucs4_t c)
{
    return c >= 0x20 && c <= 0x7e && c != '&';
}

static void
utf7_undo(struct buf *out, size_t length)
{
    out->len = length;
    if (out->data != NULL)
        out->data[length] = '\0';
}

static bool
utf7_put_unit(struct utf7_bits *bits, uint32_t unit, struct buf *out)
{
    bits->value = bits->value << 16 | unit;
    bits->count += 16;
    while (bits->count >= 6) {
        bits->count -= 6;
        if (!buf_append_char(out, base64[bits->value >> bits->count & 0x3f]))
            return false;
    }
    return true;
}

static bool
utf7_put_shifted(struct utf7_bits *bits, ucs4_t c, struct buf *out)
{
    if (c < 0x10000)
        return utf7_put_unit(bits, c, out);
    return utf7_put_unit(bits, 0xd800 + ((c - 0x10000) >> 10), out) &&
           utf7_put_unit(bits, 0xdc00 + ((c - 0x10000) & 0x3ff), out);
}

static bool
utf7_end_shift(struct utf7_bits *bits, struct buf *out)
{
    if (bits->count > 0 && !buf_append_char(out, base64[bits->value << (6 - bits->count) & 0x3f]))
        return false;
    *bits = (struct utf7_bits){0, 0};
    return buf_append_char(out, '-');
}

static bool
utf7_encode_all(struct span utf8, struct buf *out)
{
    struct utf7_bits bits = {0, 0};
    bool shifted = false;

    while (utf8.n > 0) {
        ucs4_t c;
        int used = u8_mbtoucr(&c, (const uint8_t *)utf8.p, utf8.n);
        if (used <= 0 || c == 0)
            return false;
        utf8 = span_skip(utf8, (size_t)used);

        bool direct = utf7_is_direct(c) || c == '&';
        if (shifted && direct && !utf7_end_shift(&bits, out))
            return false;
        if (!shifted && !direct && !buf_append_char(out, '&'))
            return false;
        shifted = !direct;
        if (shifted && !utf7_put_shifted(&bits, c, out))
            return false;
        if (direct && !(c == '&' ? buf_append_str(out, "&-") : buf_append_char(out, (char)c)))
            return false;
    }
    return !shifted || utf7_end_shift(&bits, out);
}

bool
utf7_encode(struct span utf8, struct buf *out)
{
    size_t before = out->len;

    if (utf7_encode_all(utf8, out))
        return true;
    utf7_undo(out, before);
    return false;
}

static int
utf7_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == ',' ? 63 : -1;
}

static bool
utf7_put_utf8(ucs4_t c, struct buf *out)
{
    uint8_t octets[6];
    int n = u8_uctomb(octets, c, sizeof(octets));

    return n > 0 && c != 0 && buf_append(out, octets, (size_t)n);
}

/* The base64 between '&' and '-'. Spare bits at the end and needless shifts are found by the
 * comparison in utf7_decode(). */
static bool
utf7_decode_shifted(struct span digits, struct buf *out)
{
    struct utf7_bits bits = {0, 0};
    uint32_t high = 0; /* first half of a surrogate pair */

    for (size_t i = 0; i < digits.n; i++) {
        int digit = utf7_digit(digits.p[i]);
        if (digit < 0)
            return false;
        bits.value = bits.value << 6 | (uint32_t)digit;
        bits.count += 6;
        if (bits.count < 16)
            continue;
        bits.count -= 16;

        uint32_t unit = bits.value >> bits.count & 0xffff;
        bool is_low = unit >= 0xdc00 && unit <= 0xdfff;
        if (is_low != (high != 0))
            return false;
        if (unit >= 0xd800 && unit <= 0xdbff) {
            high = unit;
            continue;
        }
        ucs4_t c = is_low ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : unit;
        high = 0;
        if (!utf7_put_utf8(c, out))
            return false;
    }
    return high == 0;
}

static bool
utf7_decode_all(struct span in, struct buf *out)
{
    while (in.n > 0) {
        if (utf7_is_direct((unsigned char)in.p[0])) {
            if (!buf_append_char(out, in.p[0]))
                return false;
            in = span_skip(in, 1);
            continue;
        }
        size_t end = span_find(in, '-');
        if (in.p[0] != '&' || end == in.n)
            return false;
        struct span digits = {in.p + 1, end - 1};
        if (digits.n == 0 ? !buf_append_char(out, '&') : !utf7_decode_shifted(digits, out))
            return false;
        in = span_skip(in, end + 1);
    }
    return true;
}

bool
utf7_decode(struct span in, struct buf *out)
{
    size_t before = out->len;
    struct buf again; /* what we would have written ourselves */
    bool ok = utf7_decode_all(in, out);

    buf_init(&again, in.n);
    if (ok) {
        struct span decoded = {buf_str(out) + before, out->len - before};
        ok = utf7_encode_all(decoded, &again) && span_equal(buf_span(&again), in);
    }
    buf_release(&again);
    if (!ok)
        utf7_undo(out, before);
    return ok;
}
