/* SPDX-License-Identifier: MIT
 *
 * RFC 5703 4: :mime and :anychild of header, address and exists, which fields.c obeys; and of
 * header the elements of a MIME field: :type, :subtype, :contenttype, :param.
 */
#include "../base_priv.h"
#include "../extensions_priv.h"

#include "doorstep/field.h"
#include "doorstep/params.h"

#define PARAMS_MEMORY (256 * 1024)
#define VALUE_MAX (64 * 1024)

enum { TYPE, SUBTYPE, CONTENTTYPE, PARAM };

/* ------------------------------------------------------------------ checks */

static bool
check_needs_mime(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    return sieve_op_tag(op, SIEVE_SLOT_MIME) != NULL ||
           sieve_check_error(c, value->at, "this tag needs ':mime'");
}

/* ------------------------------------------------------------------ elements (4.1) */

static bool
is_field(const struct sieve_field *f, const char *name)
{
    return span_equal_fold(f->name, span_of(name));
}

/* "attachment" of Content-Disposition (RFC 2183 2). */
static struct span
disposition_type(struct span value)
{
    token_skip_cfws(&value, NULL);
    return token_take_until(&value, ";(");
}

/* What fields do not have is an empty string. False: the field is none that could be parsed. */
static bool
print_element(const struct sieve_field *f, int id, struct buf *out)
{
    struct span type, subtype, rest;

    if (is_field(f, "Content-Disposition")) {
        type = disposition_type(f->value);
        return type.n > 0 && (id == SUBTYPE || buf_append_span(out, type));
    }
    if (!is_field(f, "Content-Type") || !content_parse(f->value, &type, &subtype, &rest))
        return false;
    if (id != CONTENTTYPE)
        return buf_append_span(out, id == TYPE ? type : subtype);
    return buf_append_span(out, type) && buf_append_char(out, '/') && buf_append_span(out, subtype);
}

static enum sieve_truth
compare_element(struct sieve_run *r, const struct sieve_field *f, int id, struct sieve_match *m)
{
    struct buf *text = sieve_run_buf(r);

    /* :count is of the fields "that parsed successfully". */
    if (!print_element(f, id, text) && sieve_match_counts(m))
        return SIEVE_FALSE;
    struct span value = {sieve_run_copy(r, buf_span(text)), text->len};
    return value.p == NULL ? SIEVE_BROKEN : sieve_match_value(m, value);
}

/* ------------------------------------------------------------------ parameters */

static bool
is_named(struct sieve_run *r, const struct sieve_value *names, struct span name, bool *is_broken)
{
    struct span wanted;

    for (uint32_t i = 0; i < names->count; i++) {
        *is_broken = !sieve_text_get(r, sieve_text_at(names, i), &wanted);
        if (*is_broken || span_equal_fold(wanted, name))
            return !*is_broken;
    }
    return false;
}

static enum sieve_truth
compare_params(struct sieve_run *r, const struct params *params, const struct sieve_value *names,
               struct sieve_match *m)
{
    enum sieve_truth truth = SIEVE_FALSE;
    bool is_broken = false;
    struct buf value;

    buf_init(&value, VALUE_MAX);
    for (size_t i = 0; i < params->count && truth == SIEVE_FALSE && !is_broken; i++) {
        if (!is_named(r, names, params->item[i].name, &is_broken))
            continue;
        buf_reset(&value);
        param_decode(sieve_run_input(r)->charsets, &params->item[i], &value);
        struct span kept = {sieve_run_copy(r, buf_span(&value)), value.len};
        truth = kept.p == NULL ? SIEVE_BROKEN : sieve_match_value(m, kept);
    }
    buf_release(&value);
    return is_broken ? SIEVE_BROKEN : truth;
}

static enum sieve_truth
compare_field_params(struct sieve_run *r, const struct sieve_field *f,
                     const struct sieve_value *names, struct sieve_match *m)
{
    struct span rest = span_skip(f->value, span_find(f->value, ';'));
    struct params params; /* 10 KiB, which would add up in the run's memory */
    struct arena arena;

    if (!sieve_run_work(r, f->value.n + names->count * PARAMS_MAX))
        return SIEVE_BROKEN;
    arena_init(&arena, PARAMS_MEMORY);
    params_parse(rest, &arena, &params);
    enum sieve_truth truth = compare_params(r, &params, names, m);
    arena_release(&arena);
    return truth;
}

enum sieve_truth
mime_compare(struct sieve_run *r, const struct sieve_op *op, const struct sieve_field *f,
             struct sieve_match *m)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_MIME_PART);

    if (t->tag->id == PARAM)
        return compare_field_params(r, f, &t->value, m);
    return compare_element(r, f, t->tag->id, m);
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_tag tags[] = {
    {"mime", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MIME, SIEVE_ON_MIME, 0, NULL},
    {"anychild", SIEVE_TAKES_NOTHING, SIEVE_SLOT_ANYCHILD, SIEVE_ON_MIME, 0, check_needs_mime},
    {"type", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MIME_PART, SIEVE_ON_MIME_PART, TYPE, check_needs_mime},
    {"subtype", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MIME_PART, SIEVE_ON_MIME_PART, SUBTYPE,
     check_needs_mime},
    {"contenttype", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MIME_PART, SIEVE_ON_MIME_PART, CONTENTTYPE,
     check_needs_mime},
    {"param", SIEVE_TAKES_LIST, SIEVE_SLOT_MIME_PART, SIEVE_ON_MIME_PART, PARAM, check_needs_mime},
    {0},
};

const struct sieve_extension sieve_mime = {.name = "mime", .tags = tags};
