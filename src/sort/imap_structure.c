/* SPDX-License-Identifier: MIT
 *
 * BODYSTRUCTURE (RFC 9051 7.5.2), in two steps: what a part's header says is printed as soon as the
 * header is complete; the sizes that stand between are known only at the end, when all is put
 * together in one loop over the rows.
 */
#include <string.h>

#include "doorstep/field.h"

#include "imap_priv.h"

/* A part that cannot be shown, and the only child of a multipart in which no boundary was found. */
#define EMPTY_FIELDS "\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\""
#define EMPTY_BODY "(" EMPTY_FIELDS " 0 0 NIL NIL NIL NIL)"
#define EMPTY_ENVELOPE "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
#define EMPTY_SUBTYPE "\"mixed\""
#define EMPTY_MESSAGE "\"message\" \"rfc822\" NIL NIL NIL \"7bit\""
#define EMPTY_EXTENSION "NIL NIL NIL NIL"
#define SIZES_MAX 64 /* two numbers, spaces and a parenthesis */

/* An extended name keeps its "*", so that the client decodes the value (RFC 2231 6). */
static bool
print_param(const struct param *p, struct buf *out)
{
    struct buf name;

    buf_init(&name, p->name.n + 1);
    bool fits = buf_append_span(&name, p->name) && (!p->is_extended || buf_append_char(&name, '*'));
    fits = fits && imap_print_string(buf_span(&name), out);
    buf_release(&name);
    return fits && buf_append_char(out, ' ') && imap_print_string(p->value, out);
}

static bool
print_params(const struct params *params, struct buf *out)
{
    bool fits = true;

    if (params->count == 0)
        return buf_append_str(out, "NIL");
    for (size_t i = 0; i < params->count && fits; i++)
        fits = buf_append_char(out, i == 0 ? '(' : ' ') && print_param(&params->item[i], out);
    return fits && buf_append_char(out, ')');
}

static bool
print_disposition(struct span value, struct buf *out)
{
    struct params params;
    struct arena arena;

    token_skip_cfws(&value, NULL);
    struct span kind = token_take_until(&value, "()<>@,;:\\\"/[]?=");
    if (kind.n == 0)
        return buf_append_str(out, "NIL");
    arena_init(&arena, MIME_FIELD_MAX * 2);
    params_parse(value, &arena, &params);
    bool fits = buf_append_char(out, '(') && imap_print_string(kind, out);
    fits = fits && buf_append_char(out, ' ') && print_params(&params, out);
    arena_release(&arena);
    return fits && buf_append_char(out, ')');
}

/* Content-Language (RFC 3282): tags between commas; one is a string, several are a list. */
static bool
print_language(struct span value, struct buf *out)
{
    size_t count = 0, before = out->len;
    bool fits = true;

    while (value.n > 0 && fits) {
        token_skip_cfws(&value, NULL);
        struct span tag = token_take_until(&value, ",;()");
        if (tag.n > 0)
            fits = buf_append_char(out, count++ == 0 ? '(' : ' ') && imap_print_string(tag, out);
        else
            value = span_skip(value, 1);
    }
    if (count == 0)
        return fits && out->len == before && buf_append_str(out, "NIL");
    return fits && buf_append_char(out, ')');
}

/* A value of tokens, of which the first counts: Content-Transfer-Encoding, Content-MD5. */
static struct span
first_token(struct span value)
{
    token_skip_cfws(&value, NULL);
    struct span token = token_take_until(&value, ";(");
    return token.n > 0 ? token : SPAN_NONE;
}

/* URLs were folded where nothing stood (RFC 2557 4.4.1): white space in them goes away. */
static bool
print_location(struct span value, struct buf *out)
{
    struct buf url;
    bool fits = true;

    if (value.p == NULL)
        return buf_append_str(out, "NIL");
    buf_init(&url, value.n);
    while (value.n > 0) {
        struct span piece = token_take_until(&value, "");
        fits = buf_append_span(&url, piece) && fits;
        value = span_trim(value);
    }
    fits = fits && imap_print_string(buf_span(&url), out);
    buf_release(&url);
    return fits;
}

bool
imap_print_fields(const struct mime_header *h, enum mime_kind kind, struct buf *out)
{
    struct span encoding = first_token(h->encoding);

    if (kind == MIME_MULTIPART)
        return imap_print_string(h->subtype, out);
    if (encoding.n == 0)
        encoding = SPAN("7bit");
    return imap_print_string(h->type, out) && buf_append_char(out, ' ') &&
           imap_print_string(h->subtype, out) && buf_append_char(out, ' ') &&
           print_params(&h->params, out) && buf_append_char(out, ' ') &&
           imap_print_nstring(h->id, out) && buf_append_char(out, ' ') &&
           imap_print_nstring(h->description, out) && buf_append_char(out, ' ') &&
           imap_print_string(encoding, out);
}

bool
imap_print_extension(const struct mime_header *h, enum mime_kind kind, struct buf *out)
{
    bool fits = kind == MIME_MULTIPART ? print_params(&h->params, out)
                                       : imap_print_nstring(first_token(h->md5), out);

    fits = fits && buf_append_char(out, ' ') && print_disposition(h->disposition, out);
    fits = fits && buf_append_char(out, ' ') && print_language(h->language, out);
    return fits && buf_append_char(out, ' ') && print_location(h->location, out);
}

static const char *
or_default(const char *s, const char *otherwise)
{
    return s != NULL ? s : otherwise;
}

struct structure {
    const struct mime_part *rows;
    const struct imap_part *parts;
    struct buf *out;
    size_t reserved; /* octets that it takes to close what is open */
    uint32_t open;   /* the innermost open part, or MIME_NO_PART */
    bool has_child;  /* the innermost open part has one already */
};

static const char *
fields_of(const struct structure *s, uint32_t i)
{
    static const char *const empty[] = {
        [MIME_LEAF] = EMPTY_FIELDS,
        [MIME_MULTIPART] = EMPTY_SUBTYPE,
        [MIME_MESSAGE] = EMPTY_MESSAGE,
    };

    return or_default(s->parts[i].fields, empty[s->rows[i].kind]);
}

/* How much the part takes at least, all its sizes at their longest and an empty body inside. */
static void
measure(const struct structure *s, uint32_t i, size_t *begin, size_t *end)
{
    size_t fields = strlen(fields_of(s, i));

    *begin = 1;
    *end = strlen(or_default(s->parts[i].extension, EMPTY_EXTENSION)) + SIZES_MAX;
    if (s->rows[i].kind == MIME_MULTIPART)
        *end += fields;
    else
        *begin += fields + SIZES_MAX;
    if (s->rows[i].kind == MIME_MESSAGE)
        *begin += strlen(or_default(s->parts[i].envelope, EMPTY_ENVELOPE));
    if (s->rows[i].kind != MIME_LEAF)
        *end += sizeof EMPTY_BODY;
}

/* Everything of a part that stands before its children. The caller has measured. */
static void
open_part(struct structure *s, uint32_t i)
{
    const struct mime_part *row = &s->rows[i];

    buf_append_char(s->out, '(');
    if (row->kind == MIME_MULTIPART)
        return;
    buf_append_str(s->out, fields_of(s, i));
    buf_append_char(s->out, ' ');
    buf_append_u64(s->out, row->body_octets);
    if (row->kind == MIME_MESSAGE) {
        buf_append_char(s->out, ' ');
        buf_append_str(s->out, or_default(s->parts[i].envelope, EMPTY_ENVELOPE));
        buf_append_char(s->out, ' ');
    }
}

/* Everything behind its children. */
static void
close_part(struct structure *s)
{
    uint32_t i = s->open;
    const struct mime_part *row = &s->rows[i];
    size_t begin, end;

    measure(s, i, &begin, &end);
    s->reserved -= end;
    if (row->kind != MIME_LEAF && !s->has_child)
        buf_append_str(s->out, EMPTY_BODY);
    bool is_text = s->parts[i].is_text || s->parts[i].fields == NULL;
    if (row->kind != MIME_LEAF || is_text)
        buf_append_char(s->out, ' ');
    if (row->kind == MIME_MULTIPART)
        buf_append_str(s->out, fields_of(s, i));
    else if (row->kind == MIME_MESSAGE || is_text)
        buf_append_u64(s->out, row->body_lines);
    buf_append_char(s->out, ' ');
    buf_append_str(s->out, or_default(s->parts[i].extension, EMPTY_EXTENSION));
    buf_append_char(s->out, ')');
    s->open = row->parent;
    s->has_child = true;
}

bool
imap_print_structure(const struct mime_part *rows, const struct imap_part *parts, uint32_t count,
                     struct buf *out, bool *is_truncated)
{
    struct structure s = {.rows = rows, .parts = parts, .out = out, .open = MIME_NO_PART};

    for (uint32_t i = 0; i < count; i++) {
        size_t begin, end;
        while (s.open != rows[i].parent)
            close_part(&s);
        measure(&s, i, &begin, &end);
        if (!buf_reserve(out, begin + s.reserved + end)) {
            *is_truncated = true;
            break;
        }
        open_part(&s, i);
        s.reserved += end;
        s.open = i;
        s.has_child = false;
    }
    while (s.open != MIME_NO_PART)
        close_part(&s);
    return out->len > 0;
}
