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

#define HEADER_ARENA_MAX (2 * MIME_HEADER_MAX)
#define NO_BOUNDARY (-1)

struct mime_level {
    uint32_t part;
    int boundary; /* that its children are divided by; NO_BOUNDARY: a leaf, or behind the last one
                   */
};

struct mime_place {  /* a place in the message */
    uint64_t offset; /* as CRLF */
    uint64_t lines;  /* line ends before it */
};

struct mime {
    const struct mime_events *events; /* borrowed */
    void *arg;                        /* borrowed */

    uint64_t octets;        /* as they came */
    uint64_t bare;          /* LF without CR: an octet more in the count */
    uint64_t lines;         /* line ends */
    char last;              /* the last octet */
    struct mime_place line; /* where the current line begins */

    bool in_header;
    bool at_line_start;
    bool skips_line;  /* the rest of a boundary line */
    bool skips_field; /* it, or its beginning, was too long */
    bool is_truncated;
    size_t field_length; /* of the field at the end of header */
    struct buf header;   /* of the top part, line ends as LF */
    struct buf window;   /* the beginning of a line whose end did not come yet */

    struct mime_level level[MIME_DEPTH_MAX + 1];
    size_t depth; /* levels in use */
    struct boundaries boundaries;
    uint32_t wants_body;     /* the part, or MIME_NO_PART */
    struct mime_part *parts; /* owned */
    uint32_t part_count, part_size;
};

static struct mime_place
here(const struct mime *m)
{
    return (struct mime_place){m->octets + m->bare, m->lines};
}

static struct mime_level *
top(struct mime *m)
{
    return &m->level[m->depth - 1];
}

static struct mime_part *
top_part(struct mime *m)
{
    return &m->parts[top(m)->part];
}

/* Parts: begin, end of the header, end. */

static bool
reserve_part(struct mime *m)
{
    uint32_t size = m->part_size == 0 ? 16 : m->part_size * 2;

    if (m->part_count == MIME_PARTS_MAX)
        return false;
    if (m->part_count < m->part_size)
        return true;
    struct mime_part *parts = realloc(m->parts, size * sizeof *parts);
    if (parts == NULL)
        return false;
    m->parts = parts;
    m->part_size = size;
    return true;
}

/* Open a part whose header begins at `at`, in the top part if there is one. The caller has checked
 * the depth. */
static bool
begin_part(struct mime *m, struct mime_place at)
{
    if (!reserve_part(m)) {
        m->is_truncated = true;
        return false;
    }
    struct mime_part *part = &m->parts[m->part_count];
    *part = (struct mime_part){.parent = MIME_NO_PART, .number = 1, .header_start = at.offset};
    if (m->depth > 0) {
        part->parent = top(m)->part;
        part->number = ++top_part(m)->child_count;
    }
    m->level[m->depth++] = (struct mime_level){m->part_count++, NO_BOUNDARY};
    m->in_header = true;
    m->skips_field = false;
    m->field_length = 0;
    buf_reset(&m->header);
    return true;
}

static bool
is_in_digest(const struct mime *m, const struct mime_part *part)
{
    return part->parent != MIME_NO_PART && m->parts[part->parent].is_digest;
}

static bool
is_message_type(const struct mime_header *h)
{
    return span_equal_fold(h->type, SPAN("message")) &&
           (span_equal_fold(h->subtype, SPAN("rfc822")) ||
            span_equal_fold(h->subtype, SPAN("global")));
}

/* What a part is. One that would open a level too many is shown as octets that nobody looks into.
 */
static enum mime_kind
kind_of(struct mime *m, struct mime_header *h)
{
    bool is_multipart = span_equal_fold(h->type, SPAN("multipart"));

    if (!is_multipart && !is_message_type(h))
        return MIME_LEAF;
    if (m->depth < MIME_DEPTH_MAX && (is_multipart || m->part_count < MIME_PARTS_MAX))
        return is_multipart ? MIME_MULTIPART : MIME_MESSAGE;
    m->is_truncated = true;
    h->type = SPAN("application");
    h->subtype = SPAN("octet-stream");
    h->params.count = 0;
    return MIME_LEAF;
}

/* The header of the top part ends at `at`, where its body begins. */
static void
end_header(struct mime *m, struct mime_place at)
{
    struct mime_part *part = top_part(m);
    uint32_t index = top(m)->part;
    struct mime_header h;
    struct arena arena;

    arena_init(&arena, HEADER_ARENA_MAX);
    mime_header_parse(buf_span(&m->header), is_in_digest(m, part), &arena, &h);
    m->is_truncated = m->is_truncated || h.params.is_truncated;
    m->in_header = false;
    part->body_start = at.offset;
    part->lines_before = at.lines;
    part->kind = kind_of(m, &h);
    if (part->kind == MIME_MULTIPART) {
        part->is_digest = span_equal_fold(h.subtype, SPAN("digest"));
        const struct param *boundary = params_find(&h.params, "boundary");
        top(m)->boundary = boundaries_push(&m->boundaries, boundary->value);
    }
    if (m->events->on_header(m->arg, index, &h))
        m->wants_body = index;
    if (part->kind == MIME_MESSAGE)
        begin_part(m, at);
    arena_release(&arena);
}

/* The top part ends: its body goes up to `end`. */
static void
end_part(struct mime *m, struct mime_place end)
{
    if (m->in_header) {
        bool is_empty =
            end.offset < top_part(m)->header_start; /* not even a line between boundaries */
        end_header(m, is_empty ? m->line : end);
        if (m->in_header)
            return; /* it was a message, and the one inside opened: the caller's loop ends that
                       first */
    }
    struct mime_level *level = top(m);
    struct mime_part *part = top_part(m);
    if (level->boundary != NO_BOUNDARY)
        boundaries_cut(&m->boundaries, level->boundary);
    if (end.offset > part->body_start) {
        part->body_octets = end.offset - part->body_start;
        part->body_lines = end.lines - part->lines_before;
    }
    m->depth--;
    if (m->wants_body == level->part)
        m->wants_body = MIME_NO_PART;
    m->events->on_end(m->arg, level->part);
}

/* End every part above the level of that boundary. The line end before a boundary belongs to it
 * (RFC 2046 5.1.1), unless the part ends with its header's empty line. */
static void
end_parts_above(struct mime *m, int boundary)
{
    struct mime_place end = m->line;

    end.offset = end.offset > 2 ? end.offset - 2 : 0;
    end.lines = end.lines > 1 ? end.lines - 1 : 0;
    while (top(m)->boundary != boundary)
        end_part(m, end);
}

/* A line begins with the boundary: the part it divides goes on with its next child or its epilogue.
 */
static void
cross_boundary(struct mime *m, int boundary, bool is_last)
{
    end_parts_above(m, boundary);
    m->in_header = false;
    m->skips_line = true;
    if (is_last) {
        boundaries_cut(&m->boundaries, boundary);
        top(m)->boundary = NO_BOUNDARY;
    } else {
        begin_part(m, m->line); /* moved behind the line when that ends */
    }
}

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
        m->line = here(m);
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
            top_part(m)->header_start = m->line.offset;
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
        end_header(m, here(m));
    } else if (is_boundary_line(m, line, &boundary, &is_last)) {
        struct mime_place next = m->line;
        m->line = begin;
        cross_boundary(m, boundary, is_last);
        m->line = next;
        m->skips_line = false; /* the line is over */
        if (m->in_header)
            top_part(m)->header_start = here(m).offset;
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
        m->line = here(m);
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
        cross_boundary(m, boundary, is_last);
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
        top_part(m)->header_start = here(m).offset;
    m->skips_line = false;
    while (m->depth > 0)
        end_part(m, here(m));
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
    begin_part(m, m->line);
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
