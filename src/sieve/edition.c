/* SPDX-License-Identifier: MIT
 *
 * The message of a run: its header fields and body, and what scripts change in them. An action
 * keeps the edition that it was taken with; the next edit makes a new one.
 */
#include "run_priv.h"

#include "doorstep/field.h"

#define FIELDS_MAX 10000

/* ------------------------------------------------------------------ fields */

static bool
make_room(struct sieve_run *r, struct sieve_fields *f)
{
    if (f->count < f->size)
        return true;
    uint32_t size = f->count < 16 ? 32 : f->count * 2;
    struct sieve_field *items =
        size > FIELDS_MAX * 2 ? NULL : arena_alloc(&r->arena, size * sizeof(*items));
    if (items == NULL)
        return false;
    if (f->count > 0)
        memcpy(items, f->items, f->count * sizeof(*items));
    f->items = items;
    f->size = size;
    return true;
}

static bool
add_field(struct sieve_run *r, struct sieve_fields *out, const struct field *f, struct span raw,
          bool is_broken)
{
    if (!make_room(r, out))
        return false;
    const char *name = is_broken ? "" : arena_copy(&r->arena, f->name);
    if (name == NULL)
        return false;
    out->items[out->count++] = (struct sieve_field){
        .name = name,
        .value = is_broken ? SPAN_NONE : f->value,
        .raw = raw,
        .is_broken = is_broken,
    };
    return true;
}

/* A header block into its fields; *rest is what follows its empty line. */
bool
fields_read(struct sieve_run *r, struct span block, struct sieve_fields *out, struct span *rest)
{
    struct field f;
    enum field_result result;

    do {
        struct span before = block;
        result = field_next(&block, &f);
        struct span raw = {before.p, before.n - block.n};
        if (result != FIELD_END && !add_field(r, out, &f, raw, result == FIELD_BROKEN))
            return sieve_run_fail(r, NULL, "the message has too many header fields");
    } while (result != FIELD_END);
    if (block.n > 0 && block.p[0] == '\r')
        block = span_skip(block, 1);
    if (block.n > 0 && block.p[0] == '\n')
        block = span_skip(block, 1);
    *rest = block;
    return true;
}

struct sieve_edition *
edition_new(struct sieve_run *r, struct span whole)
{
    struct sieve_edition *e = arena_alloc(&r->arena, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->run = r;
    e->whole = whole;
    e->is_original = true;
    return fields_read(r, whole, &e->fields, &e->body) ? e : NULL;
}

const struct sieve_edition *
sieve_run_edition(const struct sieve_run *r)
{
    return r->edition;
}

const struct sieve_fields *
sieve_message_fields(struct sieve_run *r)
{
    return &r->edition->fields;
}

struct span
sieve_message_body(struct sieve_run *r)
{
    return r->edition->body;
}

/* RFC 5228 5.9: octets of the message; a line end counts two, however it is stored. */
uint64_t
sieve_message_size(struct sieve_run *r)
{
    struct span rest = r->in.message;
    uint64_t size = rest.n;

    while (rest.n > 0) {
        size_t n = span_find(rest, '\n');
        if (n < rest.n && (n == 0 || rest.p[n - 1] != '\r'))
            size++;
        rest = span_skip(rest, n + 1);
    }
    return size;
}

/* ------------------------------------------------------------------ edits */

static const char *
line_end(const struct sieve_run *r)
{
    size_t n = span_find(r->in.message, '\n');

    return n < r->in.message.n && (n == 0 || r->in.message.p[n - 1] != '\r') ? "\n" : "\r\n";
}

/* An edition that may be changed: the present one, or a copy when an action keeps that. */
static struct sieve_edition *
editable(struct sieve_run *r)
{
    struct sieve_edition *e = r->edition;

    if (e->is_taken) {
        e = sieve_run_alloc(r, sizeof(*e));
        if (e == NULL)
            return NULL;
        *e = *r->edition;
        e->is_taken = false;
        e->fields.size = 0; /* so that the rows are copied before they change */
        if (!make_room(r, &e->fields)) {
            sieve_run_fail(r, NULL, "the message has too many header fields");
            return NULL;
        }
        r->edition = e;
    }
    e->is_original = false;
    e->parts = NULL;
    return e;
}

bool
sieve_message_add(struct sieve_run *r, uint32_t at, struct span name, struct span value)
{
    struct sieve_edition *e = editable(r);

    if (e == NULL)
        return false;
    if (!make_room(r, &e->fields))
        return sieve_run_fail(r, NULL, "the message has too many header fields");
    struct buf *line = sieve_run_buf(r);
    buf_printf(line, "%.*s: %.*s%s", (int)name.n, name.p, (int)value.n, value.p, line_end(r));
    struct sieve_field f = {.raw.n = line->len, .value.n = value.n};
    f.raw.p = sieve_run_copy(r, buf_span(line));
    f.name = sieve_run_copy(r, name);
    if (f.raw.p == NULL || f.name == NULL)
        return false;
    f.value.p = f.raw.p + name.n + 2;
    struct sieve_field *rows = e->fields.items;
    memmove(&rows[at + 1], &rows[at], (e->fields.count - at) * sizeof(*rows));
    rows[at] = f;
    e->fields.count++;
    return true;
}

bool
sieve_message_delete(struct sieve_run *r, uint32_t at)
{
    struct sieve_edition *e = editable(r);

    if (e == NULL)
        return false;
    struct sieve_field *rows = e->fields.items;
    memmove(&rows[at], &rows[at + 1], (e->fields.count - at - 1) * sizeof(*rows));
    e->fields.count--;
    return true;
}

bool
sieve_message_replace(struct sieve_run *r, struct span whole)
{
    const char *kept = sieve_run_copy(r, whole);
    struct sieve_edition *e = kept == NULL ? NULL : edition_new(r, (struct span){kept, whole.n});

    if (e == NULL)
        return sieve_run_fail(r, NULL, "the changed message is too large");
    e->is_original = false;
    r->edition = e;
    r->part = NULL;
    return true;
}

/* ------------------------------------------------------------------ reading it */

bool
sieve_edition_is_original(const struct sieve_edition *e)
{
    return e->is_original;
}

bool
sieve_edition_print(const struct sieve_edition *e, struct buf *out)
{
    bool ok = true;

    if (e->is_original)
        return buf_append_span(out, e->whole);
    for (uint32_t i = 0; ok && i < e->fields.count; i++)
        ok = buf_append_span(out, e->fields.items[i].raw);
    return ok && buf_append_str(out, line_end(e->run)) && buf_append_span(out, e->body);
}
