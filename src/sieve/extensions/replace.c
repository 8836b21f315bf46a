/* SPDX-License-Identifier: MIT
 *
 * RFC 5703 5: replace puts a text or a MIME entity in the place of the loop's part, or of the whole
 * message. The header of the message is kept, but for what describes the old MIME structure.
 */
#include "../entity_priv.h"

#include "../extensions_priv.h"
#include "doorstep/field.h"

enum { SLOT_MIME = SIEVE_SLOT_OWN, SLOT_SUBJECT, SLOT_FROM };

#define OVERHEAD (64 * 1024) /* header fields that are added */

struct replacement {
    struct span text;           /* the argument */
    bool is_mime;               /* it is an entity */
    struct sieve_fields header; /* of the entity */
    struct span body;           /* of the entity, behind its empty line */
    struct span subject, from;
    bool has_subject, has_from;
};

/* ------------------------------------------------------------------ checks */

/* The next mailbox of a list without its comments; what it ends with is taken. False: it has what
 * only a group has, or something that is no text. */
static bool
take_mailbox(struct span *s, struct buf *out)
{
    struct buf ignored;
    bool ok = true;

    buf_init(&ignored, s->n + 1);
    while (ok && s->n > 0 && !token_take_char(s, ',')) {
        struct span before = *s;
        if (token_skip_cfws(s, NULL))
            ok = buf_append_char(out, ' ');
        else if (s->p[0] == '"' && token_take_quoted(s, &ignored))
            ok = buf_append_span(out, (struct span){before.p, before.n - s->n});
        else {
            ok = (unsigned char)s->p[0] > ' ' && s->p[0] != ';' && buf_append_char(out, s->p[0]);
            *s = span_skip(*s, 1);
        }
    }
    buf_release(&ignored);
    return ok;
}

/* RFC 5322 3.4: mailbox-list, with no groups. */
static bool
is_mailbox_list(struct span s)
{
    struct buf one;
    bool ok;

    buf_init(&one, s.n + 1);
    do {
        buf_reset(&one);
        ok = span_find(s, '\n') == s.n && take_mailbox(&s, &one) &&
             sieve_address_is_valid(buf_span(&one));
    } while (ok && s.n > 0);
    buf_release(&one);
    return ok;
}

static bool
check_from(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span s;

    (void)op;
    if (!sieve_text_constant(value->strings, &s) || is_mailbox_list(s))
        return true;
    return sieve_check_error(c, value->at, "'%.*s' is no list of mail addresses",
                             s.n < 80 ? (int)s.n : 80, s.p);
}

/* "The :subject or :from parameter MUST be ignored. This SHOULD be flagged as a compilation error."
 */
static bool
check_replace(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_SUBJECT);

    if (t == NULL)
        t = sieve_op_tag(op, SLOT_FROM);
    if (t == NULL || sieve_op_tag(op, SLOT_MIME) == NULL)
        return true;
    return sieve_check_error(c, op->at, "tag ':%s' cannot stand beside ':mime'", t->tag->name);
}

/* ------------------------------------------------------------------ what comes in its place */

static bool
take_tag(struct sieve_run *r, const struct sieve_op *op, unsigned slot, bool *has, struct span *out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, slot);

    *has = t != NULL;
    return t == NULL || sieve_value_string(r, &t->value, out);
}

static bool
take_replacement(struct sieve_run *r, const struct sieve_op *op, struct replacement *x)
{
    *x = (struct replacement){.is_mime = sieve_op_tag(op, SLOT_MIME) != NULL};
    if (!sieve_value_string(r, &op->arguments[0], &x->text) ||
        !take_tag(r, op, SLOT_SUBJECT, &x->has_subject, &x->subject) ||
        !take_tag(r, op, SLOT_FROM, &x->has_from, &x->from))
        return false;
    if (x->has_from && !is_mailbox_list(x->from))
        return sieve_run_fail(r, op, "'%.*s' is no list of mail addresses",
                              x->from.n < 80 ? (int)x->from.n : 80, x->from.p);
    if (!x->is_mime)
        return true;
    if (!fields_read(r, x->text, &x->header, &x->body))
        return false;
    x->body = span_skip(x->body, span_find(x->body, '\n') + 1);
    return true;
}

/* A boundary of a multipart around the part would end the entity before its time. */
static bool
has_boundary(const struct sieve_part *part, struct span entity)
{
    for (; entity.n > 0; entity = span_skip(entity, span_find(entity, '\n') + 1)) {
        if (entity.n < 2 || entity.p[0] != '-' || entity.p[1] != '-')
            continue;
        struct span line = span_skip(entity, 2);
        for (const struct sieve_part *p = part->parent; p != NULL; p = p->parent)
            if (p->boundary.n > 0 && line.n >= p->boundary.n &&
                memcmp(line.p, p->boundary.p, p->boundary.n) == 0)
                return true;
    }
    return false;
}

/* ------------------------------------------------------------------ a whole message */

/* The fields of the header that stay; those that get a new value, under "Original-". */
static bool
print_kept(const struct sieve_fields *fields, const struct replacement *x, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < fields->count; i++) {
        const struct sieve_field *f = &fields->items[i];
        bool is_old = (x->has_subject && span_equal_fold(f->name, SPAN("Subject"))) ||
                      (x->has_from && span_equal_fold(f->name, SPAN("From")));
        if (!entity_is_mime_field(f))
            ok = (!is_old || buf_append_str(out, "Original-")) && entity_copy_field(f, out);
    }
    return ok;
}

/* The MIME fields of an entity, and its body. */
static bool
print_entity(const struct replacement *x, struct buf *out)
{
    bool ok = true;

    if (!x->is_mime)
        return entity_print_text(x->text, out);
    for (uint32_t i = 0; ok && i < x->header.count; i++) {
        const struct sieve_field *f = &x->header.items[i];
        if (!f->is_broken && span_has_prefix_fold(f->name, SPAN("Content-")))
            ok = entity_copy_field(f, out);
    }
    return ok && buf_append_str(out, "\r\n") && buf_append_span(out, x->body);
}

static bool
print_message(const struct sieve_fields *fields, const struct replacement *x, struct buf *out)
{
    return print_kept(fields, x, out) &&
           (!x->has_subject || entity_print_field("Subject", x->subject, out)) &&
           (!x->has_from || entity_print_field("From", x->from, out)) &&
           buf_append_str(out, "MIME-Version: 1.0\r\n") && print_entity(x, out);
}

/* ------------------------------------------------------------------ a part */

/* The message inside a message/rfc822 keeps its header too. */
static bool
print_part(struct sieve_run *r, struct sieve_part *part, const struct replacement *x,
           struct buf *out)
{
    const struct replacement unnamed = {
        .text = x->text, .is_mime = x->is_mime, .header = x->header, .body = x->body};

    if (part->parent->is_message) {
        const struct sieve_fields *fields = sieve_part_fields(r, part);
        return fields != NULL && print_message(fields, &unnamed, out);
    }
    return x->is_mime ? buf_append_span(out, x->text) : entity_print_text(x->text, out);
}

static bool
print_around(struct sieve_run *r, struct sieve_part *part, const struct replacement *x,
             struct buf *out)
{
    struct span body = sieve_message_parts(r)->body;
    const char *end = part->body.p + part->body.n;
    struct span before = {body.p, (size_t)(part->raw_header.p - body.p)};
    struct span behind = {end, (size_t)(body.p + body.n - end)};
    const struct sieve_fields *fields = sieve_message_fields(r);
    bool ok = true;

    for (uint32_t i = 0; ok && i < fields->count; i++)
        ok = entity_copy_field(&fields->items[i], out);
    ok = ok && buf_append_str(out, "\r\n") && buf_append_span(out, before) &&
         print_part(r, part, x, out);
    bool needs_end = behind.n > 0 && behind.p[0] != '\r' && behind.p[0] != '\n';
    return ok && (!needs_end || buf_append_str(out, "\r\n")) && buf_append_span(out, behind);
}

/* ------------------------------------------------------------------ replace */

static bool
replace(struct sieve_run *r, struct sieve_part *part, const struct replacement *x)
{
    uint32_t row = part == NULL ? 0 : part->row;
    struct buf whole;

    buf_init(&whole, sieve_run_input(r)->message.n * 2 + 4 * x->text.n + OVERHEAD +
                         sieve_run_input(r)->limits->memory_max);
    bool ok = part == NULL || row == 0 ? print_message(sieve_message_fields(r), x, &whole)
                                       : print_around(r, part, x, &whole);
    if (!entity_adopt(r, &whole, ok))
        return false;
    r->replaced = part == NULL ? NULL : sieve_message_part(r, row);
    sieve_run_set_part(r, r->replaced);
    return !sieve_run_has_failed(r);
}

static enum sieve_step
run_replace(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_part *part = sieve_run_part(r);
    struct replacement x;

    if (!take_replacement(r, op, &x))
        return SIEVE_BREAKDOWN;
    if (part != NULL)
        part = sieve_message_part(r, part->row); /* edits of the header may have made new ones */
    if (x.is_mime && part != NULL && has_boundary(part, x.text)) {
        sieve_run_fail(r, op, "the replacement has a line that is a boundary of the message");
        return SIEVE_BREAKDOWN;
    }
    return replace(r, part, &x) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static const struct sieve_tag replace_tags[] = {
    {"mime", SIEVE_TAKES_NOTHING, SLOT_MIME, 0, 0, NULL},
    {"subject", SIEVE_TAKES_STRING, SLOT_SUBJECT, 0, 0, NULL},
    {"from", SIEVE_TAKES_STRING, SLOT_FROM, 0, 0, check_from},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "replace",
     .arguments = "s",
     .tags = replace_tags,
     .check = check_replace,
     .run = run_replace},
    {0},
};

const struct sieve_extension sieve_replace = {.name = "replace", .definitions = definitions};
