/* SPDX-License-Identifier: MIT
 *
 * Octets of a message on their way to the wire. Whatever the message holds, no next hop may see an
 * end of data in it but ours, not even one that takes a bare LF or CR for a line end or forgets
 * NULs: a bare LF becomes CRLF, a bare CR and a NUL a space, before dots are stuffed. Only
 * BINARYMIME goes as it is; there the octets are counted.
 */
#include "content_priv.h"

#include <string.h>

#include "convert_priv.h"

/* ------------------------------------------------------------------ source */

ssize_t
source_read(const struct source *s, uint64_t at, void *out, size_t n)
{
    const struct relay_job *job = s->job;
    uint64_t left;
    ssize_t got;

    if (at < job->head.n) {
        if (n > job->head.n - at)
            n = job->head.n - (size_t)at;
        memcpy(out, job->head.p + at, n);
        return (ssize_t)n;
    }
    if (at - job->head.n >= job->octets)
        return 0;
    left = job->octets - (at - job->head.n);
    if (n > left)
        n = (size_t)left;
    got = s->read(s->arg, at - job->head.n, out, n);
    return got > 0 && (size_t)got <= n ? got : -1;
}

/* ------------------------------------------------------------------ content */

void
content_init(struct content *c, const struct source *source, struct convert *convert,
             enum content_form form)
{
    *c = (struct content){
        .source = *source, .convert = convert, .form = form, .is_at_line_start = true};
}

void
content_release(struct content *c)
{
    convert_free(c->convert);
    c->convert = NULL;
}

static bool
end_line(struct content *c, struct buf *out)
{
    c->has_cr = false;
    c->is_at_line_start = true;
    return buf_append(out, "\r\n", 2);
}

/* The octet behind a CR that was held back. */
static bool
settle_cr(struct content *c, bool is_line_end, struct buf *out)
{
    if (!c->has_cr || is_line_end)
        return true;
    c->has_cr = false;
    c->is_at_line_start = false;
    return buf_append_char(out, ' ');
}

/* How many octets at the front need no look: no CR, LF or NUL. */
static size_t
plain_length(struct span in)
{
    size_t n = 0;

    while (n < in.n && in.p[n] != '\r' && in.p[n] != '\n' && in.p[n] != '\0')
        n++;
    return n;
}

static bool
append_plain(struct content *c, struct span text, struct buf *out)
{
    if (c->is_at_line_start && c->form == CONTENT_DATA && text.p[0] == '.' &&
        !buf_append_char(out, '.'))
        return false;
    c->is_at_line_start = false;
    return buf_append_span(out, text);
}

static bool
append_special(struct content *c, char octet, struct buf *out)
{
    if (octet == '\n')
        return end_line(c, out);
    if (octet == '\r') {
        c->has_cr = true;
        return true;
    }
    c->is_at_line_start = false;
    return buf_append_char(out, ' ');
}

static bool
append_lines(struct content *c, struct span in, struct buf *out)
{
    while (in.n > 0) {
        size_t n = plain_length(in);

        if (!settle_cr(c, in.p[0] == '\n', out))
            return false;
        if (n > 0 ? !append_plain(c, (struct span){in.p, n}, out)
                  : !append_special(c, in.p[0], out))
            return false;
        in = span_skip(in, n > 0 ? n : 1);
    }
    return true;
}

/* The message ends in a line end. */
static bool
finish(struct content *c, struct buf *out)
{
    c->is_over = true;
    if (c->form == CONTENT_RAW || (c->is_at_line_start && !c->has_cr))
        return true;
    return settle_cr(c, false, out) && end_line(c, out);
}

bool
content_next(struct content *c, struct buf *out)
{
    char octets[CONTENT_READ];
    ssize_t n = c->convert != NULL ? convert_read(c->convert, octets, sizeof(octets))
                                   : source_read(&c->source, c->at, octets, sizeof(octets));

    if (n < 0)
        return false;
    if (n == 0)
        return finish(c, out);
    c->at += (uint64_t)n;
    if (c->form == CONTENT_RAW)
        return buf_append(out, octets, (size_t)n);
    return append_lines(c, (struct span){octets, (size_t)n}, out);
}
