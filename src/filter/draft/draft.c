/* SPDX-License-Identifier: MIT
 *
 * A draft from its message to its result: see draft_priv.h. Its header is in fields.c.
 */
#include "draft_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fields_priv.h"

#define BODY_MEMORY (256 * 1024) /* of a new body, before a memfd has it */

/* --- opening: the header block becomes fields --- */

/* Does the block end within these octets? */
static bool
has_end(struct span block)
{
    struct span rest = block;

    while (rest.n > 0) {
        if (fields_empty_line(rest) > 0)
            return true;
        rest = span_skip(rest, span_find(rest, '\n') + 1);
    }
    return false;
}

static bool
read_block(struct draft *d, char *block, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t more = message_read(d->original, got, block + got, n - got);

        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

/* A message without any body may be all header. */
static enum draft_result
read_header(struct draft *d)
{
    uint64_t octets = message_traits(d->original)->octets;
    size_t n = octets < FILTER_HEADER_MAX ? (size_t)octets : FILTER_HEADER_MAX;
    char *block = arena_alloc(d->arena, n + 1);
    struct span header = {block, n};

    if (block == NULL || !read_block(d, block, n))
        return DRAFT_NO_MEMORY;
    if (n < octets && !has_end(header))
        return DRAFT_HEADER_TOO_LARGE;
    if (!fields_split(d, header, &d->body_offset))
        return DRAFT_NO_MEMORY;
    return d->count <= DRAFT_FIELDS_MAX && d->header_octets <= FILTER_HEADER_MAX
               ? DRAFT_OK
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

/* --- the body --- */

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

/* A line or the beginning of one. */
static bool
append_line(struct draft *d, struct span piece, size_t n)
{
    bool has_cr = n > 0 ? piece.p[n - 1] == '\r' : d->body_ends_in_cr;
    struct outcome why;

    if (!message_append(d->body, piece.p, n, &why))
        return false;
    if (n < piece.n && !message_append(d->body, has_cr ? "\n" : "\r\n", has_cr ? 1 : 2, &why))
        return false;
    d->body_ends_in_cr = n == piece.n && piece.p[n - 1] == '\r';
    return true;
}

bool
draft_replace_body(struct draft *d, struct span piece)
{
    if ((d->body == NULL || d->is_body_closed) && !begin_body(d))
        return false;
    if (piece.n * 2 > d->body_max - message_traits(d->body)->octets)
        return false;
    while (piece.n > 0) {
        size_t n = span_find(piece, '\n');

        if (!append_line(d, piece, n))
            return false;
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
