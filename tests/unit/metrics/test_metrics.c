/* SPDX-License-Identifier: MIT
 *
 * The table of metrics, and counting by it.
 */
#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/metrics.h"
#include "doorstep/outcome.h"

#include "metrics_priv.h"

static bool
is_name(const char *text)
{
    if (!islower((unsigned char)text[0]))
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
            return false;
    return true;
}

static bool
ends_in(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

START_TEST(row_is_well_formed)
{
    const struct metric_row *row = &metric_rows[_i];

    ck_assert_msg(is_name(row->name), "%s is no name", row->name);
    ck_assert_msg(!ends_in(row->name, "_total") && !ends_in(row->name, "_bytes") &&
                      !ends_in(row->name, "_seconds"),
                  "%s: suffixes come by themselves", row->name);
    ck_assert_msg(row->unit[0] == '\0' || strcmp(row->unit, "seconds") == 0 ||
                      strcmp(row->unit, "bytes") == 0,
                  "%s has the unknown unit %s", row->name, row->unit);
    ck_assert_msg(isupper((unsigned char)row->help[0]) && !ends_in(row->help, "."),
                  "%s: the help is no sentence without its full stop", row->name);
    ck_assert_msg(row->roles != 0, "%s is in no role", row->name);
    for (int i = 0; i < _i; i++)
        ck_assert_msg(strcmp(metric_rows[i].name, row->name) != 0, "%s is twice there", row->name);
    for (unsigned i = 0; i < row->label->count && row->label->name[0] != '\0'; i++)
        ck_assert_msg(is_name(row->label->values[i]), "%s: %s", row->name, row->label->values[i]);
}
END_TEST

START_TEST(bounds_ascend)
{
    const uint64_t *bounds = metrics_bounds(&metric_rows[_i]);

    for (unsigned i = 1; i < METRICS_BOUNDS; i++)
        ck_assert_uint_gt(bounds[i], bounds[i - 1]);
}
END_TEST

/* Each row and each label value is counted once, more often from one to the next: nothing may land
 * in a neighbour's place. */
START_TEST(each_series_has_a_place_of_its_own)
{
    uint64_t n = 0;

    for (int m = 0; m < METRIC_COUNT; m++) {
        for (unsigned label = 0; label < metric_rows[m].label->count; label++) {
            n++;
            if (metric_rows[m].kind == METRIC_KIND_COUNTER)
                metrics_count((enum metric)m, label, n);
            else if (metric_rows[m].kind == METRIC_KIND_GAUGE)
                metrics_gauge_set((enum metric)m, label, (int64_t)n);
            else
                for (uint64_t i = 0; i < n; i++)
                    metrics_observe((enum metric)m, label, i * 1000);
        }
    }
    n = 0;
    for (int m = 0; m < METRIC_COUNT; m++)
        for (unsigned label = 0; label < metric_rows[m].label->count; label++)
            ck_assert_uint_eq(metrics_value((enum metric)m, label), ++n);
}
END_TEST

START_TEST(gauges_go_up_and_down)
{
    metrics_gauge_set(METRIC_SESSIONS_OPEN, METRICS_SMTP, 3);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_SMTP, 2);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_SMTP, -4);
    ck_assert_uint_eq(metrics_value(METRIC_SESSIONS_OPEN, METRICS_SMTP), 1);
}
END_TEST

START_TEST(outcomes_are_those_of_the_table)
{
    ck_assert_int_eq((int)METRICS_OUTCOMES_COUNT, (int)OUTCOME_KINDS);
    ck_assert_int_eq((int)METRICS_CORRUPT, (int)OUTCOME_CORRUPT);
    ck_assert_int_eq((int)METRICS_OVERLOAD, (int)OUTCOME_OVERLOAD);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *table = tcase_create("table"), *counting = tcase_create("counting");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(table, row_is_well_formed, 0, METRIC_COUNT);
    tcase_add_loop_test(table, bounds_ascend, 0, METRIC_COUNT);
    tcase_add_test(table, outcomes_are_those_of_the_table);
    tcase_add_test(counting, each_series_has_a_place_of_its_own);
    tcase_add_test(counting, gauges_go_up_and_down);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, counting);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
