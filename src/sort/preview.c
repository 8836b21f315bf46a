/* SPDX-License-Identifier: MIT
 *
 * Previews: see preview_priv.h.
 */
#include "preview_priv.h"

#include <string.h>

#include "doorstep/field.h"
#include "doorstep/html.h"

#define TEXT_MAX 4096               /* octets of text out of HTML */
#define SHOWN_MAX (2 * PREVIEW_MAX) /* octets of plain text after which more is not looked for */

void
preview_init(struct preview *p)
{
    *p = (struct preview){.body_max = 0};
    buf_init(&p->body, PREVIEW_HTML_MAX);
}

void
preview_release(struct preview *p)
{
    buf_release(&p->body);
}

void
preview_begin(struct preview *p, const struct mime_header *h)
{
    const struct param *charset = params_find(&h->params, "charset");
    struct span name = charset == NULL ? SPAN("us-ascii") : charset->value;
    struct span encoding = h->encoding;

    buf_reset(&p->body);
    p->is_html = span_equal_fold(h->subtype, SPAN("html"));
    p->body_max = p->is_html ? PREVIEW_HTML_MAX : PREVIEW_PLAIN_MAX;
    token_skip_cfws(&encoding, NULL);
    p->encoding = decode_kind_of(token_take_until(&encoding, ";("));
    if (name.n >= sizeof p->charset)
        name.n = 0;
    memset(p->charset, 0, sizeof p->charset);
    if (name.n > 0)
        memcpy(p->charset, name.p, name.n);
}

bool
preview_feed(struct preview *p, struct span octets)
{
    while (octets.n > 0 && p->body.len < p->body_max) {
        struct span piece = {octets.p, span_find(octets, '\r')};
        octets = span_skip(octets, piece.n + 1);
        if (piece.n > p->body_max - p->body.len)
            piece.n = p->body_max - p->body.len;
        if (!buf_append_span(&p->body, piece))
            return false;
    }
    return p->body.len < p->body_max;
}

/* The body in UTF-8; what claims no charset, or one that is not known, is guessed. */
static void
decode_body(const struct preview *p, struct charsets *charsets, struct buf *out)
{
    struct decode d;
    struct buf octets;

    buf_init(&octets, p->body.len);
    decode_init(&d, p->encoding);
    decode_feed(&d, buf_span(&p->body), &octets); /* never longer than what it decodes */
    decode_finish(&d, &octets);
    if (!charset_to_utf8(charsets, span_of(p->charset), buf_span(&octets), out))
        charset_guess_to_utf8(buf_span(&octets), out);
    buf_release(&octets);
}

/* The lines of plain text that are no quotes. A line that ends in ':' right before a quote says who
 * is quoted, and goes with it. */
static void
skip_quotes(struct span text, struct buf *out)
{
    size_t last = 0; /* where the last line with text begins in out */

    while (text.n > 0 && out->len < SHOWN_MAX) {
        size_t n = span_find(text, '\n');
        struct span line = span_trim((struct span){text.p, n});
        text = span_skip(text, n + 1);
        if (line.n == 0)
            continue;
        if (line.p[0] == '>') {
            if (out->len > 1 && out->data[out->len - 2] == ':')
                out->len = last;
            continue;
        }
        last = out->len;
        buf_append_span(out, line);
        buf_append_char(out, '\n');
    }
}

static bool
is_space(uint32_t c)
{
    return c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Characters that show nothing: padding of newsletters, and marks that turn the direction of what
 * stands behind the preview. */
static bool
is_invisible(uint32_t c)
{
    return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || c == 0x200b ||
           (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == UTF8_WRONG;
}

/* U+200C and U+200D: part of a word between two letters, padding elsewhere. */
static bool
is_joiner(uint32_t c)
{
    return c == 0x200c || c == 0x200d;
}

/* How many of the first n octets of s are printable ASCII: most text is, and needs no decoding. */
static size_t
plain_length(struct span s, size_t n)
{
    size_t i = 0;

    while (i < s.n && i < n && s.p[i] > ' ' && s.p[i] < 127)
        i++;
    return i;
}

/* Append the first characters of text, any white space as one space. False: there was nothing. */
static bool
print_collapsed(struct span text, struct buf *out)
{
    uint32_t between = 0; /* a space or joiner that was seen since the last character */
    size_t count = 0;

    while (text.n > 0 && count < PREVIEW_CHARACTERS) {
        struct span rest = text;
        uint32_t c = utf8_next(&rest);
        if (is_space(c) || is_joiner(c) || is_invisible(c)) {
            if (is_space(c) || (is_joiner(c) && between == 0))
                between = is_space(c) ? ' ' : c;
            text = rest;
            continue;
        }
        if (between != 0 && count > 0) {
            utf8_append(out, between);
            count++;
        }
        between = 0;
        size_t plain = plain_length(text, PREVIEW_CHARACTERS - count);
        if (plain > 0 && buf_append(out, text.p, plain))
            rest = span_skip(text, plain);
        else if (count < PREVIEW_CHARACTERS && utf8_append(out, c))
            plain = 1;
        count += plain;
        text = rest;
    }
    return count > 0;
}

static bool
print_text(const struct preview *p, struct span text, bool without_quotes, struct buf *out)
{
    struct buf shown;

    if (!p->is_html && !without_quotes)
        return print_collapsed(text, out);
    buf_init(&shown, p->is_html ? TEXT_MAX : text.n + 1);
    if (p->is_html)
        html_print_text(text, without_quotes, &shown);
    else
        skip_quotes(text, &shown);
    bool found = print_collapsed(buf_span(&shown), out);
    buf_release(&shown);
    return found;
}

void
preview_print(const struct preview *p, struct charsets *charsets, struct buf *out)
{
    struct buf text;

    buf_init(&text, p->body.len * 4);
    decode_body(p, charsets, &text);
    if (!print_text(p, buf_span(&text), true, out))
        print_text(p, buf_span(&text), false, out);
    buf_release(&text);
}
