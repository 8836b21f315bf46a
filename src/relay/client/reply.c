/* SPDX-License-Identifier: MIT
 *
 * Replies of a next hop: lines to codes and text. A line may end in LF alone, as some servers have
 * it; everything else that RFC 5321 4.2 does not have breaks the reply, since nobody could say
 * which command the next one belongs to.
 */
#include "reply_priv.h"

#include <string.h>

#include "doorstep/charset.h"

void
reply_init(struct reply *r)
{
    *r = (struct reply){0};
    buf_init(&r->lines, (size_t)REPLY_LINES_MAX * REPLY_LINE_MAX);
    buf_init(&r->line, REPLY_LINE_MAX);
}

void
reply_release(struct reply *r)
{
    buf_release(&r->lines);
    buf_release(&r->line);
}

static void
begin(struct reply *r)
{
    buf_reset(&r->lines);
    buf_reset(&r->line);
    r->code = 0;
    r->count = 0;
    r->is_whole = false;
}

static enum reply_result
broken(struct reply *r, const char *problem)
{
    r->problem = problem;
    return REPLY_BROKEN;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The code of a line; 0 where there is none. */
static unsigned
line_code(struct span line)
{
    if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !is_digit(line.p[1]) ||
        !is_digit(line.p[2]))
        return 0;
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return 0;
    return (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
           (unsigned)(line.p[2] - '0');
}

static enum reply_result
on_line(struct reply *r, struct span line)
{
    unsigned code = line_code(line);

    if (code == 0)
        return broken(r, "a line that is no reply");
    if (r->code != 0 && code != r->code)
        return broken(r, "two codes in one reply");
    if (++r->count > REPLY_LINES_MAX)
        return broken(r, "a reply of too many lines");
    r->code = code;
    if (!buf_append_span(&r->lines, span_skip(line, 4)) || !buf_append_char(&r->lines, '\n'))
        return broken(r, "a reply that does not fit");
    r->is_whole = line.n == 3 || line.p[3] == ' ';
    return r->is_whole ? REPLY_WHOLE : REPLY_MORE;
}

/* Takes a line without its end. REPLY_MORE where it has not ended, too. */
static enum reply_result
take_line(struct reply *r, struct span *in)
{
    size_t n = span_find(*in, '\n');
    bool has_end = n < in->n;
    struct span line;
    enum reply_result result;

    if (!buf_append(&r->line, in->p, n))
        return broken(r, "a reply line that is too long");
    *in = span_skip(*in, has_end ? n + 1 : n);
    if (!has_end)
        return REPLY_MORE;
    line = buf_span(&r->line);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    result = on_line(r, line);
    buf_reset(&r->line);
    return result;
}

enum reply_result
reply_take(struct reply *r, struct span *in)
{
    enum reply_result result = REPLY_MORE;

    if (r->is_whole)
        begin(r);
    while (in->n > 0 && result == REPLY_MORE)
        result = take_line(r, in);
    return result;
}

/* ------------------------------------------------------------------ text */

struct span
reply_next_line(struct span *lines)
{
    size_t n = span_find(*lines, '\n');
    struct span line = {lines->p, n};

    *lines = span_skip(*lines, n + 1);
    return line;
}

/* Digits of one part of a status code, at most `max`, off *s; 0 where there are none. */
static size_t
take_digits(struct span *s, size_t max)
{
    size_t n = 0;

    while (n < s->n && n <= max && is_digit(s->p[n]))
        n++;
    if (n > max)
        return 0;
    *s = span_skip(*s, n);
    return n;
}

/* The length of "5.1.1" and the like at the front of a line, 0 where there is none: class "."
 * subject "." detail (RFC 3463 2), and white space or nothing behind it. */
static size_t
enhanced_length(struct span line, unsigned code)
{
    struct span rest = span_skip(line, 1);

    if (line.n == 0 || (unsigned)(line.p[0] - '0') != code / 100 || code / 100 == 3)
        return 0;
    for (int part = 0; part < 2; part++) {
        if (rest.n == 0 || rest.p[0] != '.')
            return 0;
        rest = span_skip(rest, 1);
        if (take_digits(&rest, 3) == 0)
            return 0;
    }
    return rest.n == 0 || rest.p[0] == ' ' || rest.p[0] == '\t' ? line.n - rest.n : 0;
}

void
reply_enhanced(const struct reply *r, char out[12])
{
    struct span lines = buf_span(&r->lines);
    struct span line = reply_next_line(&lines);
    size_t n = enhanced_length(line, r->code);

    if (n > 0)
        memcpy(out, line.p, n);
    out[n] = '\0';
}

/* Characters that move a cursor or end a line become blanks; octets that are none, question marks.
 */
static void
append_printable(struct span text, struct buf *out)
{
    while (text.n > 0 && out->len < REPLY_TEXT_MAX) {
        uint32_t c = utf8_next(&text);
        if (c == UTF8_WRONG)
            c = '?';
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            c = ' ';
        if (!utf8_append(out, c))
            return;
    }
}

void
reply_text(const struct reply *r, struct buf *out)
{
    struct span lines = buf_span(&r->lines);

    while (lines.n > 0 && out->len < REPLY_TEXT_MAX) {
        struct span line = reply_next_line(&lines);
        line = span_trim(span_skip(line, enhanced_length(line, r->code)));
        if (line.n > 0 && out->len > 0)
            buf_append_char(out, ' ');
        append_printable(line, out);
    }
}
