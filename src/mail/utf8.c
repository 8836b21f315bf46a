/* SPDX-License-Identifier: MIT
 *
 * UTF-8 (RFC 3629), checked: see charset.h.
 */
#include <string.h>

#include "doorstep/charset.h"

bool
utf8_is_ascii(struct span s)
{
    size_t i = 0;

    for (; i + sizeof(uint64_t) <= s.n; i += sizeof(uint64_t)) {
        uint64_t eight;
        memcpy(&eight, s.p + i, sizeof eight);
        if ((eight & 0x8080808080808080u) != 0)
            return false;
    }
    for (; i < s.n; i++)
        if ((unsigned char)s.p[i] > 127)
            return false;
    return true;
}

/* How long the character that begins with `first` must be, and the smallest code point of that
 * length. */
static unsigned
sequence_length(unsigned char first, uint32_t *smallest)
{
    *smallest = first < 0xe0 ? 0x80 : first < 0xf0 ? 0x800 : 0x10000;
    if (first < 0xc2)
        return 0; /* a continuation, or always overlong */
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* The character that s begins with, of which the first octet is above 127; its length, or 0. */
static unsigned
take_sequence(struct span s, uint32_t *c)
{
    uint32_t smallest;
    unsigned n = sequence_length((unsigned char)s.p[0], &smallest);

    if (n == 0 || s.n < n)
        return 0;
    *c = (unsigned char)s.p[0] & (0x7fu >> n);
    for (unsigned i = 1; i < n; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    bool is_surrogate = *c >= 0xd800 && *c <= 0xdfff;
    return *c < smallest || *c > 0x10ffff || is_surrogate ? 0 : n;
}

uint32_t
utf8_next(struct span *s)
{
    uint32_t c = (unsigned char)s->p[0];
    unsigned n = 1;

    if (c > 127) {
        n = take_sequence(*s, &c);
        if (n == 0) {
            n = 1;
            c = UTF8_WRONG;
        }
    }
    *s = span_skip(*s, n);
    return c;
}

bool
utf8_is_valid(struct span s)
{
    if (utf8_is_ascii(s))
        return true;
    while (s.n > 0)
        if (utf8_next(&s) == UTF8_WRONG)
            return false;
    return true;
}

bool
utf8_append(struct buf *out, uint32_t c)
{
    char octets[4];

    if (c < 0x80)
        return buf_append_char(out, (char)c);
    if (c < 0x800) {
        octets[0] = (char)(0xc0 | c >> 6);
        octets[1] = (char)(0x80 | (c & 0x3f));
        return buf_append(out, octets, 2);
    }
    if (c < 0x10000) {
        octets[0] = (char)(0xe0 | c >> 12);
        octets[1] = (char)(0x80 | (c >> 6 & 0x3f));
        octets[2] = (char)(0x80 | (c & 0x3f));
        return buf_append(out, octets, 3);
    }
    octets[0] = (char)(0xf0 | c >> 18);
    octets[1] = (char)(0x80 | (c >> 12 & 0x3f));
    octets[2] = (char)(0x80 | (c >> 6 & 0x3f));
    octets[3] = (char)(0x80 | (c & 0x3f));
    return buf_append(out, octets, 4);
}

struct span
utf8_cut(struct span s, size_t n)
{
    if (s.n <= n)
        return s;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return (struct span){s.p, n};
}
