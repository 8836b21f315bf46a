/* SPDX-License-Identifier: MIT
 *
 * Match types (RFC 5228 2.7.1, RFC 5231): keys against values, each octet that is looked at paid
 * from the run's budget.
 */
#include "match_priv.h"

#include "flags_priv.h"

bool
sieve_relation_holds(const char *relation, int order)
{
    switch (relation[0] << 8 | relation[1]) {
    case 'g' << 8 | 't':
        return order > 0;
    case 'g' << 8 | 'e':
        return order >= 0;
    case 'l' << 8 | 't':
        return order < 0;
    case 'l' << 8 | 'e':
        return order <= 0;
    case 'e' << 8 | 'q':
        return order == 0;
    default:
        return order != 0;
    }
}

/* A key, kept for all values. */
static bool
fold_key(struct sieve_match *m, struct span key, struct span *out)
{
    struct buf *scratch = sieve_run_buf(m->run);

    *out = key;
    if (m->comparator->fold == NULL)
        return true;
    if (!m->comparator->fold(key, scratch))
        return sieve_run_fail(m->run, m->op, "a key is too long to be compared");
    out->n = scratch->len;
    out->p = sieve_run_copy(m->run, buf_span(scratch));
    return out->p != NULL;
}

/* The value of a field is kept as the first comparator that asked has it. */
static bool
fold_value(struct sieve_match *m, struct span value)
{
    struct sieve_field_memo *memo = m->memo;
    struct buf *folded = &m->run->folded;

    buf_reset(folded);
    if (!m->comparator->fold(value, folded))
        return sieve_run_fail(m->run, m->op, "a value is too long to be compared");
    m->folded_value = buf_span(folded);
    if (memo == NULL || memo->comparator != NULL)
        return true;
    m->folded_value.p = sieve_run_copy(m->run, m->folded_value);
    memo->folded = m->folded_value;
    memo->comparator = m->comparator;
    return m->folded_value.p != NULL;
}

/* The value in the comparator's form, for all keys. */
static bool
take_value(struct sieve_match *m, struct span value)
{
    if (m->comparator->fold == NULL)
        m->folded_value = value;
    else if (m->memo != NULL && m->memo->comparator == m->comparator)
        m->folded_value = m->memo->folded;
    else if (!fold_value(m, value))
        return false;
    if (m->folded_value.p == NULL)
        m->folded_value.p = "";
    return true;
}

/* ------------------------------------------------------------------ while a script is checked */

static bool
searches(enum sieve_match_type type)
{
    return type == SIEVE_MATCH_CONTAINS || type == SIEVE_MATCH_MATCHES;
}

static bool
fold_constant(struct sieve_check *c, const struct sieve_comparator *comparator, struct span key,
              struct span *out)
{
    struct buf folded;

    buf_init(&folded, c->limits->memory_max);
    bool ok = comparator->fold(key, &folded);
    out->n = folded.len;
    out->p = ok ? arena_copy(&c->program->arena, buf_span(&folded)) : NULL;
    buf_release(&folded);
    return out->p != NULL ||
           sieve_check_error(c, (struct sieve_place){0}, "script needs too much memory");
}

bool
match_prepare(struct sieve_check *c, struct sieve_op *op)
{
    if ((op->definition->classes & SIEVE_ON_COMPARE) == 0 || op->argument_count == 0)
        return true;
    struct sieve_value *keys = &op->arguments[op->argument_count - 1];
    op->match = sieve_op_match_type(op);
    op->comparator = sieve_op_comparator(op);
    bool is_needed = searches(op->match) && op->comparator->fold != NULL;
    if (keys->constants == NULL || !is_needed)
        return true;
    struct span *folded = sieve_check_alloc(c, keys->count * sizeof(*folded));
    keys->folded = folded;
    for (uint32_t i = 0; folded != NULL && i < keys->count; i++)
        if (!fold_constant(c, op->comparator, keys->constants[i], &folded[i]))
            return false;
    return folded != NULL;
}

/* ------------------------------------------------------------------ beginning */

/* Those that have variables are put together for this test. */
static bool
take_texts(struct sieve_match *m)
{
    struct span *keys = sieve_run_alloc(m->run, m->key_count * sizeof(*keys));

    for (uint32_t i = 0; keys != NULL && i < m->key_count; i++)
        if (!sieve_text_get(m->run, &m->value->strings[i], &keys[i]))
            return false;
    m->keys = keys;
    return keys != NULL;
}

static bool
fold_keys(struct sieve_match *m)
{
    struct span *folded = sieve_run_alloc(m->run, m->key_count * sizeof(*folded));

    for (uint32_t i = 0; folded != NULL && i < m->key_count; i++)
        if (!fold_key(m, m->keys[i], &folded[i]))
            return false;
    m->folded = folded;
    return folded != NULL;
}

static bool
take_keys(struct sieve_match *m)
{
    m->key_count = m->value->count;
    m->keys = m->value->constants;
    m->folded = m->value->folded;
    if (m->keys == NULL && !take_texts(m))
        return false;
    if (searches(m->type) && m->comparator->fold == NULL)
        m->folded = m->keys;
    if (searches(m->type) && m->folded == NULL && !fold_keys(m))
        return false;
    return (m->type != SIEVE_MATCH_REGEX || match_regex_begin(m)) &&
           (m->type != SIEVE_MATCH_LIST || match_list_begin(m));
}

static bool
take_relation(struct sieve_match *m)
{
    if (m->type != SIEVE_MATCH_COUNT && m->type != SIEVE_MATCH_VALUE)
        return true;
    return sieve_value_cstr(m->run, &sieve_op_tag(m->op, SIEVE_SLOT_MATCH)->value, &m->relation);
}

struct sieve_match *
sieve_match_begin(struct sieve_run *r, const struct sieve_op *op, const struct sieve_value *keys)
{
    struct sieve_match *m = r->match == NULL ? sieve_run_alloc(r, sizeof(*m)) : r->match;

    if (m == NULL)
        return NULL;
    r->match = m;
    *m = (struct sieve_match){
        .run = r, .op = op, .value = keys, .type = op->match, .comparator = op->comparator};
    return take_relation(m) && take_keys(m) ? m : NULL;
}

static bool
count_words(struct sieve_match *m, uint32_t *count)
{
    struct span word;

    *count = 0;
    for (uint32_t i = 0; i < m->key_count; i++) {
        if (!sieve_run_work(m->run, m->keys[i].n))
            return false;
        for (struct span rest = m->keys[i]; flags_next(&rest, &word);)
            ++*count;
    }
    return true;
}

/* A regular expression may have blanks of its own. */
bool
sieve_match_words(struct sieve_match *m)
{
    uint32_t count, n = 0;
    bool is_folded = searches(m->type);

    if (m->type == SIEVE_MATCH_REGEX || m->type == SIEVE_MATCH_LIST)
        return true;
    if (!count_words(m, &count))
        return false;
    struct span *keys = sieve_run_alloc(m->run, count * sizeof(*keys)), word;
    struct span *folded = sieve_run_alloc(m->run, count * sizeof(*folded));
    if (keys == NULL || folded == NULL)
        return false;
    for (uint32_t i = 0; i < m->key_count; i++)
        for (struct span rest = m->keys[i]; flags_next(&rest, &word); n++) {
            keys[n] = word;
            if (is_folded && !fold_key(m, word, &folded[n]))
                return false;
        }
    m->keys = keys;
    m->folded = folded;
    m->key_count = count;
    return true;
}

void
sieve_match_keep_variables(struct sieve_match *m)
{
    m->keeps_variables = true;
}

bool
match_variables(struct sieve_match *m, const struct span *values, uint32_t count)
{
    return m->keeps_variables || sieve_match_variables_set(m->run, values, count);
}

bool
sieve_match_counts(const struct sieve_match *m)
{
    return m->type == SIEVE_MATCH_COUNT;
}

void
sieve_match_add(struct sieve_match *m, uint64_t values)
{
    m->count += values;
}

/* ------------------------------------------------------------------ one value, one key */

static enum sieve_truth
truth(bool is_true)
{
    return is_true ? SIEVE_TRUE : SIEVE_FALSE;
}

static enum sieve_truth
match_is(struct sieve_match *m, uint32_t i, struct span value)
{
    return truth(m->comparator->order(value, m->keys[i]) == 0);
}

static enum sieve_truth
match_value(struct sieve_match *m, uint32_t i, struct span value)
{
    return truth(sieve_relation_holds(m->relation, m->comparator->order(value, m->keys[i])));
}

/* Most values do not even have its first octet: only of the others memmem, which is linear
 * (two-way), looks at all. */
const char *
match_find(struct span s, struct span key)
{
    const char *first = key.n > s.n ? NULL : memchr(s.p, key.p[0], s.n);

    return first == NULL ? NULL : memmem(first, s.n - (size_t)(first - s.p), key.p, key.n);
}

static enum sieve_truth
match_contains(struct sieve_match *m, uint32_t i, struct span value)
{
    struct span key = m->folded[i];

    (void)value;
    return truth(key.n == 0 || match_find(m->folded_value, key) != NULL);
}

static enum sieve_truth
match_none(struct sieve_match *m, uint32_t i, struct span value)
{
    (void)m, (void)i, (void)value;
    return SIEVE_FALSE;
}

static const match_fn functions[] = {
    [SIEVE_MATCH_IS] = match_is,
    [SIEVE_MATCH_CONTAINS] = match_contains,
    [SIEVE_MATCH_MATCHES] = match_wildcards,
    [SIEVE_MATCH_COUNT] = match_none,
    [SIEVE_MATCH_VALUE] = match_value,
    [SIEVE_MATCH_REGEX] = match_regex,
    [SIEVE_MATCH_LIST] = match_list,
};

static void
trace_value(struct sieve_match *m, struct span value, struct span key, bool is_true)
{
    if (!run_is_traced(m->run))
        return;
    run_trace(m->run,
              (struct sieve_trace){
                  .kind = SIEVE_TRACE_VALUE, .value = value, .key = key, .is_true = is_true},
              m->op);
}

/* A comparator that knows characters takes twice as long for ASCII, for others many times. */
static uint64_t
value_cost(const struct sieve_match *m, struct span value)
{
    uint64_t cost = value.n;

    if (m->comparator->is_octetwise)
        return cost;
    cost *= 2;
    for (size_t i = 0; i < value.n; i++)
        cost += (value.p[i] & 0x80) != 0 ? MATCH_UNICODE_COST : 0;
    return cost;
}

enum sieve_truth
sieve_match_value(struct sieve_match *m, struct span value)
{
    enum sieve_truth result = SIEVE_FALSE;

    m->count++;
    m->has_extents = false;
    if (m->type == SIEVE_MATCH_COUNT)
        return SIEVE_FALSE;
    if (searches(m->type) && m->key_count > 0 && !take_value(m, value))
        return SIEVE_BROKEN;
    uint64_t cost = value_cost(m, value);
    for (uint32_t i = 0; i < m->key_count && result == SIEVE_FALSE; i++) {
        if (!sieve_run_work(m->run, cost + m->keys[i].n + 16))
            return SIEVE_BROKEN;
        result = functions[m->type](m, i, value);
        trace_value(m, value, m->keys[i], result == SIEVE_TRUE);
    }
    return result;
}

enum sieve_truth
match_field_value(struct sieve_match *m, const struct sieve_field *f, struct span value)
{
    m->memo = f->memo;
    enum sieve_truth result = sieve_match_value(m, value);
    m->memo = NULL;
    return result;
}

static enum sieve_truth
compare_count(struct sieve_match *m)
{
    struct buf *scratch = sieve_run_buf(m->run);

    if (!buf_append_u64(scratch, m->count)) {
        sieve_run_fail(m->run, m->op, "out of memory");
        return SIEVE_BROKEN;
    }
    struct span text = buf_span(scratch);
    for (uint32_t i = 0; i < m->key_count; i++) {
        bool is_true = sieve_relation_holds(m->relation, m->comparator->order(text, m->keys[i]));
        trace_value(m, text, m->keys[i], is_true);
        if (is_true)
            return SIEVE_TRUE;
    }
    return SIEVE_FALSE;
}

enum sieve_truth
sieve_match_end(struct sieve_match *m, enum sieve_truth so_far)
{
    return m->type == SIEVE_MATCH_COUNT && so_far != SIEVE_BROKEN ? compare_count(m) : so_far;
}
