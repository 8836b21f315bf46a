/* SPDX-License-Identifier: MIT
 *
 * So many an hour: what a bucket gives and when it has it again, how long others wait, and a table
 * of buckets that remembers only so many names.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "doorstep/rate_table.h"

#define MINUTE_MS UINT64_C(60000)
#define NOW_MS UINT64_C(1000000)

START_TEST(a_bucket_is_emptied_at_once_and_fills_evenly)
{
    struct rate r;

    rate_init(&r, NOW_MS);
    for (int i = 0; i < 6; i++) {
        ck_assert(rate_has(&r, 6, 1, NOW_MS));
        rate_take(&r, 1);
    }
    ck_assert(!rate_has(&r, 6, 1, NOW_MS + 10 * MINUTE_MS - 1));
    ck_assert(rate_has(&r, 6, 1, NOW_MS + 10 * MINUTE_MS));
    ck_assert(!rate_has(&r, 6, 2, NOW_MS + 10 * MINUTE_MS));
    ck_assert(!rate_is_full(&r, 6, NOW_MS + 59 * MINUTE_MS));
    ck_assert(rate_is_full(&r, 6, NOW_MS + 60 * MINUTE_MS));
}
END_TEST

START_TEST(how_often_somebody_looks_does_not_matter)
{
    struct rate r;

    rate_init(&r, 0);
    rate_take(&r, 2);
    for (uint64_t ms = 0; ms < 30 * MINUTE_MS; ms += 7)
        ck_assert(!rate_has(&r, 2, 1, ms));
    ck_assert(rate_has(&r, 2, 1, 30 * MINUTE_MS));
}
END_TEST

START_TEST(a_full_bucket_gives_more_than_it_holds)
{
    struct rate r;

    rate_init(&r, 0);
    ck_assert(rate_has(&r, 5, 1000, 0));
    rate_take(&r, 1000);
    rate_take(&r, UINT64_MAX); /* and never counts round */
    ck_assert(!rate_has(&r, 5, 1, 59 * MINUTE_MS));
}
END_TEST

START_TEST(each_that_waits_comes_later_than_the_one_before)
{
    struct rate r;

    rate_init(&r, NOW_MS);
    ck_assert_uint_eq(rate_wait(&r, 6, NOW_MS), 10 * MINUTE_MS);
    ck_assert_uint_eq(rate_wait(&r, 6, NOW_MS), 20 * MINUTE_MS);
    ck_assert_uint_eq(rate_wait(&r, 6, NOW_MS + 5 * MINUTE_MS), 25 * MINUTE_MS);
    ck_assert_uint_eq(rate_wait(&r, 6, NOW_MS + 60 * MINUTE_MS), 10 * MINUTE_MS);
    ck_assert_uint_eq(rate_wait(&r, UINT64_MAX - 1, NOW_MS + 120 * MINUTE_MS), 1);
}
END_TEST

START_TEST(names_have_rates_of_their_own)
{
    struct rate_table t;

    rate_table_init(&t, 2);
    rate_take(&rate_table_get(&t, "ann@example.org", 0)[1], 3);
    ck_assert(rate_has(&rate_table_get(&t, "ann@example.org", 0)[0], 3, 1, 0));
    ck_assert(!rate_has(&rate_table_get(&t, "ann@example.org", 0)[1], 3, 1, 0));
    ck_assert(rate_has(&rate_table_get(&t, "ann@example.or", 0)[1], 3, 1, 0));
    rate_table_release(&t);
}
END_TEST

START_TEST(the_oldest_name_is_forgotten)
{
    struct rate_table t;
    char name[16];

    rate_table_init(&t, 1);
    rate_take(rate_table_get(&t, "first", 0), 1);
    rate_take(rate_table_get(&t, "second", 0), 1);
    for (int i = 2; i <= RATE_TABLE_NAMES_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        ck_assert_ptr_nonnull(rate_table_get(&t, name, 0));
    }
    ck_assert(!rate_has(rate_table_get(&t, "second", 0), 1, 1, 0));
    ck_assert(rate_has(rate_table_get(&t, "first", 0), 1, 1, 0));
    rate_table_release(&t);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rate");
    TCase *cases = tcase_create("rate");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_bucket_is_emptied_at_once_and_fills_evenly);
    tcase_add_test(cases, how_often_somebody_looks_does_not_matter);
    tcase_add_test(cases, a_full_bucket_gives_more_than_it_holds);
    tcase_add_test(cases, each_that_waits_comes_later_than_the_one_before);
    tcase_add_test(cases, names_have_rates_of_their_own);
    tcase_add_test(cases, the_oldest_name_is_forgotten);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
