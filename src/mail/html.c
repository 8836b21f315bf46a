/* SPDX-License-Identifier: MIT
 *
 * HTML to text: see html.h. Every construct that has no end goes up to the end of
 * the input, so nothing is looked for twice.
 */
#include "doorstep/html.h"

#include "doorstep/charset.h"

#define ENTITY_MAX 10 /* octets between '&' and ';' */

/* U+00A0 to U+00FF in order (HTML 4.01, 24.2.1). */
static const char *const latin1_entities[96] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml",
};

struct html_entity {
    const char *name;
    uint32_t character;
};

static const struct html_entity other_entities[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},     {"ndash", 0x2013},  {"mdash", 0x2014},  {"lsquo", 0x2018},
    {"rsquo", 0x2019},  {"sbquo", 0x201a},  {"ldquo", 0x201c},  {"rdquo", 0x201d},
    {"bdquo", 0x201e},  {"bull", 0x2022},   {"hellip", 0x2026}, {"lsaquo", 0x2039},
    {"rsaquo", 0x203a}, {"euro", 0x20ac},   {"trade", 0x2122},  {"rarr", 0x2192},
    {"larr", 0x2190},   {"zwnj", 0x200c},   {"zwj", 0x200d},    {"ensp", 0x2002},
    {"emsp", 0x2003},   {"thinsp", 0x2009}, {"OElig", 0x152},   {"oelig", 0x153},
    {"Scaron", 0x160},  {"scaron", 0x161},  {"minus", 0x2212},
};

static const char *const inline_tags[] = {"a",   "abbr", "b",     "em",   "font",   "i",
                                          "o:p", "s",    "small", "span", "strong", "sub",
                                          "sup", "tt",   "u",     "wbr"};
static const char *const hidden_tags[] = {"script", "style", "title"};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

struct html {
    struct span rest; /* borrowed */
    struct buf *out;  /* borrowed */
    bool skip_quotes;
    unsigned quote_depth; /* blockquotes that are open */
    bool is_full;
};

static bool
is_listed(struct span name, const char *const *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_fold(name, span_of(table[i])))
            return true;
    return false;
}

static void
print(struct html *h, uint32_t c)
{
    if (h->quote_depth == 0 || !h->skip_quotes)
        h->is_full = !utf8_append(h->out, c);
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "#1234" or "#x12ab", without the '#'; 0 when it is no character. */
static uint32_t
parse_number(struct span s)
{
    uint32_t base = 10, value = 0;

    if (s.n > 1 && (s.p[0] | 0x20) == 'x') {
        base = 16;
        s = span_skip(s, 1);
    }
    for (size_t i = 0; i < s.n; i++) {
        uint32_t digit = 99;
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digit = (uint32_t)(s.p[i] - '0');
        else if (is_letter(s.p[i]))
            digit = (uint32_t)((s.p[i] | 0x20) - 'a') + 10;
        if (digit >= base || value > 0x10ffff)
            return 0;
        value = value * base + digit;
    }
    bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
    return value > 0x10ffff || is_surrogate ? 0 : value;
}

static uint32_t
find_entity(struct span name)
{
    if (name.n > 1 && name.p[0] == '#')
        return parse_number(span_skip(name, 1));
    for (size_t i = 0; i < COUNT(other_entities); i++)
        if (span_equal(name, span_of(other_entities[i].name)))
            return other_entities[i].character;
    for (uint32_t i = 0; i < COUNT(latin1_entities); i++)
        if (span_equal(name, span_of(latin1_entities[i])))
            return 0xa0 + i;
    return 0;
}

/* At '&': one that is no entity is a character. */
static void
take_entity(struct html *h)
{
    struct span name = span_skip(h->rest, 1);
    bool is_cut = name.n > ENTITY_MAX + 1;

    if (is_cut)
        name.n = ENTITY_MAX + 1;
    size_t n = span_find(name, ';');
    uint32_t c = n < name.n ? find_entity((struct span){name.p, n}) : 0;
    h->rest = span_skip(h->rest, c == 0 ? 1 : n + 2);
    print(h, c == 0 ? '&' : c);
}

/* Skip to behind the '>' of a tag; one inside a quoted attribute value is none. */
static void
skip_tag(struct html *h)
{
    char quote = '\0';
    size_t i = 0;

    for (; i < h->rest.n; i++) {
        char c = h->rest.p[i];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if ((c == '"' || c == '\'') && i > 0 && h->rest.p[i - 1] == '=')
            quote = c;
        else if (c == '>')
            break;
    }
    h->rest = span_skip(h->rest, i + 1);
}

/* Skip to behind `end`, compared without case. */
static void
skip_behind(struct html *h, struct span end)
{
    while (h->rest.n > 0 && !span_has_prefix_fold(h->rest, end)) {
        h->rest = span_skip(h->rest, 1);
        h->rest = span_skip(h->rest, span_find(h->rest, end.p[0]));
    }
    h->rest = span_skip(h->rest, end.n);
}

/* The content of an element that shows no text, up to "</name". */
static void
skip_hidden(struct html *h, struct span name)
{
    do
        skip_behind(h, SPAN("</"));
    while (h->rest.n > 0 && !span_has_prefix_fold(h->rest, name));
    skip_tag(h);
}

/* At '<' with a letter, '/', '!' or '?' behind it. */
static void
take_tag(struct html *h)
{
    struct span name = span_skip(h->rest, 1);

    if (span_has_prefix_fold(h->rest, SPAN("<!--"))) {
        skip_behind(h, SPAN("-->"));
        return;
    }
    bool is_end = name.n > 0 && name.p[0] == '/';
    name = span_skip(name, is_end);
    size_t n = 0;
    while (n < name.n && (is_letter(name.p[n]) || name.p[n] == ':'))
        n++;
    name.n = n;
    skip_tag(h);
    if (!is_end && is_listed(name, hidden_tags, COUNT(hidden_tags)))
        skip_hidden(h, name);
    if (!is_listed(name, inline_tags, COUNT(inline_tags)))
        print(h, ' ');
    if (span_equal_fold(name, SPAN("blockquote"))) {
        if (!is_end)
            h->quote_depth++;
        else if (h->quote_depth > 0)
            h->quote_depth--;
    }
}

static bool
is_tag(struct span s)
{
    return s.n > 1 && s.p[0] == '<' &&
           (is_letter(s.p[1]) || s.p[1] == '/' || s.p[1] == '!' || s.p[1] == '?');
}

void
html_print_text(struct span html, bool skip_quotes, struct buf *out)
{
    struct html h = {.rest = html, .out = out, .skip_quotes = skip_quotes};

    while (h.rest.n > 0 && !h.is_full) {
        if (is_tag(h.rest))
            take_tag(&h);
        else if (h.rest.p[0] == '&')
            take_entity(&h);
        else
            print(&h, utf8_next(&h.rest));
    }
}
