/* SPDX-License-Identifier: MIT
 *
 * base64 and quoted-printable as streams: see decode.h. Octets that are not of the base64 alphabet
 * are skipped (RFC 2045 6.8), and a group that ends early with '=' does not end the content: chunks
 * that were encoded one by one are common. "=" before anything else than two digits stays as it is.
 */
#include "doorstep/decode.h"

#include <string.h>

enum qp_state { QP_TEXT, QP_EQUALS, QP_DIGIT, QP_EQUALS_CR };

enum decode_kind
decode_kind_of(struct span encoding)
{
    if (span_equal_fold(encoding, SPAN("base64")))
        return DECODE_BASE64;
    if (span_equal_fold(encoding, SPAN("quoted-printable")))
        return DECODE_QUOTED_PRINTABLE;
    return DECODE_NONE;
}

void
decode_init(struct decode *d, enum decode_kind kind)
{
    *d = (struct decode){.kind = kind, .qp_state = QP_TEXT};
}

static int
base64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Write the whole octets of a group with `count` digits: 4 give 3, 3 give 2, 2 give 1. */
static bool
base64_flush(struct decode *d, struct buf *out)
{
    uint32_t bits = d->bits << (6 * (4 - d->count));
    char octets[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    size_t n = d->count > 1 ? d->count - 1 : 0;

    d->bits = 0;
    d->count = 0;
    return buf_append(out, octets, n);
}

static bool
base64_feed(struct decode *d, struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        int value = base64_value((unsigned char)in.p[i]);
        if (value >= 0) {
            d->bits = d->bits << 6 | (uint32_t)value;
            d->count++;
        }
        bool ends = d->count == 4 || (in.p[i] == '=' && d->count > 0);
        if (ends && !base64_flush(d, out))
            return false;
    }
    return true;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
qp_flush_blanks(struct decode *d, struct buf *out)
{
    bool fits = buf_append(out, d->blanks, d->blank_count);

    d->blank_count = 0;
    return fits;
}

static bool
qp_hold_blank(struct decode *d, char c, struct buf *out)
{
    bool fits = d->blank_count < DECODE_BLANKS_MAX || qp_flush_blanks(d, out);

    d->blanks[d->blank_count++] = c;
    return fits;
}

/* White space at a line's end was added on the way (RFC 2045 6.7, rule 3). */
static bool
qp_text(struct decode *d, char c, struct buf *out)
{
    if (c == ' ' || c == '\t')
        return qp_hold_blank(d, c, out);
    if (c == '\r' || c == '\n')
        d->blank_count = 0;
    bool fits = qp_flush_blanks(d, out);
    if (c != '=')
        return buf_append_char(out, c) && fits;
    d->qp_state = QP_EQUALS;
    return fits;
}

/* Behind "=": a digit, or a soft line break with white space before it, or no encoding at all. */
static bool
qp_equals(struct decode *d, char c, struct buf *out)
{
    if (c == ' ' || c == '\t')
        return qp_hold_blank(d, c, out);
    if (c == '\r' || c == '\n') {
        d->blank_count = 0;
        d->qp_state = c == '\r' ? QP_EQUALS_CR : QP_TEXT;
        return true;
    }
    if (hex_value(c) >= 0 && d->blank_count == 0) {
        d->digit = c;
        d->qp_state = QP_DIGIT;
        return true;
    }
    d->qp_state = QP_TEXT;
    bool fits = buf_append_char(out, '=') && qp_flush_blanks(d, out);
    return qp_text(d, c, out) && fits;
}

static bool
qp_digit(struct decode *d, char c, struct buf *out)
{
    d->qp_state = QP_TEXT;
    if (hex_value(c) >= 0)
        return buf_append_char(out, (char)(hex_value(d->digit) << 4 | hex_value(c)));
    bool fits = buf_append_char(out, '=') && buf_append_char(out, d->digit);
    return qp_text(d, c, out) && fits;
}

static bool
qp_octet(struct decode *d, char c, struct buf *out)
{
    switch ((enum qp_state)d->qp_state) {
    case QP_TEXT:
        return qp_text(d, c, out);
    case QP_EQUALS:
        return qp_equals(d, c, out);
    case QP_DIGIT:
        return qp_digit(d, c, out);
    case QP_EQUALS_CR:
        d->qp_state = QP_TEXT;
        return c == '\n' || qp_text(d, c, out);
    }
    return false;
}

/* Octets at the front of s that mean themselves, whatever comes next. */
static size_t
qp_plain_length(struct span s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '=' && s.p[n] != ' ' && s.p[n] != '\t')
        n++;
    return n;
}

static bool
qp_feed(struct decode *d, struct span in, struct buf *out)
{
    while (in.n > 0) {
        bool fits = qp_octet(d, in.p[0], out);
        in = span_skip(in, 1);
        if (!fits)
            return false;
        if (d->qp_state != QP_TEXT || d->blank_count > 0)
            continue;
        size_t n = qp_plain_length(in);
        if (!buf_append(out, in.p, n))
            return false;
        in = span_skip(in, n);
    }
    return true;
}

bool
decode_feed(struct decode *d, struct span in, struct buf *out)
{
    switch (d->kind) {
    case DECODE_NONE:
        return buf_append_span(out, in);
    case DECODE_BASE64:
        return base64_feed(d, in, out);
    case DECODE_QUOTED_PRINTABLE:
        return qp_feed(d, in, out);
    }
    return false;
}

bool
decode_finish(struct decode *d, struct buf *out)
{
    if (d->kind == DECODE_BASE64)
        return base64_flush(d, out);
    if (d->kind != DECODE_QUOTED_PRINTABLE || d->qp_state != QP_DIGIT)
        return true;
    d->qp_state = QP_TEXT;
    return buf_append_char(out, '=') && buf_append_char(out, d->digit);
}

bool
decode_q_word(struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i] == '_' ? ' ' : in.p[i];
        if (c == '=' && i + 2 < in.n && hex_value(in.p[i + 1]) >= 0 &&
            hex_value(in.p[i + 2]) >= 0) {
            c = (char)(hex_value(in.p[i + 1]) << 4 | hex_value(in.p[i + 2]));
            i += 2;
        }
        if (!buf_append_char(out, c))
            return false;
    }
    return true;
}
