/* SPDX-License-Identifier: MIT
 *
 * The header fields of a draft: those that came keep their octets, those that a filter brings are
 * folded anew, so that no value ends a field.
 */
#include "fields_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/field.h"

#define HEADER_NAME_MAX 512

/* --- the list --- */

static bool
reserve(struct draft *d)
{
    uint32_t size = d->size == 0 ? 32 : d->size * 2;
    struct draft_field *grown;

    if (d->count < d->size)
        return true;
    grown = reallocarray(d->fields, size, sizeof(*grown));
    if (grown == NULL)
        return false;
    d->fields = grown;
    d->size = size;
    return true;
}

static bool
fields_put(struct draft *d, uint32_t at, struct draft_field f)
{
    if (f.octets.n > FILTER_HEADER_MAX * 2 - d->header_octets || !reserve(d))
        return false;
    memmove(&d->fields[at + 1], &d->fields[at], (d->count - at) * sizeof(*d->fields));
    d->fields[at] = f;
    d->count++;
    d->header_octets += f.octets.n;
    return true;
}

static void
fields_drop(struct draft *d, uint32_t at)
{
    d->header_octets -= d->fields[at].octets.n;
    d->count--;
    memmove(&d->fields[at], &d->fields[at + 1], (d->count - at) * sizeof(*d->fields));
}

/* --- what came --- */

size_t
fields_empty_line(struct span block)
{
    if (block.n > 0 && block.p[0] == '\n')
        return 1;
    return block.n > 1 && block.p[0] == '\r' && block.p[1] == '\n' ? 2 : 0;
}

bool
fields_split(struct draft *d, struct span block, uint64_t *end)
{
    struct span rest = block;

    while (rest.n > 0 && fields_empty_line(rest) == 0 && d->count <= DRAFT_FIELDS_MAX) {
        const char *begin = rest.p;
        struct field f;
        enum field_result result = field_next(&rest, &f);
        struct span octets = {begin, (size_t)(rest.p - begin)};

        if (result == FIELD_END)
            break;
        if (!fields_put(d, d->count,
                        (struct draft_field){octets, result == FIELD_OK ? f.name.n : 0}))
            return false;
    }
    d->has_empty_line = fields_empty_line(rest) > 0;
    *end = (uint64_t)(rest.p - block.p) + fields_empty_line(rest);
    return true;
}

/* --- what a filter sees --- */

struct span
draft_field_name(const struct draft_field *f)
{
    return (struct span){f->octets.p, f->name_length};
}

static struct span
raw_value(const struct draft_field *f)
{
    size_t colon = span_find(f->octets, ':');
    struct span value = span_skip(f->octets, colon + 1);

    if (value.n > 0 && value.p[value.n - 1] == '\n')
        value.n--;
    if (value.n > 0 && value.p[value.n - 1] == '\r')
        value.n--;
    return value;
}

bool
draft_field_value(const struct draft_field *f, bool has_space, struct buf *out)
{
    struct span value = raw_value(f);

    if (!has_space && value.n > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = span_skip(value, 1);
    while (value.n > 0) {
        size_t n = span_find(value, '\n');
        size_t line = n < value.n && n > 0 && value.p[n - 1] == '\r' ? n - 1 : n;

        if (!buf_append(out, value.p, line) || (n < value.n && !buf_append_char(out, '\n')))
            return false;
        value = span_skip(value, n + 1);
    }
    return true;
}

/* --- what it changes --- */

static bool
is_field_name(struct span name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':')
            return false;
    return name.n > 0 && name.n <= HEADER_NAME_MAX;
}

/* A line of a value behind the first: it goes on, whatever the filter meant. */
static bool
put_continuation(struct buf *out, struct span line)
{
    if (span_trim(line).n == 0)
        return true;
    return buf_append_span(out, SPAN("\r\n")) &&
           (line.p[0] == ' ' || line.p[0] == '\t' || buf_append_char(out, '\t')) &&
           buf_append_span(out, line);
}

static bool
put_value(struct buf *out, struct span value)
{
    for (bool is_first = true; value.n > 0; is_first = false) {
        size_t n = span_find(value, '\n');
        struct span line = {value.p, n};

        while (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (is_first ? !buf_append_span(out, line) : !put_continuation(out, line))
            return false;
        value = span_skip(value, n + 1);
    }
    return true;
}

static bool
put_whole(struct buf *out, struct span name, struct span value, bool has_space)
{
    return buf_append_span(out, name) && buf_append_char(out, ':') &&
           (has_space || buf_append_char(out, ' ')) && put_value(out, value) &&
           buf_append_span(out, SPAN("\r\n"));
}

/* What would end a line where none may end. */
static void
blank_line_ends(struct buf *text)
{
    for (size_t i = 0; i + 1 < text->len; i++) {
        bool is_bare = text->data[i] == '\r' && text->data[i + 1] != '\n';

        if (is_bare || text->data[i] == '\0')
            text->data[i] = ' ';
    }
}

/* "Name: value CRLF", in the arena. */
static bool
make_field(struct draft *d, struct span name, struct span value, bool has_space,
           struct draft_field *out)
{
    struct buf text;
    char *copy = NULL;

    if (!is_field_name(name))
        return false;
    buf_init(&text, MILTER_FIELD_MAX);
    if (put_whole(&text, name, value, has_space)) {
        blank_line_ends(&text);
        copy = arena_copy(d->arena, buf_span(&text));
    }
    *out = (struct draft_field){{copy, text.len}, name.n};
    buf_release(&text);
    return copy != NULL;
}

/* A field in front of others needs a line end of its own; the last one may have come without. */
static bool
close_field(struct draft *d, uint32_t at)
{
    struct draft_field *f = &d->fields[at];
    char *copy;

    if (f->octets.n > 0 && f->octets.p[f->octets.n - 1] == '\n')
        return true;
    copy = arena_alloc(d->arena, f->octets.n + 3);
    if (copy == NULL)
        return false;
    memcpy(copy, f->octets.p, f->octets.n);
    memcpy(copy + f->octets.n, "\r\n", 2);
    f->octets = (struct span){copy, f->octets.n + 2};
    d->header_octets += 2;
    return true;
}

static bool
put_new(struct draft *d, uint32_t at, struct span name, struct span value, bool has_space)
{
    struct draft_field f;

    if (!make_field(d, name, value, has_space, &f) || (at > 0 && !close_field(d, at - 1)) ||
        !fields_put(d, at, f))
        return false;
    d->is_changed = true;
    return true;
}

bool
draft_add(struct draft *d, struct span name, struct span value, bool has_space)
{
    return put_new(d, d->count, name, value, has_space);
}

/* The place of the index-th field of all, lines that are no fields not counted. */
static uint32_t
place_of(const struct draft *d, uint32_t index)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->fields[i].name_length > 0 && index-- == 0)
            return i;
    return d->count;
}

bool
draft_insert(struct draft *d, uint32_t index, struct span name, struct span value, bool has_space)
{
    return put_new(d, place_of(d, index), name, value, has_space);
}

static uint32_t
place_of_name(const struct draft *d, struct span name, uint32_t index)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->fields[i].name_length > 0 &&
            span_equal_fold(draft_field_name(&d->fields[i]), name) && index-- <= 1)
            return i;
    return d->count;
}

bool
draft_change(struct draft *d, uint32_t index, struct span name, struct span value, bool has_space)
{
    uint32_t at = place_of_name(d, name, index);
    struct draft_field f;

    if (!is_field_name(name))
        return false;
    if (at == d->count)
        return value.n == 0 || draft_add(d, name, value, has_space);
    d->is_changed = true;
    if (value.n > 0 && !make_field(d, name, value, has_space, &f))
        return false;
    fields_drop(d, at);
    return value.n == 0 || fields_put(d, at, f);
}
