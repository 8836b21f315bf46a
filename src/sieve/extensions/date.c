/* SPDX-License-Identifier: MIT
 *
 * RFC 5260: the tests date and currentdate.
 */
#include "../extensions_priv.h"

#include <stdlib.h>

#include "doorstep/field.h"

enum { ZONE, ORIGINAL_ZONE };

#define SLOT_ZONE SIEVE_SLOT_OWN

/* ------------------------------------------------------------------ parts (4.2) */

enum part {
    PART_YEAR,
    PART_MONTH,
    PART_DAY,
    PART_DATE,
    PART_JULIAN,
    PART_HOUR,
    PART_MINUTE,
    PART_SECOND,
    PART_TIME,
    PART_ISO8601,
    PART_STD11,
    PART_ZONE,
    PART_WEEKDAY,
    PARTS
};

static const char *const part_names[] = {"year",  "month",  "day",    "date", "julian",
                                         "hour",  "minute", "second", "time", "iso8601",
                                         "std11", "zone",   "weekday"};
static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* False: there is no such part. */
static bool
find_part(struct span name, enum part *out)
{
    for (*out = 0; *out < PARTS; ++*out)
        if (span_equal_fold(span_of(part_names[*out]), name))
            return true;
    return false;
}

/* "+0100", or with a colon "+01:00". Zero always has a plus. */
static void
print_zone(struct buf *out, int zone, const char *colon)
{
    buf_printf(out, "%c%02d%s%02d", zone < 0 ? '-' : '+', abs(zone) / 60, colon, abs(zone) % 60);
}

static void
print_date(struct buf *out, const struct date_parts *t)
{
    buf_printf(out, "%04d-%02d-%02d", t->year, t->month, t->day);
}

static void
print_time(struct buf *out, const struct date_parts *t)
{
    buf_printf(out, "%02d:%02d:%02d", t->hour, t->minute, t->second);
}

static void
print_iso8601(struct buf *out, const struct date_parts *t, int zone)
{
    print_date(out, t);
    buf_append_char(out, 'T');
    print_time(out, t);
    if (zone == 0)
        buf_append_char(out, 'Z');
    else
        print_zone(out, zone, ":");
}

bool
sieve_print_iso8601(struct buf *out, const struct date *d)
{
    struct date_parts t;

    date_split(d, &t);
    if (t.year < 0 || t.year > 9999)
        return false;
    print_iso8601(out, &t, d->zone_minutes);
    return true;
}

static void
print_std11(struct buf *out, const struct date_parts *t, int zone)
{
    buf_printf(out, "%s, %02d %s %04d ", weekdays[t->weekday], t->day, months[t->month - 1],
               t->year);
    print_time(out, t);
    buf_append_char(out, ' ');
    print_zone(out, zone, "");
}

static bool
print_part(struct buf *out, enum part part, const struct date_parts *t, int zone)
{
    switch (part) {
    case PART_YEAR:
        return buf_printf(out, "%04d", t->year);
    case PART_MONTH:
        return buf_printf(out, "%02d", t->month);
    case PART_DAY:
        return buf_printf(out, "%02d", t->day);
    case PART_DATE:
        print_date(out, t);
        break;
    case PART_JULIAN:
        return buf_printf(out, "%lld", (long long)t->julian);
    case PART_HOUR:
        return buf_printf(out, "%02d", t->hour);
    case PART_MINUTE:
        return buf_printf(out, "%02d", t->minute);
    case PART_SECOND:
        return buf_printf(out, "%02d", t->second);
    case PART_TIME:
        print_time(out, t);
        break;
    case PART_ISO8601:
        print_iso8601(out, t, zone);
        break;
    case PART_STD11:
        print_std11(out, t, zone);
        break;
    case PART_ZONE:
        print_zone(out, zone, "");
        break;
    case PART_WEEKDAY:
        return buf_printf(out, "%d", t->weekday);
    case PARTS:
        break;
    }
    return true;
}

/* ------------------------------------------------------------------ zones (4.1) */

/* ( "+" / "-" ) 4DIGIT, to minutes. */
static bool
parse_zone(struct span s, int *minutes)
{
    unsigned long long n;

    if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-') || !span_parse_u64(span_skip(s, 1), 9999, &n))
        return false;
    *minutes = (int)(n / 100 * 60 + n % 100);
    if (s.p[0] == '-')
        *minutes = -*minutes;
    return n % 100 < 60;
}

bool
sieve_check_zone(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span s;
    int minutes;

    (void)op;
    if (!sieve_text_constant(value->strings, &s) || parse_zone(s, &minutes))
        return true;
    return sieve_check_error(c, value->at, "'%.*s' is no time zone such as \"+0100\"",
                             s.n < 80 ? (int)s.n : 80, s.p);
}

/* The machine's zone at that moment, which summer time changes. */
int
sieve_local_zone(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm tm;

    return localtime_r(&when, &tm) == NULL ? 0 : (int)(tm.tm_gmtoff / 60);
}

bool
sieve_move_zone(struct sieve_run *r, const struct sieve_op *op, const struct sieve_tagged *t,
                struct date *d)
{
    struct span s;

    if (t == NULL) {
        d->zone_minutes = sieve_local_zone(d->seconds);
        return true;
    }
    if (!sieve_value_string(r, &t->value, &s))
        return false;
    return parse_zone(s, &d->zone_minutes) ||
           sieve_run_fail(r, op, "'%.*s' is no time zone such as \"+0100\"",
                          s.n < 80 ? (int)s.n : 80, s.p);
}

static bool
move_zone(struct sieve_run *r, const struct sieve_op *op, struct date *d)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_ZONE);

    return (t != NULL && t->tag->id == ORIGINAL_ZONE) || sieve_move_zone(r, op, t, d);
}

/* ------------------------------------------------------------------ comparing */

static bool
check_part(struct sieve_check *c, const struct sieve_value *v)
{
    struct span name;
    enum part part;

    if (!sieve_text_constant(v->strings, &name) || find_part(name, &part))
        return true;
    return sieve_check_error(c, v->at, "'%.*s' is no part of a date",
                             name.n < 80 ? (int)name.n : 80, name.p);
}

/* The part of d that is asked for; false: the run has failed. */
static bool
part_text(struct sieve_run *r, const struct sieve_op *op, const struct sieve_value *value,
          const struct date_parts *t, int zone, struct span *out)
{
    struct buf *text = sieve_run_buf(r);
    struct span name;
    enum part part;

    if (!sieve_value_string(r, value, &name))
        return false;
    if (!find_part(name, &part))
        return sieve_run_fail(r, op, "'%.*s' is no part of a date", name.n < 80 ? (int)name.n : 80,
                              name.p);
    print_part(text, part, t, zone);
    *out = (struct span){sieve_run_copy(r, buf_span(text)), text->len};
    return out->p != NULL;
}

/* A year has four digits, which another zone may take away. */
static enum sieve_truth
compare_date(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m,
             const struct sieve_value *part, struct date *d)
{
    struct date_parts t;
    struct span text;

    if (!move_zone(r, op, d))
        return SIEVE_BROKEN;
    date_split(d, &t);
    if (t.year > 9999)
        return SIEVE_FALSE;
    if (!part_text(r, op, part, &t, d->zone_minutes, &text))
        return SIEVE_BROKEN;
    return sieve_match_value(m, text);
}

/* `arguments` are the part and the keys. d NULL: there is no valid date. */
static enum sieve_truth
compare(struct sieve_run *r, const struct sieve_op *op, const struct sieve_value *arguments,
        struct date *d)
{
    struct sieve_match *m = sieve_match_begin(r, op, &arguments[1]);

    if (m == NULL)
        return SIEVE_BROKEN;
    return sieve_match_end(m, d == NULL ? SIEVE_FALSE : compare_date(r, op, m, &arguments[0], d));
}

/* ------------------------------------------------------------------ date (4) */

static bool
check_date(struct sieve_check *c, struct sieve_op *op)
{
    return sieve_check_field_names(c, &op->arguments[0]) && check_part(c, &op->arguments[1]);
}

/* What follows the last semicolon that is no comment's and no quoted string's, as in Received. */
static struct span
date_time(struct span value)
{
    struct span s = value, last = value;
    struct buf ignored;

    buf_init(&ignored, value.n + 1);
    while (s.n > 0) {
        if (token_take_char(&s, ';'))
            last = s;
        else if (s.p[0] == '"' && s.n > 1)
            token_take_quoted(&s, &ignored);
        else if (!token_skip_cfws(&s, NULL))
            s = span_skip(s, 1);
    }
    buf_release(&ignored);
    return last;
}

static enum sieve_truth
take_first(void *arg, const struct sieve_field *f)
{
    const struct sieve_field **first = arg;

    *first = f;
    return SIEVE_TRUE;
}

static enum sieve_truth
test_date(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_field *f = NULL;
    struct date d;

    if (sieve_fields_walk(r, op, &op->arguments[0], take_first, &f) == SIEVE_BROKEN ||
        (f != NULL && !sieve_run_work(r, f->value.n)))
        return SIEVE_BROKEN;
    bool has_date = f != NULL && date_parse(date_time(f->value), &d);
    return compare(r, op, &op->arguments[1], has_date ? &d : NULL);
}

/* ------------------------------------------------------------------ currentdate (5) */

static bool
check_currentdate(struct sieve_check *c, struct sieve_op *op)
{
    return check_part(c, &op->arguments[0]);
}

/* The same moment for the whole run. */
static enum sieve_truth
test_currentdate(struct sieve_run *r, const struct sieve_op *op)
{
    struct date d = {.seconds = sieve_run_input(r)->now};

    return compare(r, op, &op->arguments[0], &d);
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_tag date_tags[] = {
    {"zone", SIEVE_TAKES_STRING, SLOT_ZONE, 0, ZONE, sieve_check_zone},
    {"originalzone", SIEVE_TAKES_NOTHING, SLOT_ZONE, 0, ORIGINAL_ZONE, NULL},
    {0},
};

static const struct sieve_tag currentdate_tags[] = {
    {"zone", SIEVE_TAKES_STRING, SLOT_ZONE, 0, ZONE, sieve_check_zone},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "date",
     .is_test = true,
     .arguments = "ssl",
     .tags = date_tags,
     .classes = SIEVE_ON_COMPARE | SIEVE_ON_FIELD,
     .check = check_date,
     .test = test_date},
    {.name = "currentdate",
     .is_test = true,
     .arguments = "sl",
     .tags = currentdate_tags,
     .classes = SIEVE_ON_COMPARE,
     .check = check_currentdate,
     .test = test_currentdate},
    {0},
};

const struct sieve_extension sieve_date = {.name = "date", .definitions = definitions};
