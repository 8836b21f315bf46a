/* SPDX-License-Identifier: MIT
 *
 * The one-pass MIME scanner: see mime.h. Lines of bodies are found with memchr() and looked at only
 * where they begin with '-' while a boundary is open. Parts that are open form a stack:
 *
 *   header of the top part --empty line--> its body --boundary of a level--> all levels above it
 * end, and the header of its next child begins (or, at "--boundary--", its epilogue).
 *
 * A message/rfc822 part opens the message inside it at once. Nothing recurses.
 */
#include "doorstep/mime.h"

#include <stdlib.h>
#include <string.h>

#include "mime_priv.h"

/* Lines. */

static void
count_octets(struct mime *m, struct span piece)
{
    if (piece.n == 0)
        return;
    char last = piece.p[piece.n - 1];
    char before = piece.n > 1 ? piece.p[piece.n - 2] : m->last;
    if (last == '\n') {
        m->lines++;
        m->bare += before != '\r';
    }
    m->octets += piece.n;
    m->last = last;
    m->at_line_start = last == '\n';
    if (m->at_line_start)
        m->line = mime_here(m);
}

/* The piece of `in` up to its first line end, with it. */
static struct span
first_line(struct span in)
{
    size_t n = span_find(in, '\n');

    return (struct span){in.p, n < in.n ? n + 1 : n};
}

static size_t
skip_line(struct mime *m, struct span in)
{
    struct span piece = first_line(in);

    count_octets(m, piece);
    if (m->at_line_start) {
        m->skips_line = false;
        if (m->in_header)
            mime_top_part(m)->header_start = m->line.offset;
    }
    return piece.n;
}

static bool
is_boundary_line(struct mime *m, struct span line, int *boundary, bool *is_last)
{
    if (m->boundaries.count == 0 || line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
        return false;
    *boundary = boundaries_find(&m->boundaries, span_skip(line, 2), is_last);
    return *boundary >= 0;
}

/* Keep a header line (without its end), unless it makes the field or the block too long. */
static void
keep_header_line(struct mime *m, struct span line)
{
    bool continues = line.p[0] == ' ' || line.p[0] == '\t';

    if (!continues) {
        m->skips_field = false;
        m->field_length = 0;
    }
    if (m->skips_field || line.n > MIME_FIELD_MAX - m->field_length ||
        !buf_reserve(&m->header, line.n + 1)) {
        m->skips_field = true;
        m->is_truncated = true;
        return;
    }
    m->field_length += line.n;
    buf_append_span(&m->header, line);
    buf_append_char(&m->header, '\n');
}

/* A whole header line with its end. `begin` is where it starts; m->line is already behind it. */
static void
take_header_line(struct mime *m, struct span line, struct mime_place begin)
{
    int boundary;
    bool is_last;

    if (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n == 0) {
        mime_end_header(m, mime_here(m));
    } else if (is_boundary_line(m, line, &boundary, &is_last)) {
        struct mime_place next = m->line;
        m->line = begin;
        mime_cross_boundary(m, boundary, is_last);
        m->line = next;
        m->skips_line = false; /* the line is over */
        if (m->in_header)
            mime_top_part(m)->header_start = mime_here(m).offset;
    } else {
        keep_header_line(m, line);
    }
}

static size_t
feed_header(struct mime *m, struct span in)
{
    struct span piece = first_line(in), line = piece;
    struct mime_place begin = m->line;

    count_octets(m, piece);
    if (m->window.len > 0 || !m->at_line_start) {
        size_t room =
            m->window.max - m->window.len; /* more is not looked at: the line is too long */
        line.n = line.n < room ? line.n : room;
        if (!buf_append_span(&m->window, line))
            m->is_truncated = true;
        line = buf_span(&m->window);
    }
    if (m->at_line_start) {
        take_header_line(m, line, begin);
        buf_reset(&m->window);
    }
    return piece.n;
}

static void
send_body(struct mime *m, struct span octets)
{
    if (m->wants_body == MIME_NO_PART || octets.n == 0)
        return;
    if (!m->events->on_body(m->arg, m->wants_body, octets))
        m->wants_body = MIME_NO_PART;
}

/* Body lines up to the end of `in`, or to one that may be a boundary. */
static size_t
feed_lines(struct mime *m, struct span in)
{
    const char *p = in.p, *end = in.p + in.n;
    bool has_boundary = m->boundaries.count > 0;
    uint64_t bare = 0, lines = 0;

    m->at_line_start = false;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (nl == NULL) {
            p = end;
            m->at_line_start = false;
            break;
        }
        lines++;
        bare += (nl > in.p ? nl[-1] : m->last) != '\r';
        p = nl + 1;
        m->at_line_start = true;
        if (has_boundary && p < end && *p == '-')
            break;
    }
    m->octets += (uint64_t)(p - in.p);
    m->bare += bare;
    m->lines += lines;
    m->last = p[-1];
    if (m->at_line_start)
        m->line = mime_here(m);
    send_body(m, (struct span){in.p, (size_t)(p - in.p)});
    return (size_t)(p - in.p);
}

/* The beginning of a body line that is long enough to be judged, or has its end in sight. */
static void
judge_line(struct mime *m, struct span begin)
{
    int boundary;
    bool is_last;

    if (is_boundary_line(m, begin, &boundary, &is_last)) {
        mime_cross_boundary(m, boundary, is_last);
        m->octets += begin.n;
        m->last = begin.p[begin.n - 1];
        m->at_line_start = false;
    } else {
        feed_lines(m, begin);
    }
}

/* At the start of a line that may be a boundary: collect as much as must be seen. */
static size_t
feed_candidate(struct mime *m, struct span in)
{
    size_t need = m->boundaries.length_max + 4; /* "--" before it, and perhaps behind it */
    size_t line_end = span_find(in, '\n');
    size_t n = need - m->window.len;

    if (n > line_end)
        n = line_end;
    bool is_whole = line_end < in.n || m->window.len + n == need;
    struct span begin = {in.p, n};
    if (m->window.len > 0 || !is_whole) {
        if (!buf_append_span(&m->window, begin)) {
            m->is_truncated = true; /* without memory the line is no boundary */
            return feed_lines(m, begin);
        }
        begin = buf_span(&m->window);
    }
    if (!is_whole)
        return n;
    judge_line(m, begin);
    buf_reset(&m->window);
    return n;
}

static size_t
feed_body(struct mime *m, struct span in)
{
    bool may_be_boundary = m->at_line_start && m->boundaries.count > 0;

    if (m->window.len > 0 || (may_be_boundary && in.p[0] == '-'))
        return feed_candidate(m, in);
    return feed_lines(m, in);
}

void
mime_feed(struct mime *m, struct span in)
{
    while (in.n > 0) {
        size_t n;
        if (m->skips_line)
            n = skip_line(m, in);
        else if (m->depth == 0) /* there was no memory for the first part */
            n = feed_lines(m, in);
        else
            n = m->in_header ? feed_header(m, in) : feed_body(m, in);
        in = span_skip(in, n);
    }
}

/* A line that the message ends in, without its line end. */
static void
finish_line(struct mime *m)
{
    if (m->window.len == 0)
        return;
    if (m->in_header)
        take_header_line(m, buf_span(&m->window), m->line);
    else
        judge_line(m, buf_span(&m->window));
    buf_reset(&m->window);
}

void
mime_finish(struct mime *m)
{
    finish_line(m);
    if (m->skips_line && m->in_header)
        mime_top_part(m)->header_start = mime_here(m).offset;
    m->skips_line = false;
    while (m->depth > 0)
        mime_end_part(m, mime_here(m));
}

void
mime_reset(struct mime *m)
{
    m->octets = m->bare = m->lines = 0;
    m->last = '\n';
    m->line = (struct mime_place){0, 0};
    m->at_line_start = true;
    m->skips_line = m->is_truncated = false;
    buf_reset(&m->window);
    m->depth = 0;
    m->part_count = 0;
    m->wants_body = MIME_NO_PART;
    boundaries_init(&m->boundaries);
    mime_begin_part(m, m->line);
}

struct mime *
mime_new(const struct mime_events *events, void *arg)
{
    struct mime *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->events = events;
    m->arg = arg;
    buf_init(&m->header, MIME_HEADER_MAX);
    buf_init(&m->window, MIME_FIELD_MAX + 2); /* a whole line with CRLF */
    mime_reset(m);
    return m;
}

void
mime_free(struct mime *m)
{
    if (m == NULL)
        return;
    buf_release(&m->header);
    buf_release(&m->window);
    free(m->parts);
    free(m);
}

const struct mime_part *
mime_parts(const struct mime *m, uint32_t *count)
{
    *count = m->part_count;
    return m->parts;
}

uint64_t
mime_octets(const struct mime *m)
{
    return m->octets + m->bare;
}

uint64_t
mime_lines(const struct mime *m)
{
    return m->lines + (m->octets > 0 && m->last != '\n');
}

bool
mime_is_truncated(const struct mime *m)
{
    return m->is_truncated;
}

uint64_t
mime_work(const struct mime *m)
{
    return m->boundaries.work;
}
