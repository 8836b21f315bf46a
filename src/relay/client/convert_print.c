/* SPDX-License-Identifier: MIT
 *
 * The second pass of a conversion: the message is read again, and header blocks and bodies that
 * have to change are printed anew. All else goes as it is, with CONVERT_FILL for an octet above
 * 127 between the parts, where nobody looks.
 */
#include "convert_priv.h"

#include "doorstep/charset.h"
#include "doorstep/field.h"

#define READ_OCTETS 4096

/* ------------------------------------------------------------------ header blocks */

static bool
print_label(enum convert_action action, struct buf *out)
{
    static const char *const labels[] = {
        [CONVERT_RELABEL] = "7bit",       [CONVERT_QUOTED] = "quoted-printable",
        [CONVERT_BASE64] = "base64",      [CONVERT_MEND_QUOTED] = "quoted-printable",
        [CONVERT_MEND_BASE64] = "base64",
    };

    return buf_printf(out, "Content-Transfer-Encoding: %s\r\n", labels[action]);
}

/* What a message from before MIME needs now (RFC 1428 3). */
static bool
print_missing(const struct convert *c, bool has_version, bool has_type, struct buf *out)
{
    if (c->part != 0)
        return true;
    if (!has_version && !buf_append_str(out, "MIME-Version: 1.0\r\n"))
        return false;
    return has_type || buf_append_str(out, "Content-Type: text/plain; charset=unknown-8bit\r\n");
}

static bool
print_field(const struct field *f, struct span whole, struct buf *out)
{
    if (!utf8_is_ascii(whole))
        return convert_print_field(f, out);
    return buf_append_span(out, whole) &&
           (whole.p[whole.n - 1] == '\n' || buf_append_str(out, "\r\n"));
}

static bool
print_header(struct convert *c)
{
    const struct convert_part *p = &c->parts[c->part];
    struct span block = buf_span(&c->header), before = block;
    bool has_version = false, has_type = false, ok = true;
    struct field f;

    for (; ok && field_next(&block, &f) != FIELD_END; before = block) {
        struct span whole = {before.p, before.n - block.n};
        has_version = has_version || field_is(&f, "MIME-Version");
        has_type = has_type || field_is(&f, "Content-Type");
        if (p->action == CONVERT_KEEP || !field_is(&f, "Content-Transfer-Encoding"))
            ok = print_field(&f, whole, &c->out);
    }
    if (ok && p->action != CONVERT_KEEP)
        ok = print_missing(c, has_version, has_type, &c->out) && print_label(p->action, &c->out);
    return ok && buf_append_span(&c->out, block);
}

/* ------------------------------------------------------------------ places */

static bool
prints_header(const struct convert_part *p)
{
    return p->action != CONVERT_KEEP || p->has_8bit_header;
}

static bool
prints_body(const struct convert_part *p)
{
    return p->action > CONVERT_RELABEL;
}

static enum encode_kind
encode_kind_of(enum convert_action action)
{
    switch (action) {
    case CONVERT_BASE64:
        return ENCODE_BASE64;
    case CONVERT_MEND_QUOTED:
        return ENCODE_MEND_QUOTED;
    case CONVERT_MEND_BASE64:
        return ENCODE_MEND_BASE64;
    case CONVERT_KEEP:
    case CONVERT_RELABEL:
    case CONVERT_QUOTED:
        break;
    }
    return ENCODE_QUOTED;
}

static void
begin_body(struct convert *c)
{
    const struct convert_part *p = &c->parts[c->part];

    if (prints_body(p)) {
        c->place = PLACE_BODY;
        encode_init(&c->encode, encode_kind_of(p->action));
    } else {
        c->place = PLACE_BETWEEN;
        c->part++;
    }
}

static bool
end_header(struct convert *c)
{
    bool ok = print_header(c);

    begin_body(c);
    return ok;
}

static bool
end_body(struct convert *c)
{
    c->place = PLACE_BETWEEN;
    c->part++;
    return encode_finish(&c->encode, &c->out);
}

/* Leaves and enters what begins and ends at this place; more than one thing may. */
static bool
settle(struct convert *c)
{
    while (c->part < c->count) {
        const struct mime_part *row = &c->rows[c->part];
        if (c->place == PLACE_BETWEEN) {
            if (c->position < row->header_start)
                return true;
            if (prints_header(&c->parts[c->part])) {
                c->place = PLACE_HEADER;
                buf_reset(&c->header);
            } else {
                c->part++;
            }
        } else if (c->place == PLACE_HEADER) {
            if (c->position < row->body_start)
                return true;
            if (!end_header(c))
                return false;
        } else {
            if (c->position < row->body_start + row->body_octets)
                return true;
            if (!end_body(c))
                return false;
        }
    }
    return true;
}

static bool
print_octet(struct convert *c, char octet)
{
    switch (c->place) {
    case PLACE_HEADER:
        return buf_append_char(&c->header, octet);
    case PLACE_BODY:
        return encode_feed(&c->encode, octet, &c->out);
    case PLACE_BETWEEN:
        break;
    }
    return buf_append_char(&c->out, (unsigned char)octet < 0x80 ? octet : CONVERT_FILL);
}

static bool
print_piece(struct convert *c, struct span octets)
{
    for (size_t i = 0; i < octets.n; i++) {
        if (!settle(c) || !print_octet(c, octets.p[i]))
            return false;
        c->position += octets.p[i] == '\n' && c->last != '\r' ? 2 : 1;
        c->last = octets.p[i];
    }
    return true;
}

/* The message ends inside a header or a body. */
static bool
finish(struct convert *c)
{
    bool ok = settle(c);

    if (ok && c->place == PLACE_HEADER)
        ok = end_header(c);
    if (ok && c->place == PLACE_BODY)
        ok = end_body(c);
    c->is_over = true;
    return ok;
}

static bool
fill(struct convert *c)
{
    char octets[READ_OCTETS];
    ssize_t n = source_read(&c->source, c->at, octets, sizeof(octets));

    if (n < 0)
        return false;
    if (n == 0)
        return finish(c);
    c->at += (uint64_t)n;
    return print_piece(c, (struct span){octets, (size_t)n});
}

ssize_t
convert_read(struct convert *c, void *out, size_t n)
{
    while (c->taken == c->out.len) {
        buf_reset(&c->out);
        c->taken = 0;
        if (c->is_over)
            return 0;
        if (!fill(c))
            return -1;
    }
    if (n > c->out.len - c->taken)
        n = c->out.len - c->taken;
    memcpy(out, c->out.data + c->taken, n);
    c->taken += n;
    return (ssize_t)n;
}
