/* SPDX-License-Identifier: MIT
 *
 * RFC 6009: what redirect asks of the next hop about reports and time (redirect-dsn,
 * redirect-deliverby). The parts of the envelope (envelope-dsn, envelope-deliverby) are
 * envelope.c's.
 */
#include "../extensions_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "redirect_priv.h"

/* NEVER alone, or some of SUCCESS, FAILURE, DELAY (RFC 3461 4.1). */
static bool
notify_is_valid(struct span s)
{
    if (span_equal_fold(s, SPAN("NEVER")))
        return true;
    while (s.n > 0) {
        struct span word = {s.p, span_find(s, ',')};
        if (!span_equal_fold(word, SPAN("SUCCESS")) && !span_equal_fold(word, SPAN("FAILURE")) &&
            !span_equal_fold(word, SPAN("DELAY")))
            return false;
        if (word.n + 1 == s.n)
            return false; /* a comma at the end */
        s = span_skip(s, word.n + 1);
        if (s.n == 0)
            return true;
    }
    return false;
}

static bool
ret_is_valid(struct span s)
{
    return span_equal_fold(s, SPAN("FULL")) || span_equal_fold(s, SPAN("HDRS"));
}

static bool
mode_is_valid(struct span s)
{
    return span_equal_fold(s, SPAN("notify")) || span_equal_fold(s, SPAN("return"));
}

/* RFC 3339, as :bytimeabsolute has it: "2010-02-25T12:00:00-08:00". */
static bool
parse_time(struct span s, int64_t *out)
{
    char text[40];
    struct tm tm = {0};
    int hours = 0, minutes = 0;

    if (s.n < 20 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest != NULL && *rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (rest == NULL)
        return false;
    if (*rest == '+' || *rest == '-') {
        if (strlen(rest) != 6 || rest[3] != ':')
            return false;
        hours = atoi(rest + 1);
        minutes = atoi(rest + 4);
        if (*rest == '-')
            hours = -hours, minutes = -minutes;
    } else if (strcmp(rest, "Z") != 0 && strcmp(rest, "z") != 0) {
        return false;
    }
    *out = (int64_t)timegm(&tm) - hours * 3600 - minutes * 60;
    return true;
}

static bool
time_is_valid(struct span s)
{
    int64_t seconds;

    return parse_time(s, &seconds);
}

static bool
check_constant(struct sieve_check *c, const struct sieve_value *value,
               bool (*is_valid)(struct span), const char *what)
{
    struct span s;

    if (!sieve_text_constant(value->strings, &s) || is_valid(s))
        return true;
    return sieve_check_error(c, value->at, "'%.*s' is no %s", s.n < 80 ? (int)s.n : 80, s.p, what);
}

static bool
check_notify(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return check_constant(c, value, notify_is_valid, "value of NOTIFY");
}

static bool
check_ret(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return check_constant(c, value, ret_is_valid, "value of RET: FULL or HDRS");
}

static bool
check_mode(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    if (sieve_op_tag(op, SIEVE_SLOT_BY_TIME) == NULL)
        return sieve_check_error(c, value->at, "':bymode' needs a time beside it");
    return check_constant(c, value, mode_is_valid, "mode: notify or return");
}

static bool
check_trace(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    if (sieve_op_tag(op, SIEVE_SLOT_BY_TIME) == NULL)
        return sieve_check_error(c, value->at, "':bytrace' needs a time beside it");
    return true;
}

static bool
check_time(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return check_constant(c, value, time_is_valid, "time as in RFC 3339");
}

enum { BY_RELATIVE, BY_ABSOLUTE };

static const struct sieve_tag dsn_tags[] = {
    {"notify", SIEVE_TAKES_STRING, SIEVE_SLOT_NOTIFY, SIEVE_ON_REDIRECT, 0, check_notify},
    {"ret", SIEVE_TAKES_STRING, SIEVE_SLOT_RET, SIEVE_ON_REDIRECT, 0, check_ret},
    {0},
};

static const struct sieve_tag by_tags[] = {
    {"bytimerelative", SIEVE_TAKES_NUMBER, SIEVE_SLOT_BY_TIME, SIEVE_ON_REDIRECT, BY_RELATIVE,
     NULL},
    {"bytimeabsolute", SIEVE_TAKES_STRING, SIEVE_SLOT_BY_TIME, SIEVE_ON_REDIRECT, BY_ABSOLUTE,
     check_time},
    {"bymode", SIEVE_TAKES_STRING, SIEVE_SLOT_BY_MODE, SIEVE_ON_REDIRECT, 0, check_mode},
    {"bytrace", SIEVE_TAKES_NOTHING, SIEVE_SLOT_BY_TRACE, SIEVE_ON_REDIRECT, 0, check_trace},
    {0},
};

const struct sieve_extension sieve_redirect_dsn = {.name = "redirect-dsn", .tags = dsn_tags};
const struct sieve_extension sieve_redirect_deliverby = {.name = "redirect-deliverby",
                                                         .tags = by_tags};
const struct sieve_extension sieve_envelope_dsn = {.name = "envelope-dsn", .implies = "envelope"};
const struct sieve_extension sieve_envelope_deliverby = {.name = "envelope-deliverby",
                                                         .implies = "envelope"};

/* ------------------------------------------------------------------ while redirect runs */

static bool
take_string(struct sieve_run *r, const struct sieve_op *op, unsigned slot,
            bool (*is_valid)(struct span), const char **out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, slot);

    *out = NULL;
    if (t == NULL)
        return true;
    if (!sieve_value_cstr(r, &t->value, out))
        return false;
    return is_valid(span_of(*out)) ||
           sieve_run_fail(r, op, "'%s' is no value of :%s", *out, t->tag->name);
}

static bool
take_seconds(struct sieve_run *r, const struct sieve_op *op, const struct sieve_tagged *t,
             int64_t *out)
{
    struct span s;

    if (t->tag->id == BY_RELATIVE) {
        *out = (int64_t)t->value.number;
        return true;
    }
    if (!sieve_value_string(r, &t->value, &s))
        return false;
    if (!parse_time(s, out))
        return sieve_run_fail(r, op, "'%.*s' is no time as in RFC 3339", s.n < 80 ? (int)s.n : 80,
                              s.p);
    *out -= (int64_t)sieve_run_input(r)->now;
    return true;
}

bool
redirect_dsn(struct sieve_run *r, const struct sieve_op *op, struct sieve_redirect *out)
{
    const struct sieve_tagged *time = sieve_op_tag(op, SIEVE_SLOT_BY_TIME);
    const char *mode;

    if (!take_string(r, op, SIEVE_SLOT_NOTIFY, notify_is_valid, &out->notify) ||
        !take_string(r, op, SIEVE_SLOT_RET, ret_is_valid, &out->ret) ||
        !take_string(r, op, SIEVE_SLOT_BY_MODE, mode_is_valid, &mode))
        return false;
    if (time == NULL)
        return true;
    out->has_by = true;
    out->by_mode = mode != NULL && (mode[0] | 0x20) == 'n' ? 'N' : 'R';
    out->by_trace = sieve_op_tag(op, SIEVE_SLOT_BY_TRACE) != NULL;
    return take_seconds(r, op, time, &out->by_seconds);
}
