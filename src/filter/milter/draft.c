/* SPDX-License-Identifier: MIT
 *
 * The header and the body of a draft: see draft_priv.h. Fields that no filter touches keep their
 * octets; those that a filter brings are folded anew, so that no value ends a field.
 */
#include "draft_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/field.h"

#define HEADER_NAME_MAX 512
#define FIELDS_MAX 10000         /* of a message that filters look at */
#define BODY_MEMORY (256 * 1024) /* of a new body, before a memfd has it */

/* --- opening: the header block becomes fields --- */

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
put_field(struct draft *d, uint32_t at, struct draft_field f)
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
drop_field(struct draft *d, uint32_t at)
{
    d->header_octets -= d->fields[at].octets.n;
    d->count--;
    memmove(&d->fields[at], &d->fields[at + 1], (d->count - at) * sizeof(*d->fields));
}

/* The length of the empty line at the front of `block`, or 0. */
static size_t
empty_line(struct span block)
{
    if (block.n > 0 && block.p[0] == '\n')
        return 1;
    return block.n > 1 && block.p[0] == '\r' && block.p[1] == '\n' ? 2 : 0;
}

static bool
split_header(struct draft *d, struct span block, uint64_t *end)
{
    struct span rest = block;

    while (rest.n > 0 && empty_line(rest) == 0) {
        const char *begin = rest.p;
        struct field f;
        enum field_result result = field_next(&rest, &f);
        struct span octets = {begin, (size_t)(rest.p - begin)};

        if (result == FIELD_END)
            break;
        if (!put_field(d, d->count,
                       (struct draft_field){octets, result == FIELD_OK ? f.name.n : 0}))
            return false;
    }
    d->has_empty_line = empty_line(rest) > 0;
    *end = (uint64_t)(rest.p - block.p) + empty_line(rest);
    return true;
}

/* Does the block end within these octets? */
static bool
has_end(struct span block)
{
    struct span rest = block;

    while (rest.n > 0) {
        if (empty_line(rest) > 0)
            return true;
        rest = span_skip(rest, span_find(rest, '\n') + 1);
    }
    return false;
}

/* A message without any body may be all header. */
static enum draft_result
read_header(struct draft *d)
{
    uint64_t octets = message_traits(d->original)->octets;
    size_t n = octets < FILTER_HEADER_MAX ? (size_t)octets : FILTER_HEADER_MAX;
    char *block = arena_alloc(d->arena, n + 1);
    size_t got = 0;

    if (block == NULL)
        return DRAFT_NO_MEMORY;
    while (got < n) {
        ssize_t more = message_read(d->original, got, block + got, n - got);

        if (more <= 0)
            return DRAFT_NO_MEMORY;
        got += (size_t)more;
    }
    if (n < octets && !has_end((struct span){block, n}))
        return DRAFT_HEADER_TOO_LARGE;
    if (!split_header(d, (struct span){block, n}, &d->body_offset))
        return DRAFT_NO_MEMORY;
    return d->count <= FIELDS_MAX && d->header_octets <= FILTER_HEADER_MAX ? DRAFT_OK
                                                                           : DRAFT_HEADER_TOO_LARGE;
}

enum draft_result
draft_open(struct draft *d, struct message *original, uint64_t body_max, struct arena *arena)
{
    enum draft_result result;

    *d = (struct draft){
        .arena = arena, .original = message_ref(original), .body_max = body_max, .reason = ""};
    result = read_header(d);
    if (result != DRAFT_OK)
        draft_close(d);
    return result;
}

void
draft_close(struct draft *d)
{
    message_unref(d->original);
    message_unref(d->body);
    free(d->fields);
    *d = (struct draft){.arena = d->arena};
}

bool
draft_copy(const struct draft *from, struct draft *to)
{
    *to = *from;
    to->fields = malloc((from->count + 1) * sizeof(*to->fields));
    if (to->fields == NULL)
        return false;
    if (from->count > 0)
        memcpy(to->fields, from->fields, from->count * sizeof(*to->fields));
    to->size = from->count + 1;
    to->original = message_ref(from->original);
    to->body = from->body != NULL ? message_ref(from->body) : NULL;
    to->is_body_closed = to->body != NULL;
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

uint64_t
draft_body_octets(const struct draft *d)
{
    if (d->body != NULL)
        return message_traits(d->body)->octets;
    return message_traits(d->original)->octets - d->body_offset;
}

ssize_t
draft_body_read(const struct draft *d, uint64_t offset, void *out, size_t n)
{
    return d->body != NULL ? message_read(d->body, offset, out, n)
                           : message_read(d->original, d->body_offset + offset, out, n);
}

/* --- what it changes: header fields --- */

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

/* "Name: value CRLF", in the arena; what would end a line where none may end becomes a space. */
static bool
make_field(struct draft *d, struct span name, struct span value, bool has_space,
           struct draft_field *out)
{
    struct buf text;
    char *copy = NULL;

    if (!is_field_name(name))
        return false;
    buf_init(&text, MILTER_FIELD_MAX);
    if (buf_append_span(&text, name) && buf_append_char(&text, ':') &&
        (has_space || buf_append_char(&text, ' ')) && put_value(&text, value) &&
        buf_append_span(&text, SPAN("\r\n"))) {
        for (size_t i = 0; i + 1 < text.len; i++) {
            bool is_bare = text.data[i] == '\r' && text.data[i + 1] != '\n';

            if (is_bare || text.data[i] == '\0')
                text.data[i] = ' ';
        }
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
        !put_field(d, at, f))
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
    drop_field(d, at);
    return value.n == 0 || put_field(d, at, f);
}

/* --- a new body --- */

static int
open_memory_file(void *arg)
{
    (void)arg;
    return memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static bool
begin_body(struct draft *d)
{
    message_unref(d->body);
    d->body = message_new(BODY_MEMORY, open_memory_file, NULL);
    d->is_body_closed = d->body_ends_in_cr = false;
    d->is_changed = true;
    return d->body != NULL;
}

bool
draft_replace_body(struct draft *d, struct span piece)
{
    struct outcome why;

    if ((d->body == NULL || d->is_body_closed) && !begin_body(d))
        return false;
    if (piece.n * 2 > d->body_max - message_traits(d->body)->octets)
        return false;
    while (piece.n > 0) {
        size_t n = span_find(piece, '\n');
        bool has_cr = n > 0 ? piece.p[n - 1] == '\r' : d->body_ends_in_cr;

        if (!message_append(d->body, piece.p, n, &why))
            return false;
        if (n < piece.n && !message_append(d->body, has_cr ? "\n" : "\r\n", has_cr ? 1 : 2, &why))
            return false;
        d->body_ends_in_cr = n == piece.n && piece.p[n - 1] == '\r';
        piece = span_skip(piece, n + 1);
    }
    return true;
}

/* --- the envelope --- */

/* What stands between the brackets, where there are any. */
static const char *
keep_address(struct draft *d, struct span address)
{
    address = span_trim(address);
    if (address.n >= 2 && address.p[0] == '<' && address.p[address.n - 1] == '>')
        address = (struct span){address.p + 1, address.n - 2};
    return address.n > ADDRESS_PATH_MAX ? NULL : arena_copy(d->arena, address);
}

bool
draft_add_recipient(struct draft *d, struct span address)
{
    const char *copy = keep_address(d, address);

    if (copy == NULL || d->added_count == FILTER_RECIPIENTS_MAX)
        return false;
    d->added[d->added_count++] = copy;
    return true;
}

bool
draft_delete_recipient(struct draft *d, struct span address)
{
    const char *copy = keep_address(d, address);

    if (copy == NULL || d->deleted_count == FILTER_RECIPIENTS_MAX)
        return false;
    d->deleted[d->deleted_count++] = copy;
    return true;
}

bool
draft_set_sender(struct draft *d, struct span address)
{
    d->sender = keep_address(d, address);
    d->has_sender = d->sender != NULL;
    return d->has_sender;
}

bool
draft_set_quarantine(struct draft *d, const char *mailbox, struct span reason)
{
    char *copy = arena_copy(d->arena, reason.n > 255 ? (struct span){reason.p, 255} : reason);

    if (copy == NULL)
        return false;
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    d->quarantine = mailbox;
    d->reason = copy;
    return true;
}

/* --- the result --- */

bool
draft_print_header(const struct draft *d, struct buf *out)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (!buf_append_span(out, d->fields[i].octets))
            return false;
    if (draft_body_octets(d) == 0 && d->body == NULL &&
        d->body_offset == message_traits(d->original)->octets && !d->has_empty_line)
        return true;
    if (d->count > 0 && out->len > 0 && out->data[out->len - 1] != '\n' &&
        !buf_append_span(out, SPAN("\r\n")))
        return false;
    return buf_append_span(out, SPAN("\r\n"));
}
