/* SPDX-License-Identifier: MIT
 *
 * RFC 5703 6: enclose makes a new message of a text and the present message, which it holds as
 * message/rfc822. What is redirected is the message without it.
 */
#include "../entity_priv.h"

#include <stdio.h>

#include "../extensions_priv.h"
#include "doorstep/date.h"

enum { SLOT_SUBJECT = SIEVE_SLOT_OWN, SLOT_HEADERS };

#define OVERHEAD (64 * 1024)
#define BOUNDARY_SIZE 48

static bool
check_headers(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return sieve_check_field_names(c, value);
}

/* ------------------------------------------------------------------ header */

static bool
is_listed(const struct span *names, uint32_t count, struct span name)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal_fold(names[i], name))
            return true;
    return false;
}

static bool
print_fields(const struct sieve_fields *fields, const struct span *names, uint32_t count,
             struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < fields->count; i++) {
        const struct sieve_field *f = &fields->items[i];
        if (!f->is_broken && !entity_is_mime_field(f) && is_listed(names, count, f->name))
            ok = entity_copy_field(f, out);
    }
    return ok;
}

static bool
has_field(const struct sieve_fields *fields, const char *name)
{
    for (uint32_t i = 0; i < fields->count; i++)
        if (span_equal_fold(fields->items[i].name, span_of(name)))
            return true;
    return false;
}

/* "Date: and From: headers should be synthesized to reflect the current date and the user". */
static bool
print_from_and_date(struct sieve_run *r, const struct span *names, uint32_t count, struct buf *out)
{
    const struct sieve_fields *fields = sieve_message_fields(r);
    const struct sieve_input *in = sieve_run_input(r);
    struct date now = {.seconds = in->now, .zone_minutes = sieve_local_zone(in->now)};
    char text[DATE_RFC5322_SIZE];
    bool ok = true;

    if (!is_listed(names, count, SPAN("From")) || !has_field(fields, "From"))
        ok = entity_print_field("From", span_of(in->user->address), out);
    date_print_rfc5322(&now, text);
    if (ok && (!is_listed(names, count, SPAN("Date")) || !has_field(fields, "Date")))
        ok = entity_print_field("Date", span_of(text), out);
    return ok;
}

static struct span *
take_names(struct sieve_run *r, const struct sieve_op *op, uint32_t *count)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_HEADERS);

    *count = t == NULL ? 0 : t->value.count;
    struct span *names = sieve_run_alloc(r, (*count + 1) * sizeof(*names));
    for (uint32_t i = 0; names != NULL && i < *count; i++)
        if (!sieve_text_get(r, sieve_text_at(&t->value, i), &names[i]))
            return NULL;
    return names;
}

/* The subject is the one that is said, or the message's own. */
static bool
print_header(struct sieve_run *r, const struct sieve_op *op, struct buf *out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_SUBJECT);
    struct span subject = SPAN_NONE;
    uint32_t count, kept = 0;
    struct span *names = take_names(r, op, &count);

    if (names == NULL || (t != NULL && !sieve_value_string(r, &t->value, &subject)))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!span_equal_fold(names[i], SPAN("Subject")))
            names[kept++] = names[i];
    if (t == NULL)
        names[kept++] = SPAN("Subject");
    return print_from_and_date(r, names, kept, out) &&
           print_fields(sieve_message_fields(r), names, kept, out) &&
           (t == NULL || entity_print_field("Subject", subject, out));
}

/* ------------------------------------------------------------------ body */

/* A boundary that is nowhere in the message; the text's lines cannot be one. */
static bool
choose_boundary(struct sieve_run *r, struct span message, char out[BOUNDARY_SIZE])
{
    unsigned long long now = (unsigned long long)sieve_run_input(r)->now;

    for (unsigned i = 0;; i++) {
        snprintf(out, BOUNDARY_SIZE, "=_enclosed_%llx_%zx_%u", now, message.n, i);
        if (!sieve_run_work(r, message.n))
            return false;
        if (memmem(message.p, message.n, out, strlen(out)) == NULL)
            return true;
    }
}

static bool
print_body(struct span text, struct span message, const char *boundary, struct buf *out)
{
    const char *encoding = utf8_is_ascii(message) ? "7bit" : "8bit";

    return buf_printf(out,
                      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"%s\"\r\n"
                      "Content-Transfer-Encoding: %s\r\n\r\n--%s\r\n",
                      boundary, encoding, boundary) &&
           entity_print_text(text, out) &&
           buf_printf(out,
                      "\r\n--%s\r\nContent-Type: message/rfc822\r\n"
                      "Content-Transfer-Encoding: %s\r\n\r\n",
                      boundary, encoding) &&
           buf_append_span(out, message) && buf_printf(out, "\r\n--%s--\r\n", boundary);
}

static enum sieve_step
run_enclose(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_edition *present = sieve_run_edition(r);
    char boundary[BOUNDARY_SIZE];
    struct span text, message;
    struct buf whole;

    if (!sieve_value_string(r, &op->arguments[0], &text) || !edition_now(r, &message) ||
        !choose_boundary(r, message, boundary))
        return SIEVE_BREAKDOWN;
    buf_init(&whole, 2 * message.n + 4 * text.n + OVERHEAD);
    bool ok = print_header(r, op, &whole) && print_body(text, message, boundary, &whole);
    if (!entity_adopt(r, &whole, ok))
        return SIEVE_BREAKDOWN;
    edition_encloses(r, present);
    return SIEVE_GO;
}

static const struct sieve_tag enclose_tags[] = {
    {"subject", SIEVE_TAKES_STRING, SLOT_SUBJECT, 0, 0, NULL},
    {"headers", SIEVE_TAKES_LIST, SLOT_HEADERS, 0, 0, check_headers},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "enclose", .arguments = "s", .tags = enclose_tags, .run = run_enclose},
    {0},
};

const struct sieve_extension sieve_enclose = {.name = "enclose", .definitions = definitions};
