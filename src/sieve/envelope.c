/* SPDX-License-Identifier: MIT
 *
 * The envelope test (RFC 5228 5.4).
 */
#include "run_priv.h"

#include <stdlib.h>
#include <time.h>

#include "extensions_priv.h"

enum envelope_part {
    ENVELOPE_NONE,
    ENVELOPE_FROM,
    ENVELOPE_TO,
    ENVELOPE_ORIG_TO,
    ENVELOPE_AUTH,
    ENVELOPE_NOTIFY, /* RFC 6009 from here on */
    ENVELOPE_ORCPT,
    ENVELOPE_RET,
    ENVELOPE_ENVID,
    ENVELOPE_BY_RELATIVE,
    ENVELOPE_BY_ABSOLUTE,
    ENVELOPE_BY_MODE,
    ENVELOPE_BY_TRACE
};

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

static bool
check_part(struct sieve_check *c, const struct sieve_text *text)
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
    return true;
}

static bool
check_envelope(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *v = &op->arguments[0];

    for (uint32_t i = 0; i < v->count; i++)
        if (!check_part(c, &v->strings[i]))
            return false;
    return true;
}

static const char *
or_null(const char *s)
{
    return s == NULL || s[0] == '\0' ? NULL : s;
}

/* deliverby is "seconds;modetrace", as BY= has it: "120;RT" (RFC 2852 4). */
static const char *
by_value(struct sieve_run *r, const char *by, enum envelope_part part)
{
    char *mode;
    struct buf *out = sieve_run_buf(r);
    long long seconds = strtoll(by, &mode, 10);
    time_t at = r->in.now + seconds;
    struct tm tm;

    mode += *mode == ';';
    if (part == ENVELOPE_BY_RELATIVE)
        buf_printf(out, "%lld", seconds);
    else if (part == ENVELOPE_BY_MODE)
        buf_append_str(out, (*mode | 0x20) == 'n' ? "notify" : "return");
    else if (part == ENVELOPE_BY_TRACE)
        buf_append_str(out, *mode != '\0' && (mode[1] | 0x20) == 't' ? "true" : "false");
    else if (gmtime_r(&at, &tm) != NULL)
        buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return sieve_run_copy(r, buf_span(out));
}

/* NULL: the envelope does not have it, and no test of it is true. */
static const char *
part_value(struct sieve_run *r, enum envelope_part part)
{
    const struct sieve_envelope *e = r->in.envelope;

    switch (part) {
    case ENVELOPE_NONE:
        break;
    case ENVELOPE_FROM:
        return e->sender;
    case ENVELOPE_TO:
        return e->recipient;
    case ENVELOPE_ORIG_TO:
        return or_null(e->original_recipient) == NULL ? e->recipient : e->original_recipient;
    case ENVELOPE_AUTH:
        return or_null(e->login);
    case ENVELOPE_NOTIFY:
        return or_null(e->notify);
    case ENVELOPE_ORCPT:
        return or_null(e->original_recipient);
    case ENVELOPE_RET:
        return or_null(e->ret);
    case ENVELOPE_ENVID:
        return or_null(e->envid);
    case ENVELOPE_BY_RELATIVE:
    case ENVELOPE_BY_ABSOLUTE:
    case ENVELOPE_BY_MODE:
    case ENVELOPE_BY_TRACE:
        return or_null(e->deliverby) == NULL ? NULL : by_value(r, e->deliverby, part);
    }
    return NULL;
}

static bool
is_path(enum envelope_part part)
{
    return part == ENVELOPE_FROM || part == ENVELOPE_TO || part == ENVELOPE_ORIG_TO ||
           part == ENVELOPE_AUTH || part == ENVELOPE_ORCPT;
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

    if (path[0] == '\0')
        return sieve_match_counts(m) ? SIEVE_FALSE : sieve_match_value(m, SPAN(""));
    if (at != NULL) {
        a.local.n = (size_t)(at - path);
        a.domain = span_of(at + 1);
    }
    if (!unquote(r, &a.local))
        return SIEVE_BROKEN;
    return sieve_address_part(r, op, &a, &value) ? sieve_match_value(m, value) : SIEVE_FALSE;
}

static enum sieve_truth
compare_part(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
             const struct sieve_text *text)
{
    struct span name;

    if (!sieve_text_get(r, text, &name))
        return SIEVE_BROKEN;
    const struct part_row *row = find_part(name);
    const char *value = row == NULL ? NULL : part_value(r, row->part);
    if (value == NULL)
        return SIEVE_FALSE;
    return is_path(row->part) ? compare_path(r, op, m, value)
                              : sieve_match_value(m, span_of(value));
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
