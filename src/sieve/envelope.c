/* SPDX-License-Identifier: MIT
 *
 * The envelope test (RFC 5228 5.4).
 */
#include "run_priv.h"

#include "envelope_priv.h"
#include "extensions_priv.h"

#define NOT_DIVIDED "envelope part '%s' is no address, of which there could be a part"

struct part_row {
    const char *name;
    enum envelope_part part;
    const char *extension; /* beside envelope */
};

static const struct part_row parts[] = {
    {"from", ENVELOPE_FROM, NULL},
    {"to", ENVELOPE_TO, NULL},
    {"orig_to", ENVELOPE_ORIG_TO, NULL},
    {"auth", ENVELOPE_AUTH, NULL},
    {"notify", ENVELOPE_NOTIFY, "envelope-dsn"},
    {"orcpt", ENVELOPE_ORCPT, "envelope-dsn"},
    {"ret", ENVELOPE_RET, "envelope-dsn"},
    {"envid", ENVELOPE_ENVID, "envelope-dsn"},
    {"bytimerelative", ENVELOPE_BY_RELATIVE, "envelope-deliverby"},
    {"bytimeabsolute", ENVELOPE_BY_ABSOLUTE, "envelope-deliverby"},
    {"bymode", ENVELOPE_BY_MODE, "envelope-deliverby"},
    {"bytrace", ENVELOPE_BY_TRACE, "envelope-deliverby"},
};

static const struct part_row *
find_part(struct span name)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (span_equal_fold(span_of(parts[i].name), name))
            return &parts[i];
    return NULL;
}

/* RFC 6009 4, 5: its parts have no address's syntax, so they have no address parts either. */
static bool
is_divided(const struct sieve_op *op, const struct part_row *row)
{
    return row->part >= ENVELOPE_NOTIFY && sieve_op_tag(op, SIEVE_SLOT_ADDRESS_PART) != NULL;
}

static bool
check_part(struct sieve_check *c, const struct sieve_op *op, const struct sieve_text *text)
{
    struct span name;

    if (!sieve_text_constant(text, &name))
        return true;
    const struct part_row *row = find_part(name);
    if (row == NULL)
        return sieve_check_error(c, sieve_text_place(text), "there is no envelope part '%.*s'",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    if (row->extension != NULL && !sieve_check_has(c, row->extension))
        return sieve_check_error(c, sieve_text_place(text),
                                 "envelope part '%s' needs: require \"%s\"", row->name,
                                 row->extension);
    if (is_divided(op, row))
        return sieve_check_error(c, sieve_text_place(text), NOT_DIVIDED, row->name);
    return true;
}

/* The rows of parts that are constant are kept, so that no run has to look for them. */
static bool
check_envelope(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *v = &op->arguments[0];

    for (uint32_t i = 0; i < v->count; i++)
        if (!check_part(c, op, &v->strings[i]))
            return false;
    if (v->constants == NULL)
        return true;
    const struct part_row **rows = sieve_check_alloc(c, v->count * sizeof(*rows));
    for (uint32_t i = 0; rows != NULL && i < v->count; i++)
        rows[i] = find_part(v->constants[i]);
    op->data = rows;
    return rows != NULL;
}

static const char *
or_null(const char *s)
{
    return s == NULL || s[0] == '\0' ? NULL : s;
}

/* NULL: the envelope does not have it, and no test of it is true. */
static const char *
path_of(const struct sieve_envelope *e, enum envelope_part part)
{
    if (part == ENVELOPE_FROM)
        return e->sender;
    if (part == ENVELOPE_TO)
        return e->recipient;
    if (part == ENVELOPE_AUTH)
        return or_null(e->login);
    return or_null(e->original_recipient) == NULL ? e->recipient : e->original_recipient;
}

/* A quoted local part is what stands between the quotes (RFC 5321 4.1.2), as in a header. */
static bool
unquote(struct sieve_run *r, struct span *local)
{
    if (local->n < 2 || local->p[0] != '"' || local->p[local->n - 1] != '"')
        return true;
    char *copy = sieve_run_alloc(r, local->n);
    size_t n = 0;
    for (size_t i = 1; copy != NULL && i < local->n - 1; i++) {
        i += local->p[i] == '\\' && i + 2 < local->n;
        copy[n++] = local->p[i];
    }
    *local = (struct span){copy, n};
    return copy != NULL;
}

/* The null reverse-path is "" in every part (5.4), and counts nothing (RFC 5231 4.2). */
static enum sieve_truth
compare_path(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
             const char *path)
{
    const char *at = strrchr(path, '@');
    struct span value = SPAN_NONE;
    struct sieve_address a = {.all = span_of(path), .local = span_of(path), .is_valid = true};

    if (sieve_match_counts(m))
        return path[0] == '\0' ? SIEVE_FALSE : sieve_match_value(m, a.all);
    if (path[0] == '\0')
        return sieve_match_value(m, SPAN(""));
    if (at != NULL) {
        a.local.n = (size_t)(at - path);
        a.domain = span_of(at + 1);
    }
    if (!unquote(r, &a.local))
        return SIEVE_BROKEN;
    return sieve_address_part(r, op, &a, &value) ? sieve_match_value(m, value) : SIEVE_FALSE;
}

/* *row NULL: there is no such part. False: the run has failed. */
static bool
get_part(struct sieve_run *r, const struct sieve_op *op, uint32_t i, const struct part_row **row)
{
    const struct part_row *const *rows = op->data;
    struct span name;

    if (rows == NULL && !sieve_text_get(r, sieve_text_at(&op->arguments[0], i), &name))
        return false;
    *row = rows != NULL ? rows[i] : find_part(name);
    return true;
}

static enum sieve_truth
compare_part(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m, uint32_t i)
{
    const struct part_row *row;

    if (!get_part(r, op, i, &row))
        return SIEVE_BROKEN;
    if (row == NULL)
        return SIEVE_FALSE;
    if (is_divided(op, row)) {
        sieve_run_fail(r, op, NOT_DIVIDED, row->name);
        return SIEVE_BROKEN;
    }
    if (row->part >= ENVELOPE_NOTIFY)
        return envelope_compare_esmtp(r, op, m, row->part);
    const char *path = path_of(r->in.envelope, row->part);
    return path == NULL ? SIEVE_FALSE : compare_path(r, op, m, path);
}

static enum sieve_truth
test_envelope(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[1]);
    enum sieve_truth truth = SIEVE_FALSE;

    if (m == NULL)
        return SIEVE_BROKEN;
    for (uint32_t i = 0; i < op->arguments[0].count && truth == SIEVE_FALSE; i++)
        truth = compare_part(r, op, m, i);
    return sieve_match_end(m, truth);
}

static const struct sieve_definition definitions[] = {
    {.name = "envelope",
     .is_test = true,
     .arguments = "ll",
     .classes = SIEVE_ON_COMPARE | SIEVE_ON_ADDRESS | SIEVE_ON_ENVELOPE,
     .check = check_envelope,
     .test = test_envelope},
    {0},
};

const struct sieve_extension sieve_envelope = {.name = "envelope", .definitions = definitions};
