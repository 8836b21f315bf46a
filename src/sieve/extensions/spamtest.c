/* SPDX-License-Identifier: MIT
 *
 * RFC 5235: spamtest, spamtestplus and virustest. A scanner has left its result in a header field
 * of the message; settings say in which, and how it is to be read (docs/sieve-extensions.md):
 * sieve_spamtest_status_header, _status_type, _max_header, _max_value, _text_valueN, and the same
 * of sieve_virustest.
 */
#include "../match_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "../extensions_priv.h"
#include "doorstep/field.h"

#define SLOT_PERCENT SIEVE_SLOT_OWN
#define ROUNDING 0.001 /* so that 7/10 of 10 is 7 */

struct scale {
    const char *prefix; /* of its settings */
    int highest;        /* the lowest of a message that was tested is 1 */
};

static const struct scale spam = {"sieve_spamtest", 10};
static const struct scale virus = {"sieve_virustest", 5};

static const char *
setting(struct sieve_run *r, const struct scale *scale, const char *name)
{
    char full[64];

    snprintf(full, sizeof(full), "%s_%s", scale->prefix, name);
    return sieve_setting(r, full, "");
}

/* ------------------------------------------------------------------ what the scanner said */

/* "Field" or "Field: expression", which says with a group where the result stands. */
static bool
result_in(struct sieve_run *r, const struct sieve_field *f, struct span expression,
          struct span *out)
{
    if (!sieve_field_value(r, f, false, out))
        return false;
    return expression.n == 0 || regex_group(r, expression, *out, out);
}

static bool
find_result(struct sieve_run *r, const char *header, struct span *out)
{
    struct span all = span_of(header);
    struct span name = span_trim((struct span){all.p, span_find(all, ':')});
    struct span expression = span_trim(span_skip(all, span_find(all, ':') + 1));
    const struct sieve_fields *fields = sieve_message_fields(r);

    for (uint32_t i = 0; i < fields->count; i++)
        if (span_equal_fold(fields->items[i].name, name) && name.n > 0 &&
            result_in(r, &fields->items[i], expression, out))
            return true;
    return false;
}

/* A number with a point, and nothing behind it. */
static bool
parse_score(struct span s, double *out)
{
    char text[32], *end;

    s = span_trim(s);
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (strchr("+-.0123456789", s.p[i]) == NULL || s.p[i] == '\0')
            return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *out = strtod(text, &end);
    return *end == '\0';
}

static bool
highest_score(struct sieve_run *r, const struct scale *scale, double *out)
{
    struct span text = span_of(setting(r, scale, "score_max_value"));
    const char *header = setting(r, scale, "score_max_header");

    if (header[0] != '\0' && !find_result(r, header, &text))
        return false;
    return parse_score(text, out) && *out > 0;
}

/* The text that stands for one of the scale's values: 0 is "not tested". */
static bool
ratio_of_text(struct sieve_run *r, const struct scale *scale, struct span result, double *ratio)
{
    char name[32];

    for (int i = 1; i <= scale->highest; i++) {
        snprintf(name, sizeof(name), "text_value/%d", i);
        const char *text = setting(r, scale, name);
        if (text[0] == '\0' || !span_equal(span_trim(span_of(text)), span_trim(result)))
            continue;
        *ratio = (i - 1.0) / (scale->highest - 1);
        return true;
    }
    return false;
}

/* 0 is clear, 1 is certain. False: the message was not tested, or nobody can say. */
static bool
find_ratio(struct sieve_run *r, const struct scale *scale, double *ratio)
{
    const char *type = setting(r, scale, "status_type");
    struct span result;
    double score, highest;

    if (!find_result(r, setting(r, scale, "status_header"), &result))
        return false;
    if (strcasecmp(type, "text") == 0)
        return ratio_of_text(r, scale, result, ratio);
    if (!highest_score(r, scale, &highest))
        return false;
    if (strcasecmp(type, "strlen") == 0)
        score = (double)result.n;
    else if (!parse_score(result, &score))
        return false;
    *ratio = score <= 0 ? 0 : score >= highest ? 1 : score / highest;
    return true;
}

/* ------------------------------------------------------------------ tests */

/* "0" when it was not tested, which counts as nothing (2). */
static enum sieve_truth
compare(struct sieve_run *r, const struct sieve_op *op, const struct scale *scale)
{
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[0]);
    bool is_percent = sieve_op_tag(op, SLOT_PERCENT) != NULL;
    double ratio = 0;
    char text[16];

    if (m == NULL)
        return SIEVE_BROKEN;
    bool was_tested = find_ratio(r, scale, &ratio);
    if (sieve_run_has_failed(r))
        return SIEVE_BROKEN;
    if (!was_tested && sieve_match_counts(m))
        return sieve_match_end(m, SIEVE_FALSE);
    double value = is_percent ? ratio * 100 : was_tested ? 1 + ratio * (scale->highest - 1) : 0;
    snprintf(text, sizeof(text), "%d", (int)floor(value + ROUNDING));
    return sieve_match_end(m, sieve_match_value(m, span_of(text)));
}

static enum sieve_truth
test_spam(struct sieve_run *r, const struct sieve_op *op)
{
    return compare(r, op, &spam);
}

static enum sieve_truth
test_virus(struct sieve_run *r, const struct sieve_op *op)
{
    return compare(r, op, &virus);
}

static const struct sieve_definition spamtest[] = {
    {.name = "spamtest",
     .is_test = true,
     .arguments = "s",
     .classes = SIEVE_ON_COMPARE | SIEVE_ON_SPAMTEST,
     .test = test_spam},
    {0},
};

static const struct sieve_definition virustest[] = {
    {.name = "virustest",
     .is_test = true,
     .arguments = "s",
     .classes = SIEVE_ON_COMPARE,
     .test = test_virus},
    {0},
};

static const struct sieve_tag percent[] = {
    {"percent", SIEVE_TAKES_NOTHING, SLOT_PERCENT, SIEVE_ON_SPAMTEST, 0, NULL},
    {0},
};

const struct sieve_extension sieve_spamtest = {.name = "spamtest", .definitions = spamtest};
const struct sieve_extension sieve_spamtestplus = {
    .name = "spamtestplus", .definitions = spamtest, .tags = percent};
const struct sieve_extension sieve_virustest = {.name = "virustest", .definitions = virustest};
