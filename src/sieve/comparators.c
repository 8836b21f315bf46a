/* SPDX-License-Identifier: MIT
 *
 * Comparators (RFC 4790): how strings are equal, ordered and searched.
 */
#include "program_priv.h"

#include "comparator_unicode_priv.h"
#include "extensions_priv.h"

static int
order_octets(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

    return order != 0 ? (order < 0 ? -1 : 1) : a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

/* ------------------------------------------------------------------ i;ascii-casemap (9.2) */

static unsigned char
fold_octet(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static unsigned char
raise_octet(char c)
{
    return (unsigned char)(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
}

/* Ordered as upper case: '_' stands behind the letters. */
static int
order_casemap(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < n; i++) {
        unsigned char x = raise_octet(a.p[i]), y = raise_octet(b.p[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

/* Octet by octet: offsets stay what they are. */
static bool
fold_casemap(struct span s, struct buf *out)
{
    if (!buf_reserve(out, s.n))
        return false;
    char *end = out->data + out->len;
    for (size_t i = 0; i < s.n; i++)
        end[i] = (char)fold_octet(s.p[i]);
    end[s.n] = '\0';
    out->len += s.n;
    return true;
}

/* ------------------------------------------------------------------ i;ascii-numeric (9.1) */

static struct span
digits(struct span s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return (struct span){s.p, n};
}

static struct span
without_zeros(struct span s)
{
    while (s.n > 1 && s.p[0] == '0')
        s = span_skip(s, 1);
    return s;
}

/* What begins with no digit is infinitely large. */
static int
order_numeric(struct span a, struct span b)
{
    struct span x = digits(a), y = digits(b);

    if (x.n == 0 || y.n == 0)
        return x.n == y.n ? 0 : x.n == 0 ? 1 : -1;
    x = without_zeros(x);
    y = without_zeros(y);
    if (x.n != y.n)
        return x.n < y.n ? -1 : 1;
    return order_octets(x, y);
}

/* ------------------------------------------------------------------ all of them */

static const struct sieve_comparator comparators[] = {
    {"i;ascii-casemap", NULL, true, true, order_casemap, fold_casemap},
    {"i;octet", NULL, true, true, order_octets, NULL},
    {"i;ascii-numeric", "comparator-i;ascii-numeric", false, true, order_numeric, NULL},
    {"i;unicode-casemap", "comparator-i;unicode-casemap", true, false, unicode_order, unicode_fold},
};

const struct sieve_comparator *
sieve_comparator_find(struct span name)
{
    for (size_t i = 0; i < sizeof(comparators) / sizeof(comparators[0]); i++)
        if (span_equal(span_of(comparators[i].name), name))
            return &comparators[i];
    return NULL;
}

const struct sieve_comparator *
sieve_op_comparator(const struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_COMPARATOR);
    struct span name;

    if (t == NULL && op->definition->comparator != NULL)
        return sieve_comparator_find(span_of(op->definition->comparator));
    if (t == NULL || !sieve_text_constant(t->value.strings, &name))
        return &comparators[0];
    return sieve_comparator_find(name);
}

enum sieve_match_type
sieve_op_match_type(const struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_MATCH);

    return t == NULL ? SIEVE_MATCH_IS : (enum sieve_match_type)t->tag->id;
}

/* ------------------------------------------------------------------ tags of every comparing test
 */

static bool
check_comparator(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span name;

    (void)op;
    if (!sieve_text_constant(value->strings, &name))
        return sieve_check_error(c, value->at, "the name of a comparator must be constant");
    const struct sieve_comparator *k = sieve_comparator_find(name);
    if (k == NULL && check_excuse(c))
        return false;
    if (k == NULL)
        return sieve_check_error(c, value->at, "comparator '%.*s' is not supported",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    if (k->extension != NULL && !sieve_check_has(c, k->extension))
        return sieve_check_error(c, value->at, "comparator '%s' needs: require \"%s\"", k->name,
                                 k->extension);
    return true;
}

/* RFC 4790 9.1.1: no substrings of numbers. */
static bool
check_substring(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    const struct sieve_comparator *k = sieve_op_comparator(op);

    if (k != NULL && !k->has_substring)
        return sieve_check_error(c, value->at, "comparator '%s' can search no part of a string",
                                 k->name);
    return true;
}

const struct sieve_tag base_match_tags[] = {
    {"comparator", SIEVE_TAKES_STRING, SIEVE_SLOT_COMPARATOR, SIEVE_ON_COMPARE, 0,
     check_comparator},
    {"is", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_IS, NULL},
    {"contains", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_CONTAINS,
     check_substring},
    {"matches", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_MATCHES,
     check_substring},
    {"all", SIEVE_TAKES_NOTHING, SIEVE_SLOT_ADDRESS_PART, SIEVE_ON_ADDRESS, SIEVE_ADDRESS_ALL,
     NULL},
    {"localpart", SIEVE_TAKES_NOTHING, SIEVE_SLOT_ADDRESS_PART, SIEVE_ON_ADDRESS,
     SIEVE_ADDRESS_LOCAL, NULL},
    {"domain", SIEVE_TAKES_NOTHING, SIEVE_SLOT_ADDRESS_PART, SIEVE_ON_ADDRESS, SIEVE_ADDRESS_DOMAIN,
     NULL},
    {0},
};

const struct sieve_extension sieve_comparator_octet = {.name = "comparator-i;octet"};
const struct sieve_extension sieve_comparator_casemap = {.name = "comparator-i;ascii-casemap"};
const struct sieve_extension sieve_comparator_unicode = {.name = "comparator-i;unicode-casemap"};
const struct sieve_extension sieve_comparator_numeric = {.name = "comparator-i;ascii-numeric"};
