/* SPDX-License-Identifier: MIT
 *
 * RFC 5051: each character in title case, and that decomposed as far as it goes; the result is
 * compared as octets, which for UTF-8 is the order of the characters.
 */
#include "comparator_unicode_priv.h"

#include <unicase.h>
#include <uninorm.h>

#include "doorstep/charset.h"

#define DECOMPOSED_MAX 64 /* Unicode's longest is 18 */
#define WRONG_OCTET 0x110000

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
    unsigned char octet = (unsigned char)s->p[0];
    uint32_t character = utf8_next(s);

    if (character != UTF8_WRONG) {
        canonicalize(character, c);
        return;
    }
    c->items[0] = WRONG_OCTET + octet;
    c->count = 1;
}

static bool
append(struct buf *out, ucs4_t character)
{
    if (character >= WRONG_OCTET)
        return buf_append_char(out, (char)(character - WRONG_OCTET));
    return utf8_append(out, character);
}

bool
unicode_fold(struct span s, struct buf *out)
{
    struct canonical c;
    bool ok = true;

    while (ok && s.n > 0) {
        char octet = s.p[0];
        if ((octet & 0x80) == 0) {
            ok = buf_append_char(out, (char)(octet >= 'a' && octet <= 'z' ? octet & ~0x20 : octet));
            s = span_skip(s, 1);
            continue;
        }
        take(&s, &c);
        for (unsigned i = 0; ok && i < c.count; i++)
            ok = append(out, c.items[i]);
    }
    return ok;
}

/* ------------------------------------------------------------------ order */

struct stream { /* the canonical characters of a string, one by one */
    struct span rest;
    struct canonical c;
    unsigned at;
};

/* False: it is over. */
static bool
next(struct stream *s, ucs4_t *out)
{
    if (s->at == s->c.count) {
        if (s->rest.n == 0)
            return false;
        take(&s->rest, &s->c);
        s->at = 0;
    }
    *out = s->c.items[s->at++];
    return true;
}

int
unicode_order(struct span a, struct span b)
{
    struct stream x = {.rest = a}, y = {.rest = b};
    ucs4_t c = 0, d = 0;

    for (;;) {
        bool has_c = next(&x, &c), has_d = next(&y, &d);
        if (!has_c || !has_d)
            return has_c == has_d ? 0 : has_c ? 1 : -1;
        if (c != d)
            return c < d ? -1 : 1;
    }
}
