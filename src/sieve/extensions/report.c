/* SPDX-License-Identifier: MIT
 *
 * vnd.dovecot.report: abuse reports in the format of RFC 5965.
 */
#include "../extensions_priv.h"

enum { SLOT_HEADERS_ONLY = SIEVE_SLOT_OWN };

static bool
is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 32 || s.p[i] >= 127 || strchr("()<>@,;:\\\"/[]?=", s.p[i]) != NULL)
            return false;
    return s.n > 0 && s.n <= 128;
}

static bool
check_report(struct sieve_check *c, struct sieve_op *op)
{
    struct span s;

    if (sieve_text_constant(op->arguments[0].strings, &s) && !is_token(s))
        return sieve_check_error(c, op->arguments[0].at, "'%.*s' is no type of feedback",
                                 s.n < 80 ? (int)s.n : 80, s.p);
    return sieve_check_address(c, &op->arguments[2]);
}

static bool
take(struct sieve_run *r, const struct sieve_op *op, struct sieve_action *a)
{
    if (!sieve_value_cstr(r, &op->arguments[0], &a->details.report.feedback) ||
        !sieve_value_cstr(r, &op->arguments[1], &a->details.report.text) ||
        !sieve_value_cstr(r, &op->arguments[2], &a->details.report.address))
        return false;
    if (!is_token(span_of(a->details.report.feedback)))
        return sieve_run_fail(r, op, "'%s' is no type of feedback", a->details.report.feedback);
    return sieve_address_is_valid(span_of(a->details.report.address)) ||
           sieve_run_fail(r, op, "'%s' is no mail address", a->details.report.address);
}

static enum sieve_step
run_report(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_action a = {.kind = SIEVE_REPORT};

    a.details.report.headers_only = sieve_op_tag(op, SLOT_HEADERS_ONLY) != NULL;
    return take(r, op, &a) && sieve_run_act(r, op, a) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static const struct sieve_tag tags[] = {
    {"headers_only", SIEVE_TAKES_NOTHING, SLOT_HEADERS_ONLY, 0, 0, NULL},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "report", .arguments = "sss", .tags = tags, .check = check_report, .run = run_report},
    {0},
};

const struct sieve_extension sieve_vnd_report = {.name = "vnd.dovecot.report",
                                                 .definitions = definitions};
