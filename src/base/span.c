/* SPDX-License-Identifier: MIT
 *
 * Borrowed pieces of memory: see span.h.
 */
#include "doorstep/span.h"

static unsigned char
fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned char)(c + ('a' - 'A'));
    return (unsigned char)c;
}

bool
span_equal_fold(struct span a, struct span b)
{
    return a.n == b.n && span_has_prefix_fold(a, b);
}

bool
span_has_prefix_fold(struct span s, struct span prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (fold(s.p[i]) != fold(prefix.p[i]))
            return false;
    return true;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
span_trim(struct span s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = span_skip(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool
span_parse_u64(struct span s, unsigned long long max, unsigned long long *out)
{
    unsigned long long v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (v > (max - digit) / 10 || max < digit)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}
