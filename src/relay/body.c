/* SPDX-License-Identifier: MIT
 *
 * Bodies for mail that is new: plain text in UTF-8, or an entity that a script brings along.
 */
#include "relay_priv.h"

#include "doorstep/base64.h"
#include "doorstep/charset.h"

#define LINE_MAX_OCTETS 998 /* RFC 5322 2.1.1 */
#define BASE64_OCTETS 57    /* in a line of 76 */

/* ------------------------------------------------------------------ lines */

/* The next line of *rest without its end, which may be LF, CR or both. */
static struct span
next_line(struct span *rest)
{
    struct span line = *rest;
    size_t n = 0;

    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    line.n = n;
    if (n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n')
        n++;
    *rest = span_skip(*rest, n + 1);
    return line;
}

bool
body_print_lines(struct buf *out, struct span text)
{
    bool ok = true;

    while (ok && text.n > 0) {
        struct span line = next_line(&text);
        ok = buf_append_span(out, line) && buf_append_str(out, "\r\n");
    }
    return ok;
}

bool
body_has_long_line(struct span text)
{
    bool is_long = false;

    while (!is_long && text.n > 0)
        is_long = next_line(&text).n > LINE_MAX_OCTETS;
    return is_long;
}

/* ------------------------------------------------------------------ quoted-printable (2045 6.7) */

static bool
append_quoted_octet(struct buf *out, unsigned char c, bool is_last, size_t *column)
{
    bool is_plain = c > 32 && c < 127 && c != '=';

    if ((c == ' ' || c == '\t') && !is_last)
        is_plain = true;
    size_t width = is_plain ? 1 : 3;
    if (*column + width > 75) {
        if (!buf_append_str(out, "=\r\n"))
            return false;
        *column = 0;
    }
    *column += width;
    return is_plain ? buf_append_char(out, (char)c) : buf_printf(out, "=%02X", c);
}

bool
body_print_quoted(struct buf *out, struct span text)
{
    bool ok = true;

    while (ok && text.n > 0) {
        struct span line = next_line(&text);
        size_t column = 0;
        for (size_t i = 0; ok && i < line.n; i++)
            ok = append_quoted_octet(out, (unsigned char)line.p[i], i + 1 == line.n, &column);
        ok = ok && buf_append_str(out, "\r\n");
    }
    return ok;
}

/* ------------------------------------------------------------------ base64 (2045 6.8) */

bool
body_print_base64(struct buf *out, struct span text)
{
    struct buf lines;

    buf_init(&lines, text.n * 2 + 2);
    bool ok = body_print_lines(&lines, text);
    for (struct span rest = buf_span(&lines); ok && rest.n > 0;) {
        struct span piece = {rest.p, rest.n < BASE64_OCTETS ? rest.n : BASE64_OCTETS};
        ok = base64_print(piece, out) && buf_append_str(out, "\r\n");
        rest = span_skip(rest, piece.n);
    }
    buf_release(&lines);
    return ok;
}

/* ------------------------------------------------------------------ entities */

bool
body_print_text(struct buf *out, struct span text)
{
    bool is_long = body_has_long_line(text);
    const char *encoding = is_long ? "quoted-printable" : utf8_is_ascii(text) ? "7bit" : "8bit";

    return buf_printf(out,
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: %s\r\n\r\n",
                      encoding) &&
           (is_long ? body_print_quoted(out, text) : body_print_lines(out, text));
}

bool
body_print_entity(struct buf *out, const char *text, bool is_mime)
{
    return is_mime ? body_print_lines(out, span_of(text)) : body_print_text(out, span_of(text));
}
