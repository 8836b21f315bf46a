/* SPDX-License-Identifier: MIT
 *
 * RFC 6009 4 and 5: what the parameters of ESMTP say in an envelope, and the :zone in which a time
 * of delivery is compared.
 */
#include "envelope_priv.h"

#include <stdlib.h>
#include <string.h>

#include "extensions_priv.h"
#include "run_priv.h"

/* What is not there matches nothing and counts nothing. */
static enum sieve_truth
compare_text(struct sieve_match *m, const char *text)
{
    return text == NULL || text[0] == '\0' ? SIEVE_FALSE : sieve_match_value(m, span_of(text));
}

/* "each condition that is in effect is tested separately" */
static enum sieve_truth
compare_notify(struct sieve_match *m, const char *list)
{
    struct span rest = span_of(list == NULL ? "" : list);
    enum sieve_truth truth = SIEVE_FALSE;

    while (rest.n > 0 && truth == SIEVE_FALSE) {
        struct span word = {rest.p, span_find(rest, ',')};
        truth = sieve_match_value(m, word);
        rest = span_skip(rest, word.n + 1);
    }
    return truth;
}

/* ------------------------------------------------------------------ BY (RFC 2852 4) */

#define BY_DIGITS 9 /* RFC 2852 4: by-time = ["-" / "+"] 1*9digit */

struct by {
    int64_t seconds;
    bool is_notify, is_trace;
};

/* "120;RT". False: it is none, or there is none. */
static bool
parse_by(const char *text, struct by *out)
{
    const char *digits = text == NULL ? "" : text + (text[0] == '-' || text[0] == '+');
    size_t n = strspn(digits, "0123456789");
    const char *mode = digits + n + 1;

    if (n == 0 || n > BY_DIGITS || digits[n] != ';' || mode[0] == '\0')
        return false;
    *out = (struct by){
        .seconds = strtoll(text, NULL, 10),
        .is_notify = (mode[0] | 0x20) == 'n',
        .is_trace = (mode[1] | 0x20) == 't',
    };
    return true;
}

static enum sieve_truth
compare_copy(struct sieve_run *r, struct sieve_match *m, const struct buf *text)
{
    struct span kept = {sieve_run_copy(r, buf_span(text)), text->len};

    return kept.p == NULL ? SIEVE_BROKEN : sieve_match_value(m, kept);
}

static enum sieve_truth
compare_absolute(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
                 int64_t seconds)
{
    struct date moment = {.seconds = r->in.now + seconds};

    if (!sieve_move_zone(r, op, sieve_op_tag(op, SIEVE_SLOT_ZONE), &moment))
        return SIEVE_BROKEN;
    struct buf *text = sieve_run_buf(r);
    return sieve_print_iso8601(text, &moment) ? compare_copy(r, m, text) : SIEVE_FALSE;
}

static enum sieve_truth
compare_relative(struct sieve_run *r, struct sieve_match *m, int64_t seconds)
{
    struct buf *text = sieve_run_buf(r);

    buf_printf(text, "%lld", (long long)seconds);
    return compare_copy(r, m, text);
}

static enum sieve_truth
compare_by(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
           enum envelope_part part)
{
    struct by by;

    if (!parse_by(r->in.envelope->deliverby, &by))
        return SIEVE_FALSE;
    if (part == ENVELOPE_BY_RELATIVE)
        return compare_relative(r, m, by.seconds);
    if (part == ENVELOPE_BY_ABSOLUTE)
        return compare_absolute(r, op, m, by.seconds);
    if (part == ENVELOPE_BY_MODE)
        return sieve_match_value(m, span_of(by.is_notify ? "notify" : "return"));
    return sieve_match_value(m, span_of(by.is_trace ? "trace" : ""));
}

enum sieve_truth
envelope_compare_esmtp(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
                       enum envelope_part part)
{
    const struct sieve_envelope *e = r->in.envelope;

    if (part == ENVELOPE_NOTIFY)
        return compare_notify(m, e->notify);
    if (part == ENVELOPE_ORCPT)
        return compare_text(m, e->orcpt);
    if (part == ENVELOPE_RET)
        return compare_text(m, e->ret);
    if (part == ENVELOPE_ENVID)
        return compare_text(m, e->envid);
    return compare_by(r, op, m, part);
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_tag zone_tags[] = {
    {"zone", SIEVE_TAKES_STRING, SIEVE_SLOT_ZONE, SIEVE_ON_ENVELOPE, 0, sieve_check_zone},
    {0},
};

const struct sieve_extension sieve_envelope_dsn = {.name = "envelope-dsn"};
const struct sieve_extension sieve_envelope_deliverby = {.name = "envelope-deliverby",
                                                         .tags = zone_tags};
