/* SPDX-License-Identifier: MIT
 *
 * The parts of the message as it is now: the MIME scanner's rows as a tree whose spans lie in one
 * text with CRLF line ends, so that scripts see the same however the message is stored.
 */
#include "run_priv.h"

#include "doorstep/field.h"
#include "doorstep/mime.h"

void *
message_alloc(struct sieve_run *r, size_t n)
{
    void *memory = arena_alloc(&r->message_arena, n == 0 ? 1 : n);

    if (memory == NULL)
        sieve_run_fail(r, NULL, "the script needs too much memory for one message");
    return memory;
}

/* ------------------------------------------------------------------ one text */

static size_t
count_bare(struct span s)
{
    size_t bare = 0;

    for (size_t i = 0; i < s.n; i++) {
        i += span_find(span_skip(s, i), '\n');
        bare += i < s.n && (i == 0 || s.p[i - 1] != '\r');
    }
    return bare;
}

/* Lines of s that end in LF get their CR. */
bool
message_crlf(struct sieve_run *r, struct span s, struct span *out)
{
    size_t bare = count_bare(s);

    *out = s;
    if (bare == 0)
        return true;
    char *to = message_alloc(r, s.n + bare);
    *out = (struct span){to, s.n + bare};
    while (to != NULL && s.n > 0) {
        size_t n = span_find(s, '\n');
        memcpy(to, s.p, n);
        to += n;
        if (n < s.n && (n == 0 || s.p[n - 1] != '\r'))
            *to++ = '\r';
        if (n < s.n)
            *to++ = '\n';
        s = span_skip(s, n + 1);
    }
    return out->p != NULL;
}

/* An edited message, put together. */
static bool
print_edition(struct sieve_run *r, const struct sieve_edition *e, struct span *out)
{
    struct buf whole;

    buf_init(&whole, r->message_arena.max);
    bool ok = sieve_edition_print(e, &whole);
    char *kept = ok ? message_alloc(r, whole.len) : NULL;
    if (kept != NULL)
        memcpy(kept, whole.data, whole.len);
    *out = (struct span){kept, whole.len};
    buf_release(&whole);
    return kept != NULL || sieve_run_fail(r, NULL, "the changed message is too large");
}

bool
edition_text(struct sieve_run *r, struct span *out)
{
    struct sieve_edition *e = r->edition;
    struct span whole = e->whole;

    if (e->text.p == NULL) {
        if (!e->is_original && !print_edition(r, e, &whole))
            return false;
        if (!sieve_run_work(r, whole.n) || !message_crlf(r, whole, &e->text))
            return false;
        if (e->text.p == NULL)
            e->text.p = "";
    }
    *out = e->text;
    return true;
}

bool
edition_now(struct sieve_run *r, struct span *out)
{
    struct span whole;

    if (r->edition->is_original)
        return edition_text(r, out);
    return print_edition(r, r->edition, &whole) && sieve_run_work(r, whole.n) &&
           message_crlf(r, whole, out);
}

bool
sieve_message_body(struct sieve_run *r, struct span *out)
{
    struct sieve_part *root = sieve_message_parts(r);

    *out = root == NULL ? SPAN_NONE : root->body;
    return root != NULL;
}

/* ------------------------------------------------------------------ the tree */

struct builder {
    struct sieve_run *run;
    struct span text;
    struct sieve_part **parts; /* by row; MIME_PARTS_MAX of them */
    uint32_t count;
    bool is_broken;
};

static struct span
keep(struct builder *b, struct span s)
{
    const char *kept = arena_copy(&b->run->message_arena, s);

    b->is_broken = b->is_broken || kept == NULL;
    return (struct span){kept, kept == NULL ? 0 : s.n};
}

static struct span
keep_lower(struct builder *b, struct span s)
{
    char *kept = arena_copy(&b->run->message_arena, s);

    for (size_t i = 0; kept != NULL && i < s.n; i++)
        kept[i] = (char)(kept[i] >= 'A' && kept[i] <= 'Z' ? kept[i] | 0x20 : kept[i]);
    b->is_broken = b->is_broken || kept == NULL;
    return (struct span){kept, kept == NULL ? 0 : s.n};
}

/* The word that the value of Content-Transfer-Encoding begins with. */
static struct span
encoding_word(struct span value)
{
    token_skip_cfws(&value, NULL);
    return token_take_until(&value, ";(");
}

static bool
on_header(void *arg, uint32_t row, const struct mime_header *h)
{
    struct builder *b = arg;
    const struct param *charset = params_find(&h->params, "charset");
    const struct param *boundary = params_find(&h->params, "boundary");
    struct sieve_part *part = arena_alloc(&b->run->message_arena, sizeof(*part));

    if (part == NULL || row != b->count || row == MIME_PARTS_MAX) {
        b->is_broken = true;
        return false;
    }
    part->row = row;
    part->type = keep_lower(b, h->type);
    part->subtype = keep_lower(b, h->subtype);
    part->encoding = keep_lower(b, encoding_word(h->encoding));
    if (boundary != NULL)
        part->boundary = keep(b, boundary->value);
    if (charset != NULL)
        part->charset = keep_lower(b, charset->value);
    b->parts[b->count++] = part;
    return false;
}

static bool
on_body(void *arg, uint32_t row, struct span octets)
{
    (void)arg, (void)row, (void)octets;
    return false;
}

static void
on_end(void *arg, uint32_t row)
{
    (void)arg, (void)row;
}

static struct span
slice(struct span text, uint64_t begin, uint64_t end)
{
    if (end > text.n)
        end = text.n;
    if (begin > end)
        begin = end;
    return (struct span){text.p + begin, (size_t)(end - begin)};
}

static void
append_child(struct sieve_part *parent, struct sieve_part *child)
{
    child->parent = parent;
    if (parent->last_child == NULL)
        parent->first_child = child;
    else
        parent->last_child->next = child;
    parent->last_child = child;
}

static void
join(struct builder *b, const struct mime_part *rows)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct sieve_part *part = b->parts[i];
        const struct mime_part *row = &rows[i];
        part->is_multipart = row->kind == MIME_MULTIPART;
        part->is_message = row->kind == MIME_MESSAGE;
        part->raw_header = slice(b->text, row->header_start, row->body_start);
        part->body = slice(b->text, row->body_start, row->body_start + row->body_octets);
        if (row->parent != MIME_NO_PART)
            append_child(b->parts[row->parent], part);
    }
}

/* How many parts there are, 0 when memory ran out. */
static uint32_t
build(struct sieve_run *r, struct span text, struct sieve_part **table)
{
    static const struct mime_events events = {on_header, on_body, on_end};
    struct builder b = {.run = r, .text = text, .parts = table};
    struct mime *scanner = mime_new(&events, &b);
    uint32_t count;

    if (scanner == NULL)
        return 0;
    mime_feed(scanner, text);
    mime_finish(scanner);
    const struct mime_part *rows = mime_parts(scanner, &count);
    bool ok = !b.is_broken && b.count == count;
    if (ok)
        join(&b, rows);
    mime_free(scanner);
    return ok ? count : 0;
}

static bool
build_parts(struct sieve_run *r, struct sieve_edition *e)
{
    struct span text;

    if (!edition_text(r, &text) || !sieve_run_work(r, text.n))
        return false;
    struct sieve_part **table = message_alloc(r, MIME_PARTS_MAX * sizeof(struct sieve_part *));
    if (table == NULL)
        return false;
    e->part_count = build(r, text, table);
    e->parts = e->part_count == 0 ? NULL : table;
    return e->parts != NULL ||
           sieve_run_fail(r, NULL, "the script needs too much memory for one message");
}

struct sieve_part *
sieve_message_part(struct sieve_run *r, uint32_t row)
{
    struct sieve_edition *e = r->edition;

    if (e->parts == NULL && !build_parts(r, e))
        return NULL;
    return row < e->part_count ? e->parts[row] : NULL;
}

struct sieve_part *
sieve_message_parts(struct sieve_run *r)
{
    return sieve_message_part(r, 0);
}

struct sieve_part *
sieve_message_root(struct sieve_run *r)
{
    return sieve_message_part(r, r->frame != NULL && r->frame->has_part ? r->frame->part_row : 0);
}

struct sieve_part *
sieve_part_after(const struct sieve_part *root, struct sieve_part *part)
{
    while (part != root && part->next == NULL)
        part = part->parent;
    return part == root ? NULL : part->next;
}

struct sieve_part *
sieve_part_next(const struct sieve_part *root, struct sieve_part *part)
{
    return part->first_child != NULL ? part->first_child : sieve_part_after(root, part);
}

const struct sieve_fields *
sieve_part_fields(struct sieve_run *r, struct sieve_part *part)
{
    struct span rest;

    if (part->parent == NULL)
        return sieve_message_fields(r);
    if (part->fields != NULL)
        return part->fields;
    struct sieve_fields *fields = sieve_run_alloc(r, sizeof(*fields));
    if (fields == NULL || !sieve_run_work(r, part->raw_header.n) ||
        !fields_read(r, part->raw_header, fields, &rest))
        return NULL;
    part->fields = fields;
    return fields;
}

/* ------------------------------------------------------------------ around boundaries */

/* The line end in front of a boundary belongs to the boundary (RFC 2046 5.1.1). */
struct span
sieve_part_prologue(const struct sieve_part *part)
{
    const char *begin = part->body.p, *end = begin + part->body.n;

    if (part->first_child == NULL)
        return part->body;
    if (part->first_child->raw_header.p < end)
        end = part->first_child->raw_header.p;
    if (end > begin) /* behind the boundary's line */
        end--;
    while (end > begin && end[-1] != '\n')
        end--;
    if (end - begin >= 2 && end[-2] == '\r')
        end -= 2;
    return (struct span){begin, (size_t)(end - begin)};
}

struct span
sieve_part_epilogue(const struct sieve_part *part)
{
    const struct sieve_part *last = part->last_child;
    const char *end = part->body.p + part->body.n;

    if (last == NULL || last->body.p + last->body.n >= end)
        return SPAN_NONE;
    struct span rest = {last->body.p + last->body.n, (size_t)(end - last->body.p) - last->body.n};
    if (rest.n >= 2 && memcmp(rest.p, "\r\n", 2) == 0)
        rest = span_skip(rest, 2);
    return span_skip(rest, span_find(rest, '\n') + 1);
}

/* ------------------------------------------------------------------ foreverypart's */

struct sieve_part *
sieve_run_part(const struct sieve_run *r)
{
    return r->part;
}

void
sieve_run_set_part(struct sieve_run *r, struct sieve_part *part)
{
    r->part = part;
}
