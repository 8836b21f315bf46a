/* SPDX-License-Identifier: MIT
 *
 * quoted-printable (RFC 2045 6.7) and base64 (6.8), octet by octet. No line begins with a hyphen:
 * whatever the sender chose for boundaries, nothing here becomes one.
 */
#include "encode_priv.h"

#include "doorstep/base64.h"

#define QUOTED_LINE_MAX 75 /* characters, without the "=" of a soft line break */

void
encode_init(struct encode *e, enum encode_kind kind)
{
    *e = (struct encode){.kind = kind};
}

/* ------------------------------------------------------------------ quoted-printable */

static bool
put(struct encode *e, const char *text, size_t n, struct buf *out)
{
    if (e->column + n > QUOTED_LINE_MAX) {
        e->column = 0;
        if (!buf_append(out, "=\r\n", 3))
            return false;
    }
    e->column += n;
    return buf_append(out, text, n);
}

static bool
put_octet(struct encode *e, char octet, bool is_plain, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char c = (unsigned char)octet;
    char text[3] = {'=', digits[c >> 4], digits[c & 15]};
    bool begins_line = e->column == 0 || e->column == QUOTED_LINE_MAX;

    if (is_plain && !(begins_line && octet == '-'))
        return put(e, &octet, 1, out);
    return put(e, text, sizeof(text), out);
}

static bool
put_blank(struct encode *e, bool is_plain, struct buf *out)
{
    char blank = e->blank;

    e->blank = '\0';
    return blank == '\0' || put_octet(e, blank, is_plain, out);
}

static bool
end_line(struct encode *e, struct buf *out)
{
    bool ok = put_blank(e, false, out) && buf_append(out, "\r\n", 2);

    e->has_cr = false;
    e->column = 0;
    return ok;
}

static bool
settle_cr(struct encode *e, struct buf *out)
{
    if (!e->has_cr)
        return true;
    e->has_cr = false;
    return put_blank(e, true, out) && put_octet(e, '\r', false, out);
}

static bool
feed_quoted(struct encode *e, char c, struct buf *out)
{
    if (c == '\n')
        return end_line(e, out);
    if (!settle_cr(e, out))
        return false;
    if (c == '\r') {
        e->has_cr = true;
        return true;
    }
    if (!put_blank(e, true, out))
        return false;
    if (c == ' ' || c == '\t') {
        e->blank = c;
        return true;
    }
    return put_octet(e, c, c > ' ' && c < 0x7f && c != '=', out);
}

/* ------------------------------------------------------------------ base64 */

static bool
put_line(struct encode *e, struct buf *out)
{
    struct span line = {e->octets, e->count};

    if (e->count == 0)
        return true;
    if (e->has_line && !buf_append(out, "\r\n", 2))
        return false;
    e->has_line = true;
    e->count = 0;
    return base64_print(line, out);
}

static bool
feed_base64(struct encode *e, char c, struct buf *out)
{
    e->octets[e->count++] = c;
    return e->count < ENCODE_LINE || put_line(e, out);
}

/* ------------------------------------------------------------------ all */

/* What base64 has not in its alphabet, no decoder reads; all else is only hidden. */
static bool
feed_mended(struct encode *e, char c, struct buf *out)
{
    bool begins_line = !e->has_line, is_ascii = (unsigned char)c < 0x80 && c != '\0';

    e->has_line = c != '\n';
    if (is_ascii && !(begins_line && c == '-'))
        return buf_append_char(out, c);
    if (e->kind == ENCODE_MEND_BASE64)
        return buf_append_char(out, '#');
    return buf_printf(out, "=%02X", (unsigned char)c);
}

bool
encode_feed(struct encode *e, char octet, struct buf *out)
{
    switch (e->kind) {
    case ENCODE_QUOTED:
        return feed_quoted(e, octet, out);
    case ENCODE_BASE64:
        return feed_base64(e, octet, out);
    case ENCODE_MEND_QUOTED:
    case ENCODE_MEND_BASE64:
        break;
    }
    return feed_mended(e, octet, out);
}

bool
encode_finish(struct encode *e, struct buf *out)
{
    if (e->kind == ENCODE_BASE64)
        return put_line(e, out);
    return settle_cr(e, out) && put_blank(e, false, out);
}
