/* SPDX-License-Identifier: MIT
 *
 * The envelope test (RFC 5228 5.4).
 */
#include "run_priv.h"

#include <strings.h>

#include "extensions_priv.h"

enum envelope_part { ENVELOPE_NONE, ENVELOPE_FROM, ENVELOPE_TO, ENVELOPE_ORIG_TO, ENVELOPE_AUTH };

static enum envelope_part
envelope_part(struct span name)
{
    static const struct {
        const char *name;
        enum envelope_part part;
    } parts[] = {
        {"from", ENVELOPE_FROM},
        {"to", ENVELOPE_TO},
        {"orig_to", ENVELOPE_ORIG_TO},
        {"auth", ENVELOPE_AUTH},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (span_equal_fold(span_of(parts[i].name), name))
            return parts[i].part;
    return ENVELOPE_NONE;
}

static bool
check_envelope(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *v = &op->arguments[0];
    struct span name;

    for (uint32_t i = 0; i < v->count; i++)
        if (sieve_text_constant(&v->strings[i], &name) && envelope_part(name) == ENVELOPE_NONE)
            return sieve_check_error(c, sieve_text_place(&v->strings[i]),
                                     "there is no envelope part '%.*s'",
                                     name.n < 80 ? (int)name.n : 80, name.p);
    return true;
}

static const char *
part_value(const struct sieve_envelope *e, enum envelope_part part)
{
    switch (part) {
    case ENVELOPE_NONE:
        break;
    case ENVELOPE_FROM:
        return e->sender;
    case ENVELOPE_TO:
        return e->recipient;
    case ENVELOPE_ORIG_TO:
        return e->original_recipient[0] == '\0' ? e->recipient : e->original_recipient;
    case ENVELOPE_AUTH:
        return e->login[0] == '\0' ? NULL : e->login;
    }
    return NULL;
}

/* The null reverse-path is "" in every part (5.4). */
static enum sieve_truth
compare_path(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
             const char *path)
{
    const char *at = strrchr(path, '@');
    struct span value = SPAN_NONE;
    struct sieve_address a = {.all = span_of(path), .local = span_of(path), .is_valid = true};

    if (path[0] == '\0')
        return sieve_match_value(m, SPAN(""));
    if (at != NULL) {
        a.local.n = (size_t)(at - path);
        a.domain = span_of(at + 1);
    }
    return sieve_address_part(r, op, &a, &value) ? sieve_match_value(m, value) : SIEVE_FALSE;
}

static enum sieve_truth
compare_part(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
             const struct sieve_text *text)
{
    struct span name;

    if (!sieve_text_get(r, text, &name))
        return SIEVE_BROKEN;
    const char *value = part_value(r->in.envelope, envelope_part(name));
    return value == NULL ? SIEVE_FALSE : compare_path(r, op, m, value);
}

static enum sieve_truth
test_envelope(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[1]);
    enum sieve_truth truth = SIEVE_FALSE;

    if (m == NULL)
        return SIEVE_BROKEN;
    for (uint32_t i = 0; i < op->arguments[0].count && truth == SIEVE_FALSE; i++)
        truth = compare_part(r, op, m, &op->arguments[0].strings[i]);
    return sieve_match_end(m, truth);
}

static const struct sieve_definition definitions[] = {
    {.name = "envelope",
     .is_test = true,
     .arguments = "ll",
     .classes = SIEVE_ON_COMPARE | SIEVE_ON_ADDRESS,
     .check = check_envelope,
     .test = test_envelope},
    {0},
};

const struct sieve_extension sieve_envelope = {.name = "envelope", .definitions = definitions};
