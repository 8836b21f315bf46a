/* SPDX-License-Identifier: MIT
 *
 * The accounts that are slowest: few places, two spans of time, the slowest first.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "slow_priv.h"
#include "suites.h"

#define BEGIN_MS 1000000

static struct slow slow;
static struct slow_account rows[2 * SLOW_ACCOUNTS];

static void
begin(void)
{
    slow = (struct slow){0};
}

static void
note(const char *user, uint64_t us, uint64_t now_ms)
{
    struct account a = {0};

    snprintf(a.user, sizeof a.user, "%s", user);
    snprintf(a.domain, sizeof a.domain, "example.org");
    slow_note(&slow, &a, us, now_ms);
}

START_TEST(the_slowest_come_first)
{
    note("ann", 5, BEGIN_MS);
    note("bob", 90, BEGIN_MS);
    note("ann", 70, BEGIN_MS + 1);
    ck_assert_uint_eq(slow_list(&slow, BEGIN_MS + 2, rows), 2);
    ck_assert_str_eq(rows[0].name, "bob@example.org");
    ck_assert_str_eq(rows[1].name, "ann@example.org");
    ck_assert_uint_eq(rows[1].deliveries, 2);
    ck_assert_uint_eq(rows[1].total_us, 75);
    ck_assert_uint_eq(rows[1].longest_us, 70);
}
END_TEST

START_TEST(two_spans_are_told_as_one_and_then_forgotten)
{
    note("ann", 10, BEGIN_MS);
    note("ann", 20, BEGIN_MS + SLOW_SPAN_MS);
    ck_assert_uint_eq(slow_list(&slow, BEGIN_MS + SLOW_SPAN_MS + 1, rows), 1);
    ck_assert_uint_eq(rows[0].deliveries, 2);
    ck_assert_uint_eq(slow_list(&slow, BEGIN_MS + 2 * SLOW_SPAN_MS, rows), 1);
    ck_assert_uint_eq(rows[0].deliveries, 1);
    ck_assert_uint_eq(slow_list(&slow, BEGIN_MS + 9 * SLOW_SPAN_MS, rows), 0);
}
END_TEST

START_TEST(who_is_less_slow_makes_room)
{
    char user[16];

    for (unsigned i = 0; i < 3 * SLOW_ACCOUNTS; i++) {
        snprintf(user, sizeof user, "u%u", i);
        note(user, 100 + i, BEGIN_MS);
    }
    note("fast", 1, BEGIN_MS);
    ck_assert_uint_eq(slow_list(&slow, BEGIN_MS, rows), SLOW_ACCOUNTS);
    ck_assert_uint_eq(rows[0].longest_us, 100 + 3 * SLOW_ACCOUNTS - 1);
    ck_assert_uint_eq(rows[SLOW_ACCOUNTS - 1].longest_us, 100 + 2 * SLOW_ACCOUNTS);
    note("fast", 1, BEGIN_MS + SLOW_SPAN_MS);
    ck_assert_uint_eq(slow_list(&slow, BEGIN_MS + SLOW_SPAN_MS, rows), SLOW_ACCOUNTS + 1);
    ck_assert_str_eq(rows[SLOW_ACCOUNTS].name, "fast@example.org");
}
END_TEST

START_TEST(a_span_that_is_used_again_knows_nothing_of_before)
{
    char user[16];
    uint64_t later_ms = BEGIN_MS + 2 * SLOW_SPAN_MS;

    for (unsigned i = 0; i < SLOW_ACCOUNTS; i++) {
        snprintf(user, sizeof user, "old%u", i);
        note(user, 1000, BEGIN_MS);
    }
    note("ann", 1, BEGIN_MS + SLOW_SPAN_MS);
    for (unsigned i = 0; i < SLOW_ACCOUNTS; i++) {
        snprintf(user, sizeof user, "new%u", i);
        note(user, 10, later_ms);
    }
    ck_assert_uint_eq(slow_list(&slow, later_ms, rows), SLOW_ACCOUNTS + 1);
    for (unsigned i = 0; i < SLOW_ACCOUNTS; i++)
        ck_assert_uint_eq(rows[i].longest_us, 10);
}
END_TEST

TCase *
slow_tests(void)
{
    TCase *t = tcase_create("slow");

    tcase_add_checked_fixture(t, begin, NULL);
    tcase_add_test(t, the_slowest_come_first);
    tcase_add_test(t, two_spans_are_told_as_one_and_then_forgotten);
    tcase_add_test(t, who_is_less_slow_makes_room);
    tcase_add_test(t, a_span_that_is_used_again_knows_nothing_of_before);
    return t;
}
