/* SPDX-License-Identifier: MIT
 *
 * A bracket expression as a set: one flag for each character of ASCII (or octet), ranges for the
 * others. A backslash in it means itself, unlike in PCRE2.
 */
#include "regex_bracket_priv.h"

#include <ctype.h>

#include "doorstep/charset.h"

#define RANGES_MAX 256

struct bracket {
    struct span *rest;
    enum regex_flavour flavour;
    bool is_negated;
    bool has[256];
    struct {
        uint32_t low, high;
    } ranges[RANGES_MAX];
    unsigned range_count;
    unsigned classes; /* bits: rows of the table below */
};

static int
is_blank_octet(int c)
{
    return c == ' ' || c == '\t';
}

/* Of ASCII, whatever the locale. */
static const struct {
    const char *name;
    int (*has)(int c);
} classes[] = {
    {"alnum", isalnum}, {"alpha", isalpha}, {"blank", is_blank_octet}, {"cntrl", iscntrl},
    {"digit", isdigit}, {"graph", isgraph}, {"lower", islower},        {"print", isprint},
    {"punct", ispunct}, {"space", isspace}, {"upper", isupper},        {"xdigit", isxdigit},
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static bool
is_next(const struct bracket *b, const char *text)
{
    size_t n = strlen(text);

    return b->rest->n >= n && memcmp(b->rest->p, text, n) == 0;
}

/* ------------------------------------------------------------------ what is in it */

static const char *
add_range(struct bracket *b, uint32_t low, uint32_t high)
{
    uint32_t flags = b->flavour == REGEX_OCTETS ? 256 : 128;

    if (low > high)
        return "a range ends before it begins";
    for (; low < flags && low <= high; low++)
        b->has[low] = true;
    if (low > high)
        return NULL;
    if (b->range_count == RANGES_MAX)
        return "too much between '[' and ']'";
    b->ranges[b->range_count].low = low;
    b->ranges[b->range_count++].high = high;
    return NULL;
}

static const char *
add_class(struct bracket *b, struct span name)
{
    for (unsigned i = 0; i < CLASSES; i++) {
        if (!span_equal(span_of(classes[i].name), name))
            continue;
        for (int c = 0; c < 128; c++)
            b->has[c] = b->has[c] || classes[i].has(c) != 0;
        b->classes |= 1u << i;
        return NULL;
    }
    return "no such class of characters";
}

/* The inside of "[:", "[=" and "[." up to the same with ']'. False: it has no end. */
static bool
take_inside(struct bracket *b, struct span *inside)
{
    char end[3] = {b->rest->p[1], ']', '\0'};
    struct span s = span_skip(*b->rest, 2);
    const char *hit = s.n == 0 ? NULL : memmem(s.p, s.n, end, 2);

    if (hit == NULL)
        return false;
    *inside = (struct span){s.p, (size_t)(hit - s.p)};
    *b->rest = span_skip(s, inside->n + 2);
    return true;
}

static const char *
take_code(struct bracket *b, struct span *s, uint32_t *out)
{
    *out = (unsigned char)s->p[0];
    if (b->flavour == REGEX_OCTETS || *out < 128) {
        *s = span_skip(*s, 1);
        return NULL;
    }
    *out = utf8_next(s);
    return *out == UTF8_WRONG ? "no UTF-8" : NULL;
}

/* A character, or "[.x.]" or "[=x=]" that stand for one. */
static const char *
take_element(struct bracket *b, uint32_t *out)
{
    struct span inside;
    const char *text;

    if (!is_next(b, "[.") && !is_next(b, "[="))
        return take_code(b, b->rest, out);
    if (!take_inside(b, &inside))
        return "'[.' or '[=' without its end";
    if (inside.n == 0)
        return "no such collating element";
    text = take_code(b, &inside, out);
    return text == NULL && inside.n > 0 ? "no such collating element" : text;
}

/* One character or a range; '-' is itself at the end. */
static const char *
take_item(struct bracket *b)
{
    uint32_t low = 0, high;
    struct span inside;

    if (is_next(b, "[:"))
        return take_inside(b, &inside) ? add_class(b, inside) : "'[:' without ':]'";
    const char *text = take_element(b, &low);
    high = low;
    if (text == NULL && is_next(b, "-") && b->rest->n > 1 && b->rest->p[1] != ']') {
        *b->rest = span_skip(*b->rest, 1);
        text = is_next(b, "[:") ? "a class cannot end a range" : take_element(b, &high);
    }
    return text == NULL ? add_range(b, low, high) : text;
}

/* Behind '[': a ']' that comes first is itself. */
static const char *
take_items(struct bracket *b)
{
    bool is_first = true;

    *b->rest = span_skip(*b->rest, 1);
    b->is_negated = is_next(b, "^");
    *b->rest = span_skip(*b->rest, b->is_negated);
    for (; b->rest->n > 0; is_first = false) {
        if (!is_first && is_next(b, "]")) {
            *b->rest = span_skip(*b->rest, 1);
            return NULL;
        }
        const char *text = take_item(b);
        if (text != NULL)
            return text;
    }
    return "'[' without ']'";
}

/* ------------------------------------------------------------------ as PCRE2 writes it */

static void
join_cases(struct bracket *b)
{
    for (int c = 'a'; c <= 'z'; c++) {
        bool has = b->has[c] || b->has[c ^ 0x20];
        b->has[c] = b->has[c ^ 0x20] = has;
    }
}

static bool
print_flags(const struct bracket *b, struct buf *out)
{
    bool ok = true;

    for (unsigned c = 0; ok && c < 256; c++) {
        unsigned low = c;
        if (!b->has[c])
            continue;
        while (c < 255 && b->has[c + 1])
            c++;
        ok = buf_printf(out, "\\x{%02x}-\\x{%02x}", low, c);
    }
    return ok;
}

/* With Unicode, a class has all the characters that are of its kind. */
static bool
print_classes(const struct bracket *b, struct buf *out)
{
    bool ok = true;

    for (unsigned i = 0; ok && b->flavour == REGEX_UNICODE_CASE && i < CLASSES; i++)
        if ((b->classes & 1u << i) != 0)
            ok = buf_printf(out, "[:%s:]", classes[i].name);
    return ok;
}

static bool
print(const struct bracket *b, struct buf *out)
{
    bool ok = buf_append_str(out, b->is_negated ? "[^" : "[") && print_flags(b, out);

    for (unsigned i = 0; ok && i < b->range_count; i++)
        ok = buf_printf(out, "\\x{%x}-\\x{%x}", b->ranges[i].low, b->ranges[i].high);
    return ok && print_classes(b, out) && buf_append_char(out, ']');
}

const char *
regex_bracket(struct span *s, enum regex_flavour flavour, struct buf *out)
{
    struct bracket b = {.rest = s, .flavour = flavour};
    const char *text = take_items(&b);

    if (text != NULL)
        return text;
    if (flavour == REGEX_ASCII_CASE)
        join_cases(&b);
    return print(&b, out) ? NULL : "too long";
}
