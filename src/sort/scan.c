/* SPDX-License-Identifier: MIT
 *
 * One message to facts: the MIME scanner's events are turned into IMAP text and header values while
 * the octets pass, and put together at the end. Called by sort_run() and by tests; leaves lines,
 * parts and boundaries to mime.h.
 */
#include "doorstep/sort.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/field.h"
#include "doorstep/mime.h"

#include "facts_bound_priv.h"
#include "header_facts_priv.h"
#include "imap_priv.h"
#include "part_rows_priv.h"
#include "preview_priv.h"

#define STRINGS_MAX (3 * 1024 * 1024) /* of one message, until its facts are finished */
#define ENVELOPE_ADDRESSES_MAX (256 * 1024)
#define INNER_ADDRESSES_MAX (16 * 1024) /* of a message inside the message */
#define STRUCTURE_MAX (448 * 1024)
#define PART_TEXT_MAX (64 * 1024) /* of what one header says in BODYSTRUCTURE */

struct sort_scan {
    struct mime *mime;             /* owned */
    struct charsets *charsets;     /* borrowed, or own_charsets */
    struct charsets *own_charsets; /* owned; NULL until it is needed */
    struct arena strings;          /* what is known of the message so far */
    struct facts facts;            /* strings in the arena */
    struct imap_part *parts;       /* owned; by row of the scanner */
    uint32_t part_size;
    struct preview preview;
    uint32_t preview_part;   /* the text that is looked at, or MIME_NO_PART */
    uint32_t previewed_part; /* the one that shown is of, or MIME_NO_PART */
    bool previewed_html;
    struct buf shown; /* the best preview so far */
};

static void
mark(struct sort_scan *s, unsigned flag)
{
    s->facts.flags |= flag;
}

static struct charsets *
charsets_of(struct sort_scan *s)
{
    if (s->charsets == NULL)
        s->charsets = s->own_charsets = charsets_new();
    return s->charsets;
}

/* A row for every part of the scanner. */
static bool
reserve_part(struct sort_scan *s, uint32_t part)
{
    uint32_t size = s->part_size == 0 ? 16 : s->part_size * 2;

    if (part < s->part_size)
        return true;
    struct imap_part *parts = realloc(s->parts, size * sizeof *parts);
    if (parts == NULL)
        return false;
    s->parts = parts;
    s->part_size = size;
    return true;
}

/* Keep what a printer made, or note that it is missing. Releases b. */
static const char *
keep_text(struct sort_scan *s, struct buf *b, bool fits)
{
    const char *copy = fits ? arena_copy(&s->strings, buf_span(b)) : NULL;

    if (copy == NULL)
        mark(s, FACTS_TRUNCATED);
    buf_release(b);
    return copy;
}

static const char *
envelope_of(struct sort_scan *s, struct span block, size_t addresses_max)
{
    struct buf text;
    bool is_truncated = false;

    buf_init(&text, addresses_max + IMAP_ENVELOPE_REST);
    bool fits = imap_print_envelope(block, addresses_max, &text, &is_truncated);
    if (is_truncated)
        mark(s, FACTS_TRUNCATED);
    return keep_text(s, &text, fits);
}

static void
describe_part(struct sort_scan *s, struct imap_part *part, enum mime_kind kind,
              const struct mime_header *h)
{
    struct buf text;

    buf_init(&text, PART_TEXT_MAX);
    bool fits = imap_print_fields(h, kind, &text);
    part->fields = keep_text(s, &text, fits);
    buf_init(&text, PART_TEXT_MAX);
    fits = imap_print_extension(h, kind, &text);
    part->extension = keep_text(s, &text, fits);
    part->is_text = span_equal_fold(h->type, SPAN("text"));
    part->is_alternative =
        kind == MIME_MULTIPART && span_equal_fold(h->subtype, SPAN("alternative"));
    part->is_related = kind == MIME_MULTIPART && span_equal_fold(h->subtype, SPAN("related"));
}

static bool
is_attached(const struct mime_header *h)
{
    struct span kind = h->disposition;

    token_skip_cfws(&kind, NULL);
    return span_equal_fold(token_take_until(&kind, ";("), SPAN("attachment"));
}

static bool
is_signature(const struct mime_header *h)
{
    return span_equal_fold(h->subtype, SPAN("pgp-signature")) ||
           span_equal_fold(h->subtype, SPAN("pkcs7-signature")) ||
           span_equal_fold(h->subtype, SPAN("x-pkcs7-signature"));
}

/* An attachment, as a person counts them: sent as one, or no text and neither a picture of the HTML
 * beside it nor a signature. */
static bool
is_attachment(const struct sort_scan *s, const struct mime_part *row, const struct mime_header *h)
{
    bool in_related = row->parent != MIME_NO_PART && s->parts[row->parent].is_related;

    if (row->kind == MIME_MULTIPART || is_signature(h))
        return false;
    if (is_attached(h))
        return true;
    if (span_equal_fold(h->type, SPAN("text")) || (in_related && h->id.n > 0))
        return false;
    return !span_equal_fold(h->subtype, SPAN("delivery-status")) &&
           !span_equal_fold(h->subtype, SPAN("disposition-notification"));
}

/* Are both parts of one multipart/alternative? The nearest around `first` is asked. */
static bool
is_alternative_to(const struct sort_scan *s, const struct mime_part *rows, uint32_t first,
                  uint32_t other)
{
    uint32_t around = rows[first].parent;

    while (around != MIME_NO_PART && !s->parts[around].is_alternative)
        around = rows[around].parent;
    while (around != MIME_NO_PART && other != MIME_NO_PART && other != around)
        other = rows[other].parent;
    return around != MIME_NO_PART && other == around;
}

/* The first text is shown; plain text is preferred among alternatives. */
static bool
wants_preview(const struct sort_scan *s, const struct mime_part *rows, uint32_t part,
              const struct mime_header *h)
{
    bool is_plain = span_equal_fold(h->subtype, SPAN("plain"));
    bool is_html = span_equal_fold(h->subtype, SPAN("html"));

    if (!span_equal_fold(h->type, SPAN("text")) || (!is_plain && !is_html) || is_attached(h))
        return false;
    if (s->previewed_part == MIME_NO_PART)
        return true;
    return is_plain && s->previewed_html && is_alternative_to(s, rows, s->previewed_part, part);
}

static void
take_message_header(struct sort_scan *s, const struct mime_part *row, const struct mime_header *h)
{
    if (row->parent == MIME_NO_PART) {
        header_facts_take(h->block, charsets_of(s), &s->strings, &s->facts);
        s->facts.envelope = envelope_of(s, h->block, ENVELOPE_ADDRESSES_MAX);
        s->facts.header_octets = row->body_start;
    } else {
        s->parts[row->parent].envelope = envelope_of(s, h->block, INNER_ADDRESSES_MAX);
    }
}

static bool
on_header(void *arg, uint32_t part, const struct mime_header *h)
{
    struct sort_scan *s = arg;
    uint32_t count;
    const struct mime_part *rows = mime_parts(s->mime, &count);
    const struct mime_part *row = &rows[part];

    if (charsets_of(s) == NULL || !reserve_part(s, part)) {
        mark(s, FACTS_UNKNOWN);
        return false;
    }
    s->parts[part] = (struct imap_part){.fields = NULL};
    describe_part(s, &s->parts[part], row->kind, h);
    if (row->parent == MIME_NO_PART || rows[row->parent].kind == MIME_MESSAGE)
        take_message_header(s, row, h);
    if (is_attachment(s, row, h))
        mark(s, FACTS_HAS_ATTACHMENT);
    if (!wants_preview(s, rows, part, h))
        return false;
    preview_begin(&s->preview, h);
    s->preview_part = part;
    return true;
}

static bool
on_body(void *arg, uint32_t part, struct span octets)
{
    struct sort_scan *s = arg;

    return part == s->preview_part && preview_feed(&s->preview, octets);
}

static void
on_end(void *arg, uint32_t part)
{
    struct sort_scan *s = arg;
    struct buf text;

    if (part != s->preview_part)
        return;
    s->preview_part = MIME_NO_PART;
    buf_init(&text, PREVIEW_MAX);
    preview_print(&s->preview, s->charsets, &text);
    if (text.len > 0) {
        buf_reset(&s->shown);
        buf_append_span(&s->shown, buf_span(&text)); /* of the same size */
        s->previewed_part = part;
        s->previewed_html = s->preview.is_html;
    }
    buf_release(&text);
}

static const struct mime_events events = {
    .on_header = on_header,
    .on_body = on_body,
    .on_end = on_end,
};

static void
reset(struct sort_scan *s)
{
    arena_reset(&s->strings);
    s->facts = (struct facts){.flags = 0};
    s->preview_part = s->previewed_part = MIME_NO_PART;
    s->previewed_html = false;
    buf_reset(&s->shown);
    mime_reset(s->mime);
}

struct sort_scan *
sort_scan_new(void)
{
    struct sort_scan *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    arena_init(&s->strings, STRINGS_MAX);
    preview_init(&s->preview);
    buf_init(&s->shown, PREVIEW_MAX);
    s->mime = mime_new(&events, s);
    if (s->mime == NULL) {
        sort_scan_free(s);
        return NULL;
    }
    reset(s);
    return s;
}

void
sort_scan_free(struct sort_scan *s)
{
    if (s == NULL)
        return;
    mime_free(s->mime);
    charsets_free(s->own_charsets);
    arena_release(&s->strings);
    preview_release(&s->preview);
    buf_release(&s->shown);
    free(s->parts);
    free(s);
}

void
sort_scan_use_charsets(struct sort_scan *s, struct charsets *charsets)
{
    s->charsets = charsets;
}

void
sort_scan_feed(struct sort_scan *s, const void *data, size_t n)
{
    mime_feed(s->mime, (struct span){data, n});
}

static void
print_structure(struct sort_scan *s, const struct mime_part *rows, uint32_t count)
{
    struct buf text;
    bool is_truncated = false;

    buf_init(&text, STRUCTURE_MAX);
    bool fits = imap_print_structure(rows, s->parts, count, &text, &is_truncated);
    if (is_truncated)
        mark(s, FACTS_TRUNCATED);
    s->facts.bodystructure = keep_text(s, &text, fits);
}

bool
sort_scan_finish(struct sort_scan *s, struct arena *arena, struct facts *out)
{
    uint32_t count;
    struct facts *f = &s->facts;

    mime_finish(s->mime);
    const struct mime_part *rows = mime_parts(s->mime, &count);
    bool ok = count > 0 && (f->flags & FACTS_UNKNOWN) == 0; /* else there was no memory */
    if (ok) {
        f->octets = mime_octets(s->mime);
        f->lines = mime_lines(s->mime);
        f->preview = buf_str(&s->shown);
        print_structure(s, rows, count);
        if (!part_rows_make(rows, count, &s->strings, f) || mime_is_truncated(s->mime))
            mark(s, FACTS_TRUNCATED);
        ok = facts_bound_copy(f, arena);
    }
    if (ok)
        *out = *f;
    reset(s);
    return ok;
}
