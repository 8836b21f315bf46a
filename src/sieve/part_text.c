/* SPDX-License-Identifier: MIT
 *
 * What is in a part: decoded, in UTF-8, without HTML. Each is made once and kept with the part;
 * where nothing has to be changed, it lies in the message.
 */
#include "run_priv.h"

#include "doorstep/decode.h"
#include "doorstep/html.h"

/* The content of a buffer, kept with the message; the buffer is released. */
static bool
keep(struct sieve_run *r, struct buf *from, bool ok, struct span *out)
{
    char *kept = ok ? message_alloc(r, from->len) : NULL;

    if (kept != NULL && from->len > 0)
        memcpy(kept, from->data, from->len);
    *out = (struct span){kept, from->len};
    buf_release(from);
    return kept != NULL || sieve_run_fail(r, NULL, "the message is too large for its script");
}

static bool
decode_all(struct span body, enum decode_kind kind, struct buf *out)
{
    struct decode d;

    decode_init(&d, kind);
    return decode_feed(&d, body, out) && decode_finish(&d, out);
}

bool
sieve_part_octets(struct sieve_run *r, struct sieve_part *part, struct span *out)
{
    enum decode_kind kind = decode_kind_of(part->encoding);
    struct buf octets;

    if (part->octets.p == NULL) {
        if (!sieve_run_work(r, part->body.n))
            return false;
        part->octets = part->body;
        buf_init(&octets, part->body.n + 1);
        if (kind != DECODE_NONE && !part->is_multipart && !part->is_message &&
            !keep(r, &octets, decode_all(part->body, kind, &octets), &part->octets))
            return false;
    }
    *out = part->octets;
    return true;
}

static bool
is_text(const struct sieve_part *part)
{
    return span_equal(part->type, SPAN("text"));
}

/* Octets in UTF-8 that say so, or that are ASCII, are what they are. */
static bool
needs_conversion(const struct sieve_part *part, struct span octets)
{
    if (!is_text(part) || utf8_is_ascii(octets))
        return false;
    return !span_equal(part->charset, SPAN("utf-8")) || !utf8_is_valid(octets);
}

/* A charset that is not known is guessed. */
static bool
convert(struct sieve_run *r, const struct sieve_part *part, struct span octets, struct span *out)
{
    struct buf text;

    buf_init(&text, 4 * octets.n + 16);
    bool ok = charset_to_utf8(r->in.charsets, part->charset, octets, &text) ||
              charset_guess_to_utf8(octets, &text);
    return keep(r, &text, ok, out);
}

bool
sieve_part_text(struct sieve_run *r, struct sieve_part *part, struct span *out)
{
    struct span octets;

    if (part->text.p == NULL) {
        if (!sieve_part_octets(r, part, &octets) || !sieve_run_work(r, octets.n))
            return false;
        part->text = octets;
        if (needs_conversion(part, octets) && !convert(r, part, octets, &part->text))
            return false;
    }
    *out = part->text;
    return true;
}

bool
sieve_part_plain(struct sieve_run *r, struct sieve_part *part, struct span *out)
{
    struct span text;
    struct buf plain;

    if (!is_text(part) || !span_equal(part->subtype, SPAN("html")))
        return sieve_part_text(r, part, out);
    if (part->html.p == NULL) {
        if (!sieve_part_text(r, part, &text) || !sieve_run_work(r, text.n))
            return false;
        buf_init(&plain, 4 * text.n + 16);
        html_print_text(text, false, &plain);
        if (!keep(r, &plain, true, &part->html))
            return false;
    }
    *out = part->html;
    return true;
}
