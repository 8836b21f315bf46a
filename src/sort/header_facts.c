/* SPDX-License-Identifier: MIT
 *
 * Facts of the header block: see header_facts_priv.h. Where a field stands twice against RFC
 * 5322 3.6, the first counts, as in ENVELOPE; all of them are among the cached fields.
 */
#include "header_facts_priv.h"

#include <string.h>

#include "doorstep/addresslist.h"
#include "doorstep/date.h"
#include "doorstep/field.h"
#include "doorstep/words.h"

#include "subject_priv.h"

#define SUBJECT_MAX 16384
#define FROM_MAX 4096
#define ID_MAX 998 /* a Message-ID or List-Id fits into one line (RFC 5322 2.1.1) */
#define REFERENCES_MAX 65536
#define HEADERS_MAX 1024 /* cached fields: Authentication-Results may be many */

enum known_field { /* fields that facts are made of */
                   FIELD_OTHER,
                   FIELD_DATE,
                   FIELD_SUBJECT,
                   FIELD_FROM,
                   FIELD_IN_REPLY_TO,
                   FIELD_MESSAGE_ID,
                   FIELD_REFERENCES,
                   FIELD_LIST_ID,
                   FIELD_TLS_REQUIRED,
                   FIELD_RECEIVED,
                   FIELD_KNOWN_COUNT
};

struct known_row {
    struct span name;
    enum known_field field;
    bool is_cached;
};

#define ROW(text, field, is_cached)                                                                \
    {                                                                                              \
        {"" text, sizeof(text) - 1}, field, is_cached                                              \
    }

/* Cached is what mail clients ask for when they list a mailbox, and what filters and threads need.
 */
static const struct known_row rows[] = {
    ROW("Date", FIELD_DATE, true),
    ROW("Subject", FIELD_SUBJECT, true),
    ROW("From", FIELD_FROM, true),
    ROW("Sender", FIELD_OTHER, true),
    ROW("Reply-To", FIELD_OTHER, true),
    ROW("To", FIELD_OTHER, true),
    ROW("Cc", FIELD_OTHER, true),
    ROW("Bcc", FIELD_OTHER, true),
    ROW("In-Reply-To", FIELD_IN_REPLY_TO, true),
    ROW("Message-ID", FIELD_MESSAGE_ID, true),
    ROW("References", FIELD_REFERENCES, true),
    ROW("List-Id", FIELD_LIST_ID, true),
    ROW("List-Post", FIELD_OTHER, true),
    ROW("List-Unsubscribe", FIELD_OTHER, true),
    ROW("List-Unsubscribe-Post", FIELD_OTHER, true),
    ROW("MIME-Version", FIELD_OTHER, true),
    ROW("Content-Type", FIELD_OTHER, true),
    ROW("Content-Transfer-Encoding", FIELD_OTHER, true),
    ROW("Priority", FIELD_OTHER, true),
    ROW("X-Priority", FIELD_OTHER, true),
    ROW("Importance", FIELD_OTHER, true),
    ROW("Delivered-To", FIELD_OTHER, true),
    ROW("Return-Path", FIELD_OTHER, true),
    ROW("Auto-Submitted", FIELD_OTHER, true),
    ROW("Precedence", FIELD_OTHER, true),
    ROW("X-Spam-Flag", FIELD_OTHER, true),
    ROW("X-Spam-Status", FIELD_OTHER, true),
    ROW("Received-SPF", FIELD_OTHER, true),
    ROW("Authentication-Results", FIELD_OTHER, true),
    ROW("Disposition-Notification-To", FIELD_OTHER, true),
    ROW("TLS-Required", FIELD_TLS_REQUIRED, false),
    ROW("Received", FIELD_RECEIVED, false),
};

struct header_scan {
    struct charsets *charsets; /* borrowed */
    struct arena *arena;       /* borrowed */
    struct facts *out;         /* borrowed */
    uint32_t header_size;      /* rows that out->headers has room for */
    struct span first[FIELD_KNOWN_COUNT];
};

static const struct known_row *
find_row(struct span name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name.n == name.n && span_equal_fold(rows[i].name, name))
            return &rows[i];
    return NULL;
}

/* The text of b as a string of the arena; b is released. */
static const char *
keep(struct header_scan *s, struct buf *b)
{
    const char *copy = arena_copy(s->arena, buf_span(b));

    if (copy == NULL)
        s->out->flags |= FACTS_TRUNCATED;
    buf_release(b);
    return copy;
}

/* Facts are lines of text: a control octet in an address or an identifier is dropped. */
static void
drop_controls(struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++)
        if ((unsigned char)b->data[i] >= ' ' && b->data[i] != 127)
            b->data[n++] = b->data[i];
    b->len = n;
    if (b->data != NULL)
        b->data[n] = '\0';
}

/* Room for one more row: twice as many when they are full, the old ones stay in the arena until the
 * end. */
static bool
reserve_header(struct header_scan *s)
{
    struct facts *f = s->out;

    if (f->header_count < s->header_size)
        return true;
    uint32_t size = s->header_size == 0 ? 32 : s->header_size * 2;
    struct facts_header *more =
        size > HEADERS_MAX ? NULL : arena_alloc(s->arena, size * sizeof *more);
    if (more == NULL)
        return false;
    if (f->header_count > 0)
        memcpy(more, f->headers, f->header_count * sizeof *more);
    f->headers = more;
    s->header_size = size;
    return true;
}

static void
cache_field(struct header_scan *s, const struct field *f)
{
    struct buf value;

    buf_init(&value, f->value.n);
    if (!reserve_header(s) || !field_unfold(f->value, &value)) {
        s->out->flags |= FACTS_TRUNCATED;
        buf_release(&value);
        return;
    }
    struct facts_header *h = &s->out->headers[s->out->header_count];
    h->name = arena_copy(s->arena, f->name);
    h->value = keep(s, &value);
    s->out->header_count += h->name != NULL && h->value != NULL;
}

static void
take_field(struct header_scan *s, const struct field *f)
{
    const struct known_row *row = find_row(f->name);

    if (row == NULL)
        return;
    if (row->field == FIELD_RECEIVED)
        s->out->received_count++;
    if (s->first[row->field].p == NULL)
        s->first[row->field] = f->value;
    if (row->is_cached)
        cache_field(s, f);
}

/* The next "<...>" of a list of message identifiers, white space inside it dropped. */
static bool
take_id(struct span *in, struct buf *out)
{
    struct span s = span_skip(*in, span_find(*in, '<'));
    size_t n = span_find(s, '>');

    if (n == s.n) {
        *in = SPAN_NONE;
        return false;
    }
    *in = span_skip(s, n + 1);
    s.n = n + 1;
    if (s.n > ID_MAX || !buf_reserve(out, s.n))
        return true; /* too long to be one: left out */
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > ' ')
            out->data[out->len++] = s.p[i];
    out->data[out->len] = '\0';
    return true;
}

/* Identifiers are compared octet by octet, so raw 8-bit ones are kept only as valid UTF-8. */
static const char *
keep_utf8(struct header_scan *s, struct buf *raw)
{
    struct buf text;

    drop_controls(raw);
    if (utf8_is_valid(buf_span(raw)))
        return keep(s, raw);
    buf_init(&text, raw->len * 3);
    charset_guess_to_utf8(buf_span(raw), &text); /* there is room: it triples at most */
    buf_release(raw);
    return keep(s, &text);
}

static const char *
first_id(struct header_scan *s, struct span value)
{
    struct buf id;

    buf_init(&id, ID_MAX);
    take_id(&value, &id);
    return keep_utf8(s, &id);
}

/* RFC 5256 3, step (1) of REFERENCES: all of References, else the first of In-Reply-To. */
static const char *
references(struct header_scan *s)
{
    struct span value = s->first[FIELD_REFERENCES];
    struct buf ids;

    buf_init(&ids, REFERENCES_MAX);
    for (;;) {
        size_t before = ids.len;
        if (before > 0 && !buf_append_char(&ids, ' '))
            break;
        bool found = take_id(&value, &ids);
        if (before > 0 && ids.len == before + 1)
            ids.len = before; /* no identifier came behind the space */
        if (!found)
            break;
    }
    if (ids.len > 0)
        return keep_utf8(s, &ids);
    buf_release(&ids);
    return first_id(s, s->first[FIELD_IN_REPLY_TO]);
}

/* RFC 2919 3: the identifier is in the last angle brackets; without them some lists send it bare.
 */
static const char *
list_id(struct header_scan *s)
{
    struct span value = s->first[FIELD_LIST_ID], id = value;
    struct buf text;

    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '<')
            id = span_skip(value, i + 1);
    id.n = span_find(id, '>');
    buf_init(&text, ID_MAX);
    if (id.n <= ID_MAX)
        field_unfold(span_trim(id), &text);
    return keep_utf8(s, &text);
}

static const char *
subject(struct header_scan *s)
{
    struct buf text;

    buf_init(&text, SUBJECT_MAX);
    if (!words_decode(s->charsets, s->first[FIELD_SUBJECT], &text))
        s->out->flags |= FACTS_TRUNCATED;
    return keep(s, &text);
}

static const char *
base_subject(struct header_scan *s)
{
    struct buf text;

    buf_init(&text, SUBJECT_MAX);
    if (!subject_print_base(span_of(s->out->subject), &text))
        s->out->flags |= FACTS_TRUNCATED;
    return keep(s, &text);
}

/* "Name <local@domain>" of the first mailbox, or the address alone. */
static bool
print_person(struct header_scan *s, const struct addresslist_item *item, struct buf *out)
{
    bool fits = words_decode(s->charsets, item->name, out);

    if (out->len > 0)
        fits = buf_append_str(out, " <") && fits;
    size_t bracket = out->len;
    fits = charset_guess_to_utf8(item->local, out) && fits;
    if (item->domain.n > 0)
        fits = buf_append_char(out, '@') && charset_guess_to_utf8(item->domain, out) && fits;
    return bracket == 0 ? fits : buf_append_char(out, '>') && fits;
}

static const char *
from(struct header_scan *s)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    struct buf text;

    buf_init(&text, FROM_MAX);
    addresslist_init(&list, s->first[FIELD_FROM]);
    do
        kind = addresslist_next(&list, &item);
    while (kind == ADDRESSLIST_GROUP_BEGIN || kind == ADDRESSLIST_GROUP_END);
    if (kind == ADDRESSLIST_MAILBOX && !print_person(s, &item, &text))
        s->out->flags |= FACTS_TRUNCATED;
    addresslist_release(&list);
    drop_controls(&text);
    return keep(s, &text);
}

static const char *
date(struct header_scan *s)
{
    char text[DATE_RFC3339_SIZE] = "";
    struct date d;

    if (date_parse(s->first[FIELD_DATE], &d))
        date_print_rfc3339(&d, text);
    return arena_copy(s->arena, span_of(text));
}

/* RFC 8689 section 5: "No" is the only value there is; anything else is as if nothing was said. */
static bool
is_tls_optional(const struct header_scan *s)
{
    return span_equal_fold(span_trim(s->first[FIELD_TLS_REQUIRED]), SPAN("No"));
}

void
header_facts_take(struct span block, struct charsets *charsets, struct arena *arena,
                  struct facts *out)
{
    struct header_scan s = {.charsets = charsets, .arena = arena, .out = out};
    struct field f;
    enum field_result result;

    while ((result = field_next(&block, &f)) != FIELD_END) {
        if (result == FIELD_OK)
            take_field(&s, &f);
        else
            out->flags |= FACTS_HEADER_BROKEN;
    }
    out->message_id = first_id(&s, s.first[FIELD_MESSAGE_ID]);
    out->references = references(&s);
    out->list_id = list_id(&s);
    out->subject = subject(&s);
    out->base_subject = base_subject(&s);
    out->from = from(&s);
    out->date = date(&s);
    if (is_tls_optional(&s))
        out->flags |= FACTS_TLS_OPTIONAL;
}
