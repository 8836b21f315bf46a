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

/* Does s begin as the pattern does? A 0 of it is any digit. */
static bool
has_form(const char *s, const char *pattern)
{
    for (; *pattern != '\0'; s++, pattern++)
        if (*pattern == '0' ? *s < '0' || *s > '9' : *s != *pattern)
            return false;
    return true;
}

/* "Z", "+01:00"; also "+0100", as the date test has it (RFC 6009 7.2). */
static bool
parse_offset(const char *s, int *seconds)
{
    bool is_signed = s[0] == '+' || s[0] == '-';
    bool has_colon = is_signed && has_form(s + 1, "00:00");

    *seconds = 0;
    if ((s[0] | 0x20) == 'z')
        return s[1] == '\0';
    if (!is_signed || (!has_colon && !has_form(s + 1, "0000")) || s[has_colon ? 6 : 5] != '\0')
        return false;
    int hours = (s[1] - '0') * 10 + s[2] - '0', minutes = atoi(s + (has_colon ? 4 : 3));
    *seconds = (hours * 60 + minutes) * (s[0] == '-' ? -60 : 60);
    return hours < 24 && minutes < 60;
}

/* There is no 30th of February; second 60 there is. */
static bool
exists(const struct tm *written)
{
    struct tm tm = *written;

    tm.tm_sec = 0;
    timegm(&tm);
    return tm.tm_mday == written->tm_mday;
}

/* RFC 3339, as :bytimeabsolute has it: "2010-02-25T12:00:00-08:00". */
static bool
parse_time(struct span s, int64_t *out)
{
    char text[40];
    struct tm tm = {0};
    int offset;

    if (s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (!has_form(text, "0000-00-00") || (text[10] | 0x20) != 't' ||
        !has_form(text + 11, "00:00:00") || strlen(text) != s.n)
        return false;
    const char *rest = text + 19;
    text[10] = 'T';
    if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != rest || !exists(&tm))
        return false;
    if (rest[0] == '.' && has_form(rest + 1, "0"))
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!parse_offset(rest, &offset))
        return false;
    *out = (int64_t)timegm(&tm) - offset;
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
