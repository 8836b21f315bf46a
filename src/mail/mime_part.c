/* SPDX-License-Identifier: MIT
 *
 * Parts of a message as the MIME scanner opens and ends them: see mime.c for when.
 */
#include <stdlib.h>

#include "mime_priv.h"

#define HEADER_ARENA_MAX (2 * MIME_HEADER_MAX)

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

bool
mime_begin_part(struct mime *m, struct mime_place at)
{
    if (!reserve_part(m)) {
        m->is_truncated = true;
        return false;
    }
    struct mime_part *part = &m->parts[m->part_count];
    *part = (struct mime_part){.parent = MIME_NO_PART, .number = 1, .header_start = at.offset};
    if (m->depth > 0) {
        part->parent = mime_top(m)->part;
        part->number = ++mime_top_part(m)->child_count;
    }
    m->level[m->depth++] = (struct mime_level){m->part_count++, MIME_NO_BOUNDARY};
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

void
mime_end_header(struct mime *m, struct mime_place at)
{
    struct mime_part *part = mime_top_part(m);
    uint32_t index = mime_top(m)->part;
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
        mime_top(m)->boundary = boundaries_push(&m->boundaries, boundary->value);
    }
    if (m->events->on_header(m->arg, index, &h))
        m->wants_body = index;
    if (part->kind == MIME_MESSAGE)
        mime_begin_part(m, at);
    arena_release(&arena);
}

void
mime_end_part(struct mime *m, struct mime_place end)
{
    if (m->in_header) {
        bool is_empty =
            end.offset < mime_top_part(m)->header_start; /* not even a line between boundaries */
        mime_end_header(m, is_empty ? m->line : end);
        if (m->in_header)
            return; /* it was a message, and the one inside opened: the caller's loop ends that
                       first */
    }
    struct mime_level *level = mime_top(m);
    struct mime_part *part = mime_top_part(m);
    if (level->boundary != MIME_NO_BOUNDARY)
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
    while (mime_top(m)->boundary != boundary)
        mime_end_part(m, end);
}

void
mime_cross_boundary(struct mime *m, int boundary, bool is_last)
{
    end_parts_above(m, boundary);
    m->in_header = false;
    m->skips_line = true;
    if (is_last) {
        boundaries_cut(&m->boundaries, boundary);
        mime_top(m)->boundary = MIME_NO_BOUNDARY;
    } else {
        mime_begin_part(m, m->line); /* moved behind the line when that ends */
    }
}
