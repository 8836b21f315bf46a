/* SPDX-License-Identifier: MIT
 *
 * Sets of flags: see flags_priv.h. A set is never longer than a variable may be, and each look for
 * a flag in it is paid, so that a list of a million flags costs no more than its octets.
 */
#include "flags_priv.h"

#include "extensions_priv.h"

#define WORD_WORK 16 /* of the budget, for each word, besides its octets */

bool
flags_next(struct span *rest, struct span *flag)
{
    size_t skip = 0;

    while (skip < rest->n && rest->p[skip] == ' ')
        skip++;
    *rest = span_skip(*rest, skip);
    *flag = (struct span){rest->p, span_find(*rest, ' ')};
    *rest = span_skip(*rest, flag->n);
    return flag->n > 0;
}

static bool
is_system_flag(struct span flag)
{
    static const char *const names[] = {"\\Answered", "\\Flagged", "\\Deleted", "\\Seen",
                                        "\\Draft"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_equal_fold(span_of(names[i]), flag))
            return true;
    return false;
}

/* A keyword is an atom; of what begins with a backslash only the settable ones count. */
bool
flag_is_valid(struct span flag)
{
    if (flag.n > 0 && flag.p[0] == '\\')
        return is_system_flag(flag);
    for (size_t i = 0; i < flag.n; i++) {
        unsigned char c = (unsigned char)flag.p[i];
        if (c <= ' ' || c >= 127 || strchr("(){%*\"\\]", c) != NULL)
            return false;
    }
    return flag.n > 0;
}

static bool
has_flag(struct span set, struct span wanted)
{
    struct span flag;

    while (flags_next(&set, &flag))
        if (span_equal_fold(flag, wanted))
            return true;
    return false;
}

/* ------------------------------------------------------------------ changing a set */

/* The flags of `from` that `without` has not, each once. What does not fit any more is left out,
 * as variables are cut (RFC 5229 3). */
static bool
add_flags(struct sieve_run *r, struct buf *set, struct span from, struct span without)
{
    struct span flag;

    while (flags_next(&from, &flag)) {
        if (!sieve_run_work(r, set->len + without.n + flag.n + WORD_WORK))
            return false;
        if (!flag_is_valid(flag) || has_flag(without, flag) || has_flag(buf_span(set), flag))
            continue;
        if (set->len + 1 + flag.n > set->max)
            return true;
        if (set->len > 0)
            buf_append_char(set, ' ');
        buf_append_span(set, flag);
    }
    return true;
}

/* A list is one string: a string with several flags is the same as several strings (2). */
static bool
join(struct sieve_run *r, const struct sieve_value *list, struct buf *out)
{
    struct span s;

    for (uint32_t i = 0; i < list->count; i++) {
        if (!sieve_text_get(r, sieve_text_at(list, i), &s) || !sieve_run_work(r, s.n))
            return false;
        if (!buf_append_span(out, s) || !buf_append_char(out, ' '))
            return sieve_run_fail(r, NULL, "the list of flags is too long");
    }
    return true;
}

/* What this file has made is as it should be; a variable may hold anything. */
static bool
take_set(struct sieve_run *r, struct span set, struct buf *out)
{
    const struct flags *own = sieve_run_state(r, &sieve_imap4flags);

    if (own == NULL || !own->has_begun || own->set.p != set.p || own->set.n != set.n)
        return add_flags(r, out, set, SPAN_NONE);
    return sieve_run_work(r, set.n) && buf_append_span(out, set);
}

static bool
change(struct sieve_run *r, enum flags_change how, struct span set, struct span words,
       struct buf *out)
{
    switch (how) {
    case FLAGS_SET:
        return add_flags(r, out, words, SPAN_NONE);
    case FLAGS_ADD:
        return take_set(r, set, out) && add_flags(r, out, words, SPAN_NONE);
    case FLAGS_REMOVE:
        return add_flags(r, out, set, words);
    }
    return false;
}

bool
flags_change(struct sieve_run *r, enum flags_change how, struct span set,
             const struct sieve_value *list, struct span *out)
{
    struct buf words, changed;
    const char *kept = NULL;

    buf_init(&words, r->in.limits->memory_max);
    buf_init(&changed, r->in.limits->variable_max);
    if (join(r, list, &words) && change(r, how, set, buf_span(&words), &changed))
        kept = sieve_run_copy(r, buf_span(&changed));
    *out = (struct span){kept, changed.len};
    buf_release(&changed);
    buf_release(&words);
    return kept != NULL;
}

/* ------------------------------------------------------------------ the internal variable */

/* A message that is already stored brings its flags along. */
static bool
begin(struct sieve_run *r, struct flags *f)
{
    struct buf set;

    buf_init(&set, r->in.limits->variable_max);
    for (uint32_t i = 0; i < r->in.flags.count; i++)
        if (!add_flags(r, &set, span_of(r->in.flags.items[i]), SPAN_NONE))
            break;
    const char *kept = sieve_run_copy(r, buf_span(&set));
    *f = (struct flags){{kept, set.len}, r->in.flags.count > 0, kept != NULL};
    buf_release(&set);
    return kept != NULL;
}

struct flags *
flags_internal(struct sieve_run *r)
{
    struct flags *f = sieve_run_state(r, &sieve_imap4flags);

    if (f == NULL || (!f->has_begun && !begin(r, f)))
        return NULL;
    return f;
}

/* ------------------------------------------------------------------ of a copy */

static bool
split(struct sieve_run *r, struct span set, struct sieve_strings *out)
{
    struct span flag;
    const char **items = sieve_run_alloc(r, (set.n / 2 + 1) * sizeof(*items));

    *out = (struct sieve_strings){items, 0};
    if (items == NULL)
        return false;
    while (flags_next(&set, &flag)) {
        items[out->count] = sieve_run_copy(r, flag);
        if (items[out->count++] == NULL)
            return false;
    }
    return true;
}

/* A message that is made, not filed, takes no flags but those said (6; RFC 8580 3.2). */
bool
flags_storage(struct sieve_run *r, const struct sieve_op *op, struct sieve_storage *out)
{
    const struct sieve_tagged *t = op == NULL ? NULL : sieve_op_tag(op, SIEVE_SLOT_FLAGS);
    struct span set;

    if (t == NULL && op != NULL && sieve_op_tag(op, SIEVE_SLOT_FCC) != NULL)
        return true;
    const struct flags *f = t == NULL ? flags_internal(r) : NULL;
    if (t == NULL && f == NULL)
        return false;
    out->has_flags = t != NULL || f->is_said;
    if (t == NULL)
        set = f->set;
    else if (!flags_change(r, FLAGS_SET, SPAN_NONE, &t->value, &set))
        return false;
    return split(r, set, &out->flags);
}
