/* SPDX-License-Identifier: MIT
 *
 * RFC 5051: each character in title case, and that decomposed as far as it goes; the result is
 * compared as octets, which for UTF-8 is the order of the characters.
 */
#include "comparator_unicode_priv.h"

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "doorstep/charset.h"

#define DECOMPOSED_MAX 64 /* Unicode's longest is 18 */

struct canonical { /* what one character becomes */
    ucs4_t items[DECOMPOSED_MAX];
    unsigned count;
};

/* Item i gives way to the n characters that it is made of. */
static void
replace(struct canonical *c, unsigned i, const ucs4_t *with, unsigned n)
{
    memmove(&c->items[i + n], &c->items[i + 1], (c->count - i - 1) * sizeof(*c->items));
    memcpy(&c->items[i], with, n * sizeof(*with));
    c->count += n - 1;
}

static void
canonicalize(uint32_t character, struct canonical *c)
{
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    int tag;

    c->items[0] = uc_totitle(character);
    c->count = 1;
    for (unsigned i = 0; i < c->count;) {
        int n = uc_decomposition(c->items[i], &tag, parts);
        if (n <= 0 || c->count + (unsigned)n > DECOMPOSED_MAX)
            i++;
        else
            replace(c, i, parts, (unsigned)n);
    }
}

/* The first character of s, which is taken off, in its canonical form. */
static void
take(struct span *s, struct canonical *c)
{
    canonicalize(utf8_next(s), c);
}

/* The characters of ASCII that s begins with, taken off: most mail has no others. */
static bool
fold_ascii(struct span *s, struct buf *out)
{
    char block[256];
    size_t n;

    for (n = 0; n < s->n && n < sizeof(block) && (s->p[n] & 0x80) == 0; n++)
        block[n] = (char)(s->p[n] - (s->p[n] >= 'a' && s->p[n] <= 'z' ? 'a' - 'A' : 0));
    *s = span_skip(*s, n);
    return buf_append(out, block, n);
}

/* "The original string is used unchanged" where it is no UTF-8 (2, step 1b). */
bool
unicode_fold(struct span s, struct buf *out)
{
    struct canonical c;
    bool ok = true;

    if (!utf8_is_valid(s))
        return buf_append_span(out, s);
    while (ok && s.n > 0) {
        if ((s.p[0] & 0x80) == 0) {
            ok = fold_ascii(&s, out);
            continue;
        }
        take(&s, &c);
        for (unsigned i = 0; ok && i < c.count; i++)
            ok = utf8_append(out, c.items[i]);
    }
    return ok;
}

/* ------------------------------------------------------------------ order */

struct stream { /* the octets of what unicode_fold() makes of a string, one by one */
    struct span rest;
    bool is_raw;
    struct canonical c;
    unsigned at; /* in c */
    uint8_t octets[4];
    int left, count; /* of octets */
};

/* False: there are none. */
static bool
refill(struct stream *s)
{
    if (s->at == s->c.count) {
        if (s->rest.n == 0)
            return false;
        take(&s->rest, &s->c);
        s->at = 0;
    }
    s->count = s->left = u8_uctomb(s->octets, s->c.items[s->at++], sizeof(s->octets));
    return s->count > 0;
}

/* -1: it is over. */
static int
next(struct stream *s)
{
    if (s->is_raw) {
        int octet = s->rest.n == 0 ? -1 : (unsigned char)s->rest.p[0];
        s->rest = span_skip(s->rest, 1);
        return octet;
    }
    if (s->left == 0 && !refill(s))
        return -1;
    return s->octets[s->count - s->left--];
}

/* As i;octet has it: a string that another begins with stands before it. */
int
unicode_order(struct span a, struct span b)
{
    struct stream x = {.rest = a, .is_raw = !utf8_is_valid(a)};
    struct stream y = {.rest = b, .is_raw = !utf8_is_valid(b)};
    int c, d;

    do {
        c = next(&x);
        d = next(&y);
    } while (c == d && c >= 0);
    return c == d ? 0 : c < d ? -1 : 1;
}
