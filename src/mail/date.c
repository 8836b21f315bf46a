/* SPDX-License-Identifier: MIT
 *
 * Dates of header fields: see date.h. No time zone of the machine and no locale takes part.
 */
#include "doorstep/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/field.h"

#define SECONDS_A_DAY 86400

struct date_zone {
    const char *name;
    int minutes;
};

/* RFC 5322 4.3; the military letters mean "unknown" there, because they were so often used with the
 * wrong sign, and so are any other names. */
static const struct date_zone zones[] = {
    {"UT", 0},     {"GMT", 0},    {"UTC", 0},    {"Z", 0},      {"EST", -300}, {"EDT", -240},
    {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
};

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

/* The next token, which ends at white space, a comment or one of stops. */
static struct span
take_token(struct span *s, const char *stops)
{
    token_skip_cfws(s, NULL);
    return token_take_until(s, stops);
}

static bool
parse_number(struct span s, size_t digits_max, int *out)
{
    unsigned long long v;

    if (s.n > digits_max || !span_parse_u64(s, 99999, &v))
        return false;
    *out = (int)v;
    return true;
}

static bool
parse_month(struct span s, int *out)
{
    if (s.n < 3)
        return false;
    for (int m = 0; m < 12; m++) {
        if (span_has_prefix_fold(s, (struct span){months + m * 3, 3})) {
            *out = m + 1;
            return true;
        }
    }
    return false;
}

/* RFC 5322 4.3: two digits up to 49 are 20xx, other two and three digits count from 1900. */
static bool
parse_year(struct span s, int *out)
{
    if (!parse_number(s, 4, out) || s.n < 2)
        return false;
    if (s.n == 2 && *out < 50)
        *out += 2000;
    else if (s.n < 4)
        *out += 1900;
    return *out >= 1900;
}

/* "hour:minute[:second]", white space and comments around the colons (obsolete). */
static bool
parse_time(struct span *s, int64_t *seconds, bool *is_leap)
{
    int hour, minute, second = 0;

    if (!parse_number(take_token(s, ":("), 2, &hour))
        return false;
    token_skip_cfws(s, NULL);
    if (!token_take_char(s, ':') || !parse_number(take_token(s, ":("), 2, &minute))
        return false;
    token_skip_cfws(s, NULL);
    if (token_take_char(s, ':') && !parse_number(take_token(s, ".("), 2, &second))
        return false;
    if (token_take_char(s, '.')) /* a fraction: not in the grammar, but seen */
        token_take_until(s, "(");
    *seconds = (hour * 60 + minute) * 60 + second;
    *is_leap = second == 60;
    return hour < 24 && minute < 60 && second <= 60;
}

static int
parse_zone(struct span s)
{
    int value;

    if (s.n == 5 && (s.p[0] == '+' || s.p[0] == '-') && parse_number(span_skip(s, 1), 4, &value)) {
        int minutes = value / 100 * 60 + value % 100;
        if (value % 100 > 59 || value / 100 > 23)
            return 0;
        return s.p[0] == '-' ? -minutes : minutes;
    }
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
        if (span_equal_fold(s, span_of(zones[i].name)))
            return zones[i].minutes;
    return 0;
}

static bool
is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of year. */
static int64_t
days_to_year(int year)
{
    int64_t y = year - 1; /* full years since year 0 */

    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t
days_to_date(int year, int month, int day)
{
    int64_t days = days_to_year(year) + day - 1;

    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days;
}

/* "[day-of-week ,] day": where a name stands first, it and its comma are skipped. */
static struct span
take_day(struct span *s)
{
    struct span token = take_token(s, ",(-");

    if (token.n > 0 && (token.p[0] < '0' || token.p[0] > '9')) {
        token_skip_cfws(s, NULL);
        token_take_char(s, ',');
        token = take_token(s, "-(");
    }
    return token;
}

bool
date_parse(struct span in, struct date *out)
{
    int day, month, year;
    int64_t time;
    bool is_leap;

    if (!parse_number(take_day(&in), 2, &day))
        return false;
    token_take_char(&in, '-'); /* 22-Nov-2026: old news software */
    if (!parse_month(take_token(&in, "-("), &month))
        return false;
    token_take_char(&in, '-');
    if (!parse_year(take_token(&in, "("), &year) || !parse_time(&in, &time, &is_leap))
        return false;
    if (day < 1 || day > days_in_month(year, month))
        return false;
    struct date d = {.zone_minutes = parse_zone(take_token(&in, "(")), .is_leap = is_leap};
    d.seconds = days_to_date(year, month, day) * SECONDS_A_DAY + time - d.zone_minutes * 60;
    if (d.seconds + d.zone_minutes * 60 >= days_to_year(10000) * SECONDS_A_DAY)
        return false; /* the leap second at the end of 9999 */
    *out = d;
    return true;
}

/* The last two digits of n, which is not negative. */
static void
print_two(char *out, int64_t n)
{
    out[0] = (char)('0' + n / 10 % 10);
    out[1] = (char)('0' + n % 10);
}

/* Whole days, and the second of the day, of a local time. */
static int64_t
split_days(int64_t local, int *second)
{
    int64_t days = local / SECONDS_A_DAY;

    if (local % SECONDS_A_DAY < 0)
        days--;
    *second = (int)(local - days * SECONDS_A_DAY);
    return days;
}

static void
split_calendar(int64_t days, struct date_parts *out)
{
    int year = 1970 + (int)(days / 366); /* some years short, never too far */

    if (days < 0)
        year = 1970 + (int)(days / 365) - 1;
    while (days >= days_to_year(year + 1))
        year++;
    days -= days_to_year(year);
    out->year = year;
    for (out->month = 1; days >= days_in_month(year, out->month); out->month++)
        days -= days_in_month(year, out->month);
    out->day = (int)days + 1;
}

void
date_split(const struct date *d, struct date_parts *out)
{
    int second;
    int64_t days = split_days(d->seconds + d->zone_minutes * 60 - d->is_leap, &second);

    split_calendar(days, out);
    out->hour = second / 3600;
    out->minute = second / 60 % 60;
    out->second = second % 60 + d->is_leap;
    out->weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    out->julian = days + 40587;
}

void
date_print_rfc3339(const struct date *d, char out[DATE_RFC3339_SIZE])
{
    struct date posix = {.seconds = d->seconds, .zone_minutes = d->zone_minutes};
    int zone = d->zone_minutes < 0 ? -d->zone_minutes : d->zone_minutes;
    struct date_parts parts;

    date_split(&posix, &parts);
    memcpy(out, "0000-00-00T00:00:00+00:00", DATE_RFC3339_SIZE);
    print_two(out, parts.year / 100);
    print_two(out + 2, parts.year);
    print_two(out + 5, parts.month);
    print_two(out + 8, parts.day);
    print_two(out + 11, parts.hour);
    print_two(out + 14, parts.minute);
    print_two(out + 17, parts.second);
    out[19] = d->zone_minutes < 0 ? '-' : '+';
    print_two(out + 20, zone / 60);
    print_two(out + 23, zone % 60);
}

void
date_print_rfc5322(const struct date *d, char out[DATE_RFC5322_SIZE])
{
    static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int zone = abs(d->zone_minutes) % 6000;
    struct date_parts t;

    date_split(d, &t);
    snprintf(out, DATE_RFC5322_SIZE, "%s, %02d %s %04d %02d:%02d:%02d %c%02d%02d",
             weekdays[t.weekday % 7], t.day % 100, names[(t.month - 1) % 12], t.year % 10000,
             t.hour % 100, t.minute % 100, t.second % 100, d->zone_minutes < 0 ? '-' : '+',
             zone / 60, zone % 60);
}
