/* SPDX-License-Identifier: MIT
 *
 * DELIVERBY's value, read and said (RFC 2852 4).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/deliver_by.h"

static const struct {
    const char *name, *text;
    bool is_value;
    int64_t seconds;
    bool is_return, has_trace;
    const char *again; /* as it is printed */
} rows[] = {
    {"a time to be told by", "120;N", true, 120, false, false, "120;N"},
    {"a time to come back by", "120;R", true, 120, true, false, "120;R"},
    {"with a trace", "1;NT", true, 1, false, true, "1;NT"},
    {"in any case", "120;rt", true, 120, true, true, "120;RT"},
    {"the past", "-30;N", true, -30, false, false, "-30;N"},
    {"a plus", "+30;N", true, 30, false, false, "30;N"},
    {"now", "0;N", true, 0, false, false, "0;N"},
    {"the longest", "999999999;R", true, 999999999, true, false, "999999999;R"},
    {"the longest ago", "-999999999;NT", true, -999999999, false, true, "-999999999;NT"},
    {"ten digits", "1000000000;N", false, 0, false, false, "0;N"},
    {"ten digits, zeroes", "0000000001;N", false, 0, false, false, "0;N"},
    {"nothing", "", false, 0, false, false, "0;N"},
    {"no digits", ";N", false, 0, false, false, "0;N"},
    {"a sign alone", "-;N", false, 0, false, false, "0;N"},
    {"two signs", "--1;N", false, 0, false, false, "0;N"},
    {"no mode", "120", false, 0, false, false, "0;N"},
    {"an empty mode", "120;", false, 0, false, false, "0;N"},
    {"a trace alone", "120;T", false, 0, false, false, "0;N"},
    {"another mode", "120;X", false, 0, false, false, "0;N"},
    {"more behind it", "120;NTT", false, 0, false, false, "0;N"},
    {"another parameter behind it", "1;R;SIZE=0", false, 0, false, false, "0;N"},
    {"a blank", "120 ;N", false, 0, false, false, "0;N"},
};

START_TEST(test_values)
{
    char again[DELIVER_BY_SIZE];
    struct deliver_by by;

    ck_assert_msg(deliver_by_parse(rows[_i].text, &by) == rows[_i].is_value, "%s", rows[_i].name);
    ck_assert_int_eq(by.seconds, rows[_i].seconds);
    ck_assert(by.is_return == rows[_i].is_return && by.has_trace == rows[_i].has_trace);
    deliver_by_print(&by, again);
    ck_assert_str_eq(again, rows[_i].again);
}
END_TEST

START_TEST(test_what_is_too_long_is_cut)
{
    char text[DELIVER_BY_SIZE];

    deliver_by_print(&(struct deliver_by){.seconds = INT64_MAX, .is_return = true}, text);
    ck_assert_str_eq(text, "999999999;R");
    deliver_by_print(&(struct deliver_by){.seconds = INT64_MIN, .has_trace = true}, text);
    ck_assert_str_eq(text, "-999999999;NT");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("deliver_by");
    TCase *t = tcase_create("deliver_by");
    SRunner *runner = srunner_create(s);

    tcase_add_loop_test(t, test_values, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(t, test_what_is_too_long_is_cut);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
