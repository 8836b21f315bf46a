/* SPDX-License-Identifier: MIT
 *
 * When mail that leaves is tried again, what a next hop that does not answer means for the others,
 * and how much of it there may be.
 */
#include <stdio.h>

#include "hop_priv.h"
#include "retry_priv.h"
#include "send_rates_priv.h"
#include "suites.h"

#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

static const struct retry_rules rules = {5 * MINUTE_MS, 2 * HOUR_MS, 4 * HOUR_MS};

static const struct {
    const char *name;
    unsigned failures;
    uint32_t chance;
    uint64_t minutes_hundredth;
} delays[] = {
    {"the lot decides: a quarter less", 1, 0, 375},
    {"the middle is the rule's own time", 1, UINT32_C(1) << 31, 500},
    {"a quarter more", 1, UINT32_MAX, 625},
    {"the second is twice as long", 2, UINT32_C(1) << 31, 1000},
    {"the third four times", 3, UINT32_C(1) << 31, 2000},
    {"up to the most", 6, UINT32_C(1) << 31, 12000},
    {"a thousand failures later still", 1000, UINT32_C(1) << 31, 12000},
    {"the most varies, too", 1000, 0, 9000},
};

START_TEST(attempts_grow_apart)
{
    uint64_t ms = retry_delay(&rules, delays[_i].failures, delays[_i].chance);
    uint64_t wanted = delays[_i].minutes_hundredth * MINUTE_MS / 100;

    ck_assert_msg(ms <= wanted && wanted - ms <= 1, "%s: %llu ms", delays[_i].name,
                  (unsigned long long)ms);
}
END_TEST

START_TEST(no_time_of_the_configuration_overflows)
{
    const struct retry_rules all = {UINT64_MAX / 2, UINT64_MAX, UINT64_MAX};
    const struct retry_rules tiny = {1, 1, UINT64_MAX};

    ck_assert_uint_ge(retry_delay(&all, 1000, UINT32_MAX), UINT64_MAX / 5);
    ck_assert_int_gt(retry_next(&tiny, 1000, 1, 2000, 0), 1000);
    ck_assert(!retry_is_late(&all, 0, 1000000000));
}
END_TEST

START_TEST(lots_differ)
{
    uint32_t first = retry_chance();
    bool differ = false;

    for (int i = 0; i < 16; i++)
        differ = differ || retry_chance() != first;
    ck_assert(differ);
}
END_TEST

static const struct {
    const char *name;
    time_t expires, wanted;
} nexts[] = {
    {"far away", 100000, 1300},
    {"the last attempt comes when it expires", 1100, 1100},
    {"what has expired is not said to be due", 1000, 1300},
    {"nor what did so long ago", 5, 1300},
};

START_TEST(the_next_attempt_is_later_than_now)
{
    ck_assert_msg(retry_next(&rules, 1000, 1, nexts[_i].expires, UINT32_C(1) << 31) ==
                      nexts[_i].wanted,
                  "%s", nexts[_i].name);
}
END_TEST

START_TEST(a_delay_is_told_when_it_is_long_enough)
{
    ck_assert(!retry_is_late(&rules, 1000, 1000 + 4 * 3600 - 1));
    ck_assert(retry_is_late(&rules, 1000, 1000 + 4 * 3600));
    ck_assert(!retry_is_late(&rules, 1000, 10)); /* the clock was set back */
}
END_TEST

/* ---- next hops ---- */

static void
go_unanswered(struct hop *h, uint64_t now_ms)
{
    hop_begin(h);
    hop_end(h, false, &rules, now_ms, UINT32_C(1) << 31);
}

START_TEST(so_many_at_once_and_no_more)
{
    struct hop h = {0};

    for (int i = 0; i < 3; i++) {
        ck_assert(hop_has_room(&h, 3, 0));
        hop_begin(&h);
    }
    ck_assert(!hop_has_room(&h, 3, 0));
    hop_end(&h, true, &rules, 0, 0);
    ck_assert(hop_has_room(&h, 3, 0));
    hop_forget(&h);
    ck_assert_uint_eq(h.under_way, 1);
}
END_TEST

START_TEST(one_unanswered_job_stops_nobody)
{
    struct hop h = {0};

    for (int i = 0; i < 10; i++) { /* a message that a server dies of, among others */
        go_unanswered(&h, 0);
        ck_assert(hop_has_room(&h, 3, 0));
        hop_begin(&h);
        hop_end(&h, true, &rules, 0, 0);
    }
}
END_TEST

START_TEST(a_silent_hop_is_probed_by_one_at_a_time)
{
    struct hop h = {0};

    go_unanswered(&h, 0);
    go_unanswered(&h, 0);
    ck_assert(!hop_is_up(&h));
    ck_assert(!hop_has_room(&h, 3, 5 * MINUTE_MS - 1));
    ck_assert(hop_has_room(&h, 3, 5 * MINUTE_MS));
    hop_begin(&h);
    ck_assert(!hop_has_room(&h, 3, 5 * MINUTE_MS)); /* the probe is out */
    hop_end(&h, false, &rules, 5 * MINUTE_MS, UINT32_C(1) << 31);
    ck_assert(!hop_has_room(&h, 3, 15 * MINUTE_MS - 1)); /* twice as long */
    ck_assert(hop_has_room(&h, 3, 15 * MINUTE_MS));
    hop_begin(&h);
    hop_end(&h, true, &rules, 15 * MINUTE_MS, 0);
    ck_assert(hop_is_up(&h));
    ck_assert(hop_has_room(&h, 3, 15 * MINUTE_MS));
}
END_TEST

START_TEST(jobs_of_one_failure_are_one_failure)
{
    struct hop h = {0};

    for (int i = 0; i < 10; i++)
        hop_begin(&h);
    for (int i = 0; i < 10; i++)
        hop_end(&h, false, &rules, 0, UINT32_C(1) << 31);
    ck_assert(hop_has_room(&h, 3, 5 * MINUTE_MS));
}
END_TEST

START_TEST(an_answer_that_comes_late_counts)
{
    struct hop h = {0};

    hop_begin(&h);
    go_unanswered(&h, 0);
    go_unanswered(&h, 0);
    ck_assert(!hop_is_up(&h));
    hop_end(&h, true, &rules, 1, 0);
    ck_assert(hop_is_up(&h));
}
END_TEST

START_TEST(who_knows_better_is_believed)
{
    struct hop h = {0};

    go_unanswered(&h, 0);
    go_unanswered(&h, 0);
    hop_try_now(&h, 10);
    ck_assert(hop_has_room(&h, 3, 10));
    hop_begin(&h);
    ck_assert(!hop_has_room(&h, 3, 10)); /* by one, all the same */
    hop_forget(&h);
    ck_assert(hop_has_room(&h, 3, 10));
}
END_TEST

/* ---- rates ---- */

static uint64_t wait_ms;

START_TEST(an_account_has_its_hour)
{
    struct send_rates *r = send_rates_new(3, 100);

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_rates_take(r, "ann@example.org", 0, &wait_ms), SEND_NOW);
    ck_assert_int_eq(send_rates_take(r, "ann@example.org", 0, &wait_ms), SEND_ACCOUNT_OVER);
    ck_assert_int_eq(send_rates_take(r, "bob@example.org", 0, &wait_ms), SEND_NOW);
    ck_assert_int_eq(send_rates_take(r, "ann@example.org", 20 * MINUTE_MS, &wait_ms), SEND_NOW);
    ck_assert_int_eq(send_rates_take(r, "ann@example.org", 20 * MINUTE_MS, &wait_ms),
                     SEND_ACCOUNT_OVER);
    send_rates_free(r);
}
END_TEST

START_TEST(all_together_have_one_too)
{
    struct send_rates *r = send_rates_new(100, 3);

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_rates_take(r, i == 0 ? "" : "ann@example.org", 5, &wait_ms),
                         SEND_NOW);
    ck_assert_int_eq(send_rates_take(r, "", 5, &wait_ms), SEND_ALL_OVER);
    ck_assert_int_eq(send_rates_take(r, "bob@example.org", 5, &wait_ms), SEND_ALL_OVER);
    send_rates_free(r);
}
END_TEST

START_TEST(what_has_to_wait_costs_nothing)
{
    struct send_rates *r = send_rates_new(1, 2);

    ck_assert_int_eq(send_rates_take(r, "ann@example.org", 0, &wait_ms), SEND_NOW);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(send_rates_take(r, "ann@example.org", 0, &wait_ms), SEND_ACCOUNT_OVER);
    ck_assert_int_eq(send_rates_take(r, "bob@example.org", 0, &wait_ms), SEND_NOW);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(send_rates_take(r, "carl@example.org", 0, &wait_ms), SEND_ALL_OVER);
    ck_assert_int_eq(send_rates_take(r, "carl@example.org", 30 * MINUTE_MS, &wait_ms), SEND_NOW);
    send_rates_free(r);
}
END_TEST

START_TEST(those_that_wait_come_back_one_by_one)
{
    struct send_rates *r = send_rates_new(6, 60);

    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(send_rates_take(r, "ann@example.org", 0, &wait_ms), SEND_NOW);
    for (unsigned i = 1; i < 1000; i++) {
        ck_assert_int_eq(send_rates_take(r, "ann@example.org", 0, &wait_ms), SEND_ACCOUNT_OVER);
        ck_assert_uint_eq(wait_ms, i * 10 * MINUTE_MS);
    }
    for (uint64_t at = 10 * MINUTE_MS; at < 100 * HOUR_MS; at += 10 * MINUTE_MS)
        ck_assert_int_eq(send_rates_take(r, "ann@example.org", at, &wait_ms), SEND_NOW);
    send_rates_free(r);
}
END_TEST

START_TEST(a_flood_of_accounts_is_bounded)
{
    struct send_rates *r = send_rates_new(1, UINT64_MAX);
    char name[32];

    for (int i = 0; i < 100100; i++) {
        snprintf(name, sizeof name, "u%d@example.org", i);
        ck_assert_int_eq(send_rates_take(r, name, 0, &wait_ms), SEND_NOW);
    }
    ck_assert_int_eq(send_rates_take(r, name, 0, &wait_ms), SEND_ACCOUNT_OVER);
    ck_assert_int_eq(send_rates_take(r, "u0@example.org", 0, &wait_ms), SEND_NOW); /* forgotten */
    send_rates_free(r);
}
END_TEST

TCase *
relay_policy_tests(void)
{
    TCase *t = tcase_create("relay_policy");

    tcase_add_loop_test(t, attempts_grow_apart, 0, sizeof delays / sizeof delays[0]);
    tcase_add_test(t, no_time_of_the_configuration_overflows);
    tcase_add_test(t, lots_differ);
    tcase_add_loop_test(t, the_next_attempt_is_later_than_now, 0, sizeof nexts / sizeof nexts[0]);
    tcase_add_test(t, a_delay_is_told_when_it_is_long_enough);
    tcase_add_test(t, so_many_at_once_and_no_more);
    tcase_add_test(t, one_unanswered_job_stops_nobody);
    tcase_add_test(t, a_silent_hop_is_probed_by_one_at_a_time);
    tcase_add_test(t, jobs_of_one_failure_are_one_failure);
    tcase_add_test(t, an_answer_that_comes_late_counts);
    tcase_add_test(t, who_knows_better_is_believed);
    tcase_add_test(t, an_account_has_its_hour);
    tcase_add_test(t, all_together_have_one_too);
    tcase_add_test(t, what_has_to_wait_costs_nothing);
    tcase_add_test(t, those_that_wait_come_back_one_by_one);
    tcase_add_test(t, a_flood_of_accounts_is_bounded);
    return t;
}
