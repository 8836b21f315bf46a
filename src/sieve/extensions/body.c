/* SPDX-License-Identifier: MIT
 *
 * RFC 5173: the body test, over the body as it is (:raw), its parts of some types (:content), or
 * its text (:text).
 */
#include "../extensions_priv.h"

enum { TEXT, RAW, CONTENT };

#define SLOT_TRANSFORM SIEVE_SLOT_OWN

/* ------------------------------------------------------------------ parts by type (5.2) */

/* "type", "type/subtype", or "" for all; slashes elsewhere match nothing. */
static bool
is_type(const struct sieve_part *part, struct span wanted)
{
    size_t slash = span_find(wanted, '/');
    struct span type = {wanted.p, slash}, subtype = span_skip(wanted, slash + 1);

    if (wanted.n == 0)
        return true;
    if (!span_equal_fold(part->type, type))
        return false;
    return slash == wanted.n || span_equal_fold(part->subtype, subtype);
}

static bool
is_listed(const struct sieve_part *part, const struct span *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (is_type(part, types[i]))
            return true;
    return false;
}

static struct span *
content_types(struct sieve_run *r, const struct sieve_value *v)
{
    struct span *types = sieve_run_alloc(r, v->count * sizeof(*types));

    for (uint32_t i = 0; types != NULL && i < v->count; i++)
        if (!sieve_text_get(r, sieve_text_at(v, i), &types[i]))
            return NULL;
    return types;
}

/* ------------------------------------------------------------------ what is compared */

/* Prologue and epilogue are strings of their own. */
static enum sieve_truth
match_multipart(struct sieve_match *m, const struct sieve_part *part)
{
    enum sieve_truth truth = sieve_match_value(m, sieve_part_prologue(part));

    return truth != SIEVE_FALSE ? truth : sieve_match_value(m, sieve_part_epilogue(part));
}

/* The header of the message inside, without the empty line. */
static enum sieve_truth
match_message(struct sieve_match *m, const struct sieve_part *part)
{
    struct span header = part->first_child == NULL ? SPAN_NONE : part->first_child->raw_header;

    if (header.n >= 4 && memcmp(header.p + header.n - 4, "\r\n\r\n", 4) == 0)
        header.n -= 2;
    return sieve_match_value(m, header);
}

static enum sieve_truth
match_content(struct sieve_run *r, struct sieve_match *m, struct sieve_part *part)
{
    struct span text;

    if (part->is_multipart)
        return match_multipart(m, part);
    if (part->is_message)
        return match_message(m, part);
    if (!sieve_part_text(r, part, &text))
        return SIEVE_BROKEN;
    return sieve_match_value(m, text);
}

static enum sieve_truth
test_content(struct sieve_run *r, struct sieve_match *m, const struct sieve_value *v)
{
    struct sieve_part *root = sieve_message_root(r);
    struct span *types = content_types(r, v);
    enum sieve_truth truth = root == NULL || types == NULL ? SIEVE_BROKEN : SIEVE_FALSE;

    for (struct sieve_part *p = root; p != NULL && truth == SIEVE_FALSE;
         p = sieve_part_next(root, p)) {
        if (!sieve_run_work(r, v->count))
            truth = SIEVE_BROKEN;
        else if (is_listed(p, types, v->count))
            truth = match_content(r, m, p);
    }
    return truth;
}

/* Each part that is text is one string; of HTML what is to be read (5.3). */
static enum sieve_truth
test_text(struct sieve_run *r, struct sieve_match *m)
{
    struct sieve_part *root = sieve_message_root(r);
    enum sieve_truth truth = root == NULL ? SIEVE_BROKEN : SIEVE_FALSE;
    struct span text;

    for (struct sieve_part *p = root; p != NULL && truth == SIEVE_FALSE;
         p = sieve_part_next(root, p)) {
        if (!span_equal(p->type, SPAN("text")))
            continue;
        truth = sieve_part_plain(r, p, &text) ? sieve_match_value(m, text) : SIEVE_BROKEN;
    }
    return truth;
}

static enum sieve_truth
test_raw(struct sieve_run *r, struct sieve_match *m)
{
    struct sieve_part *root = sieve_message_root(r);
    struct span body;

    if (root == NULL)
        return SIEVE_BROKEN;
    if (root->parent != NULL)
        return sieve_match_value(m, root->body);
    return sieve_message_body(r, &body) ? sieve_match_value(m, body) : SIEVE_BROKEN;
}

/* Without an empty line behind the header there is nothing to compare (4). */
static enum sieve_truth
test_body(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_TRANSFORM);
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[0]);
    enum sieve_truth truth = SIEVE_FALSE;

    if (m == NULL)
        return SIEVE_BROKEN;
    sieve_match_keep_variables(m);
    if (!sieve_message_has_body(r))
        return sieve_match_end(m, SIEVE_FALSE);
    if (t == NULL || t->tag->id == TEXT)
        truth = test_text(r, m);
    else
        truth = t->tag->id == RAW ? test_raw(r, m) : test_content(r, m, &t->value);
    return sieve_match_end(m, truth);
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_tag body_tags[] = {
    {"text", SIEVE_TAKES_NOTHING, SLOT_TRANSFORM, 0, TEXT, NULL},
    {"raw", SIEVE_TAKES_NOTHING, SLOT_TRANSFORM, 0, RAW, NULL},
    {"content", SIEVE_TAKES_LIST, SLOT_TRANSFORM, 0, CONTENT, NULL},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "body",
     .is_test = true,
     .arguments = "l",
     .tags = body_tags,
     .classes = SIEVE_ON_COMPARE,
     .test = test_body},
    {0},
};

const struct sieve_extension sieve_body = {.name = "body", .definitions = definitions};
