/* SPDX-License-Identifier: MIT
 *
 * Dates of header fields (RFC 5322 3.3 and 4.3): what they mean, and what is none.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doorstep/date.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    const char *in;
    const char *expected; /* RFC 3339 */
} good[] = {
    {"the usual form", "Sun, 22 Nov 2026 03:36:25 +0100", "2026-11-22T03:36:25+01:00"},
    {"west of Greenwich", "Sun, 22 Nov 2026 03:36:25 -0330", "2026-11-22T03:36:25-03:30"},
    {"no day of the week", "22 Nov 2026 03:36:25 +0000", "2026-11-22T03:36:25+00:00"},
    {"no seconds", "22 Nov 2026 03:36 +0000", "2026-11-22T03:36:00+00:00"},
    {"one digit for the day", "Tue, 3 Mar 2026 03:36:25 +0000", "2026-03-03T03:36:25+00:00"},
    {"the wrong day of the week", "Mon, 22 Nov 2026 03:36:25 +0000", "2026-11-22T03:36:25+00:00"},
    {"no comma", "Sun 22 Nov 2026 03:36:25 +0000", "2026-11-22T03:36:25+00:00"},
    {"any case", "sUN, 22 nOV 2026 03:36:25 gmt", "2026-11-22T03:36:25+00:00"},
    {"a whole month's name", "22 November 2026 03:36:25 +0000", "2026-11-22T03:36:25+00:00"},
    {"comments and folds", " (a) Sun (b) ,\r\n 22 (c) Nov\t2026 03 : 36 (d) : 25 (e) +0100 (CET)",
     "2026-11-22T03:36:25+01:00"},
    {"zone EST", "22 Nov 2026 03:36:25 EST", "2026-11-22T03:36:25-05:00"},
    {"zone PDT", "22 Nov 2026 03:36:25 PDT", "2026-11-22T03:36:25-07:00"},
    {"zone UT", "22 Nov 2026 03:36:25 UT", "2026-11-22T03:36:25+00:00"},
    {"a military zone is unknown", "22 Nov 2026 03:36:25 A", "2026-11-22T03:36:25+00:00"},
    {"an unknown zone", "22 Nov 2026 03:36:25 CEST", "2026-11-22T03:36:25+00:00"},
    {"no zone", "22 Nov 2026 03:36:25", "2026-11-22T03:36:25+00:00"},
    {"a zone out of range", "22 Nov 2026 03:36:25 +9959", "2026-11-22T03:36:25+00:00"},
    {"year 49", "22 Nov 49 03:36:25 +0000", "2049-11-22T03:36:25+00:00"},
    {"year 50", "22 Nov 50 03:36:25 +0000", "1950-11-22T03:36:25+00:00"},
    {"year 126", "22 Nov 126 03:36:25 +0000", "2026-11-22T03:36:25+00:00"},
    {"a leap day", "29 Feb 2028 00:00:00 +0000", "2028-02-29T00:00:00+00:00"},
    {"the leap day of 2000", "29 Feb 2000 00:00:00 +0000", "2000-02-29T00:00:00+00:00"},
    {"a leap second", "31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00+00:00"},
    {"before the epoch", "31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59+00:00"},
    {"the first year", "1 Jan 1900 00:00:00 +0000", "1900-01-01T00:00:00+00:00"},
    {"the last year", "31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59+00:00"},
    {"the last year, zone before", "31 Dec 9999 23:59:59 -1200", "9999-12-31T23:59:59-12:00"},
    {"hyphens", "Sun, 22-Nov-2026 03:36:25 GMT", "2026-11-22T03:36:25+00:00"},
    {"a fraction", "22 Nov 2026 03:36:25.123 +0100", "2026-11-22T03:36:25+01:00"},
};

static const struct {
    const char *name;
    const char *in;
    int second, weekday;
    int64_t julian;
} split[] = {
    {"the first day of the Modified Julian count that has a year", "1 Jan 1900 00:00:00 +0000", 0,
     1, 15020},
    {"the day of the epoch", "1 Jan 1970 00:00:01 +0000", 1, 4, 40587},
    {"a day before it", "31 Dec 1969 23:59:59 +0000", 59, 3, 40586},
    {"local time counts", "1 Jan 1970 23:30:00 -0100", 0, 4, 40587},
    {"a leap second stays in its minute", "31 Dec 2016 23:59:60 +0000", 60, 6, 57753},
    {"the last day", "31 Dec 9999 23:59:59 +0000", 59, 5, 2973483},
};

START_TEST(splits)
{
    struct date_parts t;
    struct date d;

    ck_assert_msg(date_parse(span_of(split[_i].in), &d), "%s", split[_i].name);
    date_split(&d, &t);
    ck_assert_msg(t.second == split[_i].second, "%s: second %d", split[_i].name, t.second);
    ck_assert_msg(t.weekday == split[_i].weekday, "%s: weekday %d", split[_i].name, t.weekday);
    ck_assert_msg(t.julian == split[_i].julian, "%s: julian %lld", split[_i].name,
                  (long long)t.julian);
}
END_TEST

START_TEST(means)
{
    char text[DATE_RFC3339_SIZE];
    struct date d;

    ck_assert_msg(date_parse(span_of(good[_i].in), &d), "%s", good[_i].name);
    date_print_rfc3339(&d, text);
    ck_assert_msg(strcmp(text, good[_i].expected) == 0, "%s: %s", good[_i].name, text);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
} bad[] = {
    {"empty", ""},
    {"words", "last Tuesday evening"},
    {"day 0", "0 Nov 2026 03:36:25 +0000"},
    {"day 31 of a short month", "31 Nov 2026 03:36:25 +0000"},
    {"29 February of a common year", "29 Feb 2026 03:36:25 +0000"},
    {"29 February 1900", "29 Feb 1900 03:36:25 +0000"},
    {"no such month", "22 Foo 2026 03:36:25 +0000"},
    {"hour 24", "22 Nov 2026 24:00:00 +0000"},
    {"minute 60", "22 Nov 2026 03:60:00 +0000"},
    {"second 61", "22 Nov 2026 03:36:61 +0000"},
    {"no time", "22 Nov 2026"},
    {"half a time", "22 Nov 2026 03"},
    {"a year of five digits", "22 Nov 20266 03:36:25 +0000"},
    {"a year of one digit", "22 Nov 6 03:36:25 +0000"},
    {"a year before 1900", "22 Nov 1899 03:36:25 +0000"},
    {"beyond the last second", "31 Dec 9999 23:59:60 +0000"},
    {"a sign before the day", "-1 Nov 2026 03:36:25 +0000"},
    {"a comment without an end", "22 Nov (2026 03:36:25 +0000"},
};

START_TEST(is_no_date)
{
    struct date d = {.seconds = 7, .zone_minutes = 7};

    ck_assert_msg(!date_parse(span_of(bad[_i].in), &d), "%s", bad[_i].name);
    ck_assert_msg(d.seconds == 7 && d.zone_minutes == 7, "%s", bad[_i].name);
}
END_TEST

/* Every day of four centuries and more, against the C library's calendar. */
START_TEST(agrees_with_the_calendar_of_the_c_library)
{
    for (int64_t day = -25567; day < 146097; day++) {
        struct date d = {.seconds = day * 86400 + 43200};
        char ours[DATE_RFC3339_SIZE], theirs[DATE_RFC3339_SIZE];
        time_t t = (time_t)d.seconds;
        struct tm tm;
        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S+00:00", &tm);
        date_print_rfc3339(&d, ours);
        ck_assert_str_eq(ours, theirs);
        struct date again;
        char text[64];
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm);
        ck_assert(date_parse(span_of(text), &again));
        ck_assert_int_eq(again.seconds, d.seconds);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("date");
    TCase *cases = tcase_create("date");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, means, 0, COUNT(good));
    tcase_add_loop_test(cases, splits, 0, COUNT(split));
    tcase_add_loop_test(cases, is_no_date, 0, COUNT(bad));
    tcase_add_test(cases, agrees_with_the_calendar_of_the_c_library);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
