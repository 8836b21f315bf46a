/* SPDX-License-Identifier: MIT
 *
 * The message of a run: its header fields and body, and what scripts change in them. An action
 * keeps the edition that it was taken with; the next edit makes a new one.
 */
#include "run_priv.h"

#include "doorstep/field.h"
#include "doorstep/words.h"

#define FIELDS_MAX 16384  /* of a message, those that were added among them */
#define FIELDS_READ 12288 /* what stands behind them is one field without a name */

/* ------------------------------------------------------------------ fields */

static bool
make_room(struct sieve_run *r, struct sieve_fields *f)
{
    if (f->count < f->size)
        return true;
    uint32_t size = f->count < 16 ? 32 : f->count < FIELDS_MAX / 2 ? f->count * 2 : FIELDS_MAX;
    struct sieve_field *items =
        f->count >= FIELDS_MAX ? NULL : arena_alloc(&r->arena, size * sizeof(*items));
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
    struct sieve_field_memo *memo = arena_alloc(&r->arena, sizeof(*memo));
    if (memo == NULL)
        return false;
    out->items[out->count++] = (struct sieve_field){
        .name = is_broken ? SPAN_NONE : f->name,
        .memo = memo,
        .value = is_broken ? SPAN_NONE : f->value,
        .raw = raw,
        .is_broken = is_broken,
    };
    return true;
}

/* More fields than anybody has: they are kept, but not found. */
static void
add_to_last(struct sieve_fields *out, struct span raw)
{
    struct sieve_field *last = &out->items[out->count - 1];

    *last = (struct sieve_field){.raw = {last->raw.p, last->raw.n + raw.n}, .is_broken = true};
}

/* False: there was none. */
static bool
skip_empty_line(struct span *s)
{
    struct span before = *s;

    if (s->n > 1 && s->p[0] == '\r' && s->p[1] == '\n')
        *s = span_skip(*s, 2);
    else if (s->n > 0 && s->p[0] == '\n')
        *s = span_skip(*s, 1);
    return s->n != before.n;
}

bool
fields_read(struct sieve_run *r, struct span block, struct sieve_fields *out, struct span *rest)
{
    struct field f;
    enum field_result result;

    do {
        struct span before = block;
        result = field_next(&block, &f);
        struct span raw = {before.p, before.n - block.n};
        if (result != FIELD_END && out->count == FIELDS_READ)
            add_to_last(out, raw);
        else if (result != FIELD_END && !add_field(r, out, &f, raw, result == FIELD_BROKEN))
            return sieve_run_fail(r, NULL, "the message has too many header fields");
    } while (result != FIELD_END);
    *rest = block;
    fields_index(r, out);
    return true;
}

static const char *
line_end_of(struct span whole)
{
    size_t n = span_find(whole, '\n');

    return n < whole.n && (n == 0 || whole.p[n - 1] != '\r') ? "\n" : "\r\n";
}

struct sieve_edition *
edition_new(struct sieve_run *r, struct span whole)
{
    struct sieve_edition *e = arena_alloc(&r->arena, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->whole = whole;
    e->line_end = line_end_of(whole);
    e->is_original = true;
    if (!fields_read(r, whole, &e->fields, &e->body))
        return NULL;
    e->has_body = skip_empty_line(&e->body);
    return e;
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

bool
sieve_message_has_body(struct sieve_run *r)
{
    return r->edition->has_body;
}

/* The message, or the part that an included script takes for it. */
static struct span
measured(struct sieve_run *r)
{
    struct sieve_part *part = r->frame != NULL && r->frame->has_part ? sieve_message_root(r) : NULL;

    if (part == NULL || part->parent == NULL)
        return r->in.message;
    const char *begin = part->raw_header.p;
    return (struct span){begin, (size_t)(part->body.p - begin) + part->body.n};
}

/* A line end counts two octets, however it is stored. */
static uint64_t
count_octets(struct sieve_run *r, struct span whole)
{
    struct span rest = whole;
    uint64_t size = whole.n;

    if (r->sized.p == whole.p && r->sized.n == whole.n)
        return r->size;
    while (rest.n > 0) {
        size_t n = span_find(rest, '\n');
        if (n < rest.n && (n == 0 || rest.p[n - 1] != '\r'))
            size++;
        rest = span_skip(rest, n + 1);
    }
    r->sized = whole;
    r->size = size;
    return size;
}

/* Line ends are counted only where it depends on them: most limits are far away. */
int
sieve_message_order_size(struct sieve_run *r, uint64_t limit)
{
    struct span whole = measured(r);

    if (whole.n > limit)
        return 1;
    if (limit > 2 * (uint64_t)whole.n)
        return -1;
    uint64_t size = count_octets(r, whole);
    return size > limit ? 1 : size < limit ? -1 : 0;
}

/* ------------------------------------------------------------------ edits */

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
    e->fields.names = NULL; /* they move */
    return e;
}

/* Only these fields say what parts a message has. */
static void
forget_parts(struct sieve_edition *e, struct span name)
{
    if (!span_has_prefix_fold(name, SPAN("Content-")))
        return;
    e->parts = NULL;
    e->text = SPAN_NONE;
}

/* Name, colon and value with its folds, in the run's memory. */
static bool
make_field(struct sieve_run *r, const char *line_end, struct span name, struct span value,
           struct sieve_field *out)
{
    struct buf *line = sieve_run_buf(r);
    bool ok = buf_append_span(line, name) && buf_append_str(line, ": ") &&
              words_print(value, name.n + 2, line_end, line) && buf_append_str(line, line_end);

    if (!ok)
        return sieve_run_fail(r, NULL, "a header field is too long to be added");
    struct span raw = {sieve_run_copy(r, buf_span(line)), line->len};
    *out = (struct sieve_field){.raw = raw, .memo = sieve_run_alloc(r, sizeof(*out->memo))};
    if (out->raw.p == NULL || out->memo == NULL)
        return false;
    out->name = (struct span){raw.p, name.n};
    out->value = span_trim(span_skip(raw, name.n + 1));
    return true;
}

/* In front of all: but not of lines that are no fields, which would become a part of it. */
static uint32_t
first_place(const struct sieve_fields *f)
{
    uint32_t at = 0;

    while (at < f->count && f->items[at].is_broken)
        at++;
    return at;
}

bool
sieve_message_add(struct sieve_run *r, bool is_last, struct span name, struct span value)
{
    struct sieve_edition *e = editable(r);
    struct sieve_field f;

    if (e == NULL || !make_field(r, e->line_end, name, value, &f))
        return false;
    if (!make_room(r, &e->fields))
        return sieve_run_fail(r, NULL, "the message has too many header fields");
    uint32_t at = is_last ? e->fields.count : first_place(&e->fields);
    struct sieve_field *rows = e->fields.items;
    if (!sieve_run_work(r, value.n + (e->fields.count - at) * sizeof(*rows) / 8))
        return false;
    memmove(&rows[at + 1], &rows[at], (e->fields.count - at) * sizeof(*rows));
    rows[at] = f;
    e->fields.count++;
    forget_parts(e, f.name);
    return true;
}

bool
sieve_message_delete(struct sieve_run *r, const bool *is_gone)
{
    struct sieve_edition *e = editable(r);
    uint32_t kept = 0;

    if (e == NULL)
        return false;
    for (uint32_t i = 0; i < e->fields.count; i++) {
        if (is_gone[i])
            forget_parts(e, e->fields.items[i].name);
        else
            e->fields.items[kept++] = e->fields.items[i];
    }
    e->fields.count = kept;
    return true;
}

bool
edition_adopt(struct sieve_run *r, struct span whole)
{
    struct sieve_edition *e = edition_new(r, whole);

    if (e == NULL)
        return sieve_run_fail(r, NULL, "the changed message is too large");
    e->is_original = false;
    e->enclosed = r->edition->enclosed;
    r->edition = e;
    r->part = NULL;
    return true;
}

bool
sieve_message_replace(struct sieve_run *r, struct span whole)
{
    char *kept = message_alloc(r, whole.n);

    if (kept != NULL && whole.n > 0)
        memcpy(kept, whole.p, whole.n);
    return kept != NULL && edition_adopt(r, (struct span){kept, whole.n});
}

void
edition_encloses(struct sieve_run *r, const struct sieve_edition *inner)
{
    if (r->edition->enclosed == NULL)
        r->edition->enclosed = inner;
}

/* ------------------------------------------------------------------ reading it */

bool
sieve_edition_is_original(const struct sieve_edition *e)
{
    return e->is_original;
}

/* The last line of a message that has no body may have no end. */
static bool
print_field(const struct sieve_edition *e, struct span raw, struct buf *out)
{
    return buf_append_span(out, raw) &&
           (raw.p[raw.n - 1] == '\n' || buf_append_str(out, e->line_end));
}

bool
sieve_edition_print(const struct sieve_edition *e, struct buf *out)
{
    bool ok = true;

    if (e->is_original)
        return buf_append_span(out, e->whole);
    for (uint32_t i = 0; ok && i < e->fields.count; i++)
        ok = print_field(e, e->fields.items[i].raw, out);
    return ok && buf_append_str(out, e->line_end) && buf_append_span(out, e->body);
}
