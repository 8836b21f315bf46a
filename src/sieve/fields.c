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

/* Encoded words, or octets whose charset is to be guessed: the rest keeps its blanks as they are.
 */
static bool
has_words(struct span s)
{
    return memmem(s.p, s.n, "=?", 2) != NULL || !utf8_is_valid(s);
}

static bool
read_value(struct sieve_run *r, const struct sieve_field *f, bool is_decoded, struct span *out)
{
    struct span raw = f->value;
    struct buf value;

    buf_init(&value, VALUE_MAX);
    if (is_decoded && has_words(raw))
        words_decode(r->in.charsets, raw, &value); /* a very long one is cut */
    else
        field_unfold(raw.n > VALUE_MAX ? (struct span){raw.p, VALUE_MAX} : raw, &value);
    struct span text = span_trim(buf_span(&value));
    const char *kept = sieve_run_copy(r, text);
    *out = (struct span){kept, text.n};
    buf_release(&value);
    if (is_decoded)
        f->memo->decoded = *out;
    return kept != NULL;
}

bool
sieve_field_value(struct sieve_run *r, const struct sieve_field *f, bool is_decoded,
                  struct span *out)
{
    *out = is_decoded ? f->memo->decoded : SPAN_NONE;
    if (!sieve_run_work(r, f->value.n))
        return false;
    return out->p != NULL || read_value(r, f, is_decoded, out);
}

/* The names as the strings of the list give them now. */
static const struct span *
field_names(struct sieve_run *r, const struct sieve_value *names)
{
    if (names->constants != NULL)
        return names->constants;
    struct span *out = sieve_run_alloc(r, names->count * sizeof(*out));
    for (uint32_t i = 0; out != NULL && i < names->count; i++)
        if (!sieve_text_get(r, &names->strings[i], &out[i]))
            return NULL;
    return out;
}

struct walk {
    struct sieve_run *run;
    sieve_field_fn fn;
    void *arg;
    uint64_t index, seen; /* index 0: every field */
    bool is_last;
};

static bool
has_name(const struct sieve_field *f, struct span name)
{
    return f->name.n == name.n && !f->is_broken && strncasecmp(f->name.p, name.p, name.n) == 0;
}

static unsigned
bucket(struct span name)
{
    if (name.n == 0)
        return 0;
    return (name.n + 7u * (name.p[0] | 0x20u) + 31u * (name.p[name.n - 1] | 0x20u)) % NAMES_BUCKETS;
}

void
fields_index(struct sieve_run *r, struct sieve_fields *fields)
{
    struct sieve_names *names = arena_alloc(&r->arena, sizeof(*names));

    fields->names = names;
    if (names == NULL)
        return;
    for (unsigned b = 0; b < NAMES_BUCKETS; b++)
        names->first[b] = fields->count;
    for (uint32_t i = fields->count; i-- > 0;) {
        struct sieve_field *f = &fields->items[i];
        uint32_t *first = &names->first[bucket(f->name)];
        f->namesake = *first;
        *first = i;
    }
}

static enum sieve_truth
see_field(struct walk *w, const struct sieve_field *f)
{
    return w->index != 0 && ++w->seen != w->index ? SIEVE_FALSE : w->fn(w->arg, f);
}

static enum sieve_truth
walk_namesakes(struct walk *w, const struct sieve_fields *fields, struct span name)
{
    enum sieve_truth truth = SIEVE_FALSE;
    uint32_t i = fields->names->first[bucket(name)];

    for (; i < fields->count && truth == SIEVE_FALSE; i = fields->items[i].namesake)
        if (has_name(&fields->items[i], name))
            truth = see_field(w, &fields->items[i]);
    return truth;
}

static enum sieve_truth
walk_all(struct walk *w, const struct sieve_fields *fields, struct span name)
{
    enum sieve_truth truth = SIEVE_FALSE;

    for (uint32_t n = 0; n < fields->count && truth == SIEVE_FALSE; n++) {
        const struct sieve_field *f = &fields->items[w->is_last ? fields->count - 1 - n : n];
        if (has_name(f, name))
            truth = see_field(w, f);
    }
    return truth;
}

/* RFC 5260 6: all fields named are counted in the order of the names, and in the message's for one
 * name; :last counts from the end of that. */
static enum sieve_truth
walk_names(struct walk *w, const struct sieve_fields *fields, const struct span *names,
           uint32_t count)
{
    bool is_indexed = fields->names != NULL && !w->is_last;
    enum sieve_truth truth = SIEVE_FALSE;

    if (!sieve_run_work(w->run, (uint64_t)fields->count * count))
        return SIEVE_BROKEN;
    for (uint32_t i = 0; i < count && truth == SIEVE_FALSE; i++) {
        struct span name = names[w->is_last ? count - 1 - i : i];
        truth = is_indexed ? walk_namesakes(w, fields, name) : walk_all(w, fields, name);
    }
    return truth;
}

/* RFC 5703 4: a part's own header, and with :anychild those of all parts in it. */
static enum sieve_truth
walk_parts(struct walk *w, const struct sieve_op *op, const struct span *names, uint32_t count)
{
    bool any = sieve_op_has(op, SIEVE_SLOT_ANYCHILD);
    struct sieve_part *root = sieve_run_part(w->run);
    enum sieve_truth truth = SIEVE_FALSE;

    if (root == NULL)
        root = sieve_message_parts(w->run);
    if (root == NULL)
        return SIEVE_BROKEN;
    for (struct sieve_part *p = root; p != NULL && truth == SIEVE_FALSE;
         p = any ? sieve_part_next(root, p) : NULL) {
        const struct sieve_fields *fields = sieve_part_fields(w->run, p);
        truth = fields == NULL ? SIEVE_BROKEN : walk_names(w, fields, names, count);
    }
    return truth;
}

/* The header of the message, or of the part that an included script takes for it. */
static enum sieve_truth
walk_message(struct walk *w, const struct span *names, uint32_t count)
{
    const struct frame *f = w->run->frame;

    if (f == NULL || !f->has_part)
        return walk_names(w, sieve_message_fields(w->run), names, count);
    struct sieve_part *root = sieve_message_root(w->run);
    const struct sieve_fields *fields = root == NULL ? NULL : sieve_part_fields(w->run, root);
    return fields == NULL ? SIEVE_BROKEN : walk_names(w, fields, names, count);
}

enum sieve_truth
sieve_fields_walk(struct sieve_run *r, const struct sieve_op *op, const struct sieve_value *names,
                  sieve_field_fn fn, void *arg)
{
    const struct sieve_tagged *index = sieve_op_tag(op, SIEVE_SLOT_INDEX);
    struct walk w = {
        .run = r,
        .fn = fn,
        .arg = arg,
        .index = index == NULL ? 0 : index->value.number,
        .is_last = sieve_op_has(op, SIEVE_SLOT_LAST),
    };
    const struct span *list = field_names(r, names);

    if (list == NULL)
        return SIEVE_BROKEN;
    if (sieve_op_has(op, SIEVE_SLOT_MIME))
        return walk_parts(&w, op, list, names->count);
    return walk_message(&w, list, names->count);
}
