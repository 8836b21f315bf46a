/* SPDX-License-Identifier: MIT
 *
 * Header fields as tests see them: found by name, unfolded, decoded, counted by :index and :last
 * (RFC 5260 6).
 */
#include "run_priv.h"

#include <strings.h>

#include "doorstep/field.h"
#include "doorstep/words.h"

#define VALUE_MAX (256 * 1024)

bool
sieve_field_value(struct sieve_run *r, const struct sieve_field *f, bool is_decoded,
                  struct span *out)
{
    struct buf value;
    struct span trimmed = span_trim(f->value);

    *out = SPAN_NONE;
    if (!sieve_run_work(r, trimmed.n))
        return false;
    buf_init(&value, VALUE_MAX);
    if (is_decoded)
        words_decode(r->in.charsets, trimmed, &value); /* a very long one is cut */
    else
        field_unfold(trimmed.n > VALUE_MAX ? (struct span){trimmed.p, VALUE_MAX} : trimmed, &value);
    struct span text = span_trim(buf_span(&value));
    const char *kept = sieve_run_copy(r, text);
    *out = (struct span){kept, text.n};
    buf_release(&value);
    return kept != NULL;
}

/* The names as the strings of the list give them now. */
static struct span *
field_names(struct sieve_run *r, const struct sieve_value *names)
{
    struct span *out = sieve_run_alloc(r, names->count * sizeof(*out));

    for (uint32_t i = 0; out != NULL && i < names->count; i++)
        if (!sieve_text_get(r, &names->strings[i], &out[i]))
            return NULL;
    return out;
}

static bool
has_name(const struct sieve_field *f, struct span name)
{
    return !f->is_broken && strlen(f->name) == name.n && strncasecmp(f->name, name.p, name.n) == 0;
}

/* Only the one that :index counts, when there is one. */
static enum sieve_truth
walk_index(const struct sieve_fields *fields, struct span name, uint64_t index, bool is_last,
           sieve_field_fn fn, void *arg)
{
    uint64_t seen = 0;

    for (uint32_t n = 0; n < fields->count; n++) {
        const struct sieve_field *f = &fields->items[is_last ? fields->count - 1 - n : n];
        if (has_name(f, name) && ++seen == index)
            return fn(arg, f);
    }
    return SIEVE_FALSE;
}

static enum sieve_truth
walk_name(const struct sieve_fields *fields, struct span name, sieve_field_fn fn, void *arg)
{
    enum sieve_truth truth = SIEVE_FALSE;

    for (uint32_t i = 0; i < fields->count && truth == SIEVE_FALSE; i++)
        if (has_name(&fields->items[i], name))
            truth = fn(arg, &fields->items[i]);
    return truth;
}

static enum sieve_truth
walk_fields(const struct sieve_op *op, const struct sieve_fields *fields, struct span name,
            sieve_field_fn fn, void *arg)
{
    const struct sieve_tagged *index = sieve_op_tag(op, SIEVE_SLOT_INDEX);

    if (index == NULL)
        return walk_name(fields, name, fn, arg);
    return walk_index(fields, name, index->value.number, sieve_op_tag(op, SIEVE_SLOT_LAST) != NULL,
                      fn, arg);
}

enum sieve_truth
sieve_fields_walk(struct sieve_run *r, const struct sieve_op *op, const struct sieve_value *names,
                  sieve_field_fn fn, void *arg)
{
    struct span *list = field_names(r, names);
    enum sieve_truth truth = list == NULL ? SIEVE_BROKEN : SIEVE_FALSE;

    for (uint32_t i = 0; i < names->count && truth == SIEVE_FALSE; i++)
        truth = walk_fields(op, sieve_message_fields(r), list[i], fn, arg);
    return truth;
}
