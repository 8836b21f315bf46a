/* SPDX-License-Identifier: MIT
 *
 * Text as MIME carries it: as it is where it can be, else quoted-printable (RFC 2045 6.7).
 */
#include "entity_priv.h"

#include "doorstep/words.h"

#define LINE_MAX_OCTETS 76
#define PLAIN_MAX_OCTETS 998

bool
entity_is_mime_field(const struct sieve_field *f)
{
    struct span name = f->name;

    return span_has_prefix_fold(name, SPAN("Content-")) ||
           span_equal_fold(name, SPAN("MIME-Version"));
}

bool
entity_print_field(const char *name, struct span value, struct buf *out)
{
    return buf_printf(out, "%s: ", name) && words_print(value, strlen(name) + 2, "\r\n", out) &&
           buf_append_str(out, "\r\n");
}

bool
entity_copy_field(const struct sieve_field *f, struct buf *out)
{
    return buf_append_span(out, f->raw) &&
           (f->raw.n == 0 || f->raw.p[f->raw.n - 1] == '\n' || buf_append_str(out, "\r\n"));
}

/* ------------------------------------------------------------------ quoted-printable */

/* ASCII, short lines, and none that begins as a boundary does. */
static bool
is_plain(struct span text)
{
    if (!utf8_is_ascii(text) || (text.n > 0 && memchr(text.p, '\0', text.n) != NULL))
        return false;
    while (text.n > 0) {
        size_t n = span_find(text, '\n');
        if (n > PLAIN_MAX_OCTETS || text.p[0] == '-')
            return false;
        text = span_skip(text, n + 1);
    }
    return true;
}

static bool
is_literal(char c, bool is_first, bool is_last)
{
    if (c == ' ' || c == '\t')
        return !is_last;
    return c > ' ' && c < 127 && c != '=' && !(is_first && (c == '-' || c == '.'));
}

static bool
print_quoted_line(struct span line, struct buf *out)
{
    size_t column = 0;
    bool ok = true;

    for (size_t i = 0; ok && i < line.n; i++) {
        bool is_plain_octet = is_literal(line.p[i], column == 0, i + 1 == line.n);
        size_t width = is_plain_octet ? 1 : 3;
        if (column + width > LINE_MAX_OCTETS - 1) {
            ok = buf_append_str(out, "=\r\n");
            column = 0;
            is_plain_octet = is_literal(line.p[i], true, i + 1 == line.n);
            width = is_plain_octet ? 1 : 3;
        }
        ok = ok && (is_plain_octet ? buf_append_char(out, line.p[i])
                                   : buf_printf(out, "=%02X", (unsigned char)line.p[i]));
        column += width;
    }
    return ok;
}

static bool
print_quoted(struct span text, struct buf *out)
{
    bool ok = true;

    while (ok && text.n > 0) {
        size_t n = span_find(text, '\n');
        struct span line = {text.p, n};
        if (n < text.n && n > 0 && text.p[n - 1] == '\r')
            line.n--;
        ok = print_quoted_line(line, out) && (n == text.n || buf_append_str(out, "\r\n"));
        text = span_skip(text, n + 1);
    }
    return ok;
}

bool
entity_print_text(struct span text, struct buf *out)
{
    bool plain = is_plain(text);

    return buf_append_str(out, "Content-Type: text/plain; charset=utf-8\r\n") &&
           buf_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n",
                      plain ? "7bit" : "quoted-printable") &&
           (plain ? buf_append_span(out, text) : print_quoted(text, out));
}

/* ------------------------------------------------------------------ the new message */

/* All its lines end in CRLF, also those that came from a message stored with LF. */
static bool
adopt(struct sieve_run *r, struct span printed)
{
    struct span whole;

    if (!sieve_run_work(r, printed.n) || !message_crlf(r, printed, &whole))
        return false;
    return whole.p == printed.p ? sieve_message_replace(r, whole) : edition_adopt(r, whole);
}

bool
entity_adopt(struct sieve_run *r, struct buf *whole, bool ok)
{
    if (!ok)
        sieve_run_fail(r, NULL, "the changed message is too large");
    ok = ok && adopt(r, buf_span(whole));
    buf_release(whole);
    return ok;
}
