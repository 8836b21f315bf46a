/* SPDX-License-Identifier: MIT
 *
 * Deadlines on a clock of the test's own: octets that complete nothing move none.
 */
#include <check.h>
#include <stdlib.h>

#include "pace_priv.h"

#define BEGIN 1000000 /* any time */

static const struct settings settings = {
    .timeouts =
        {.command = 300, .data = 100, .write = 50, .answer = 600, .session = 5000, .busy = 40},
    .limits = {.data_rate = 1000}, /* an octet a millisecond */
};

static struct pace p;
static struct pace_state state;
static uint64_t now;

static void
begin(enum smtp_wait waits)
{
    now = BEGIN;
    state = (struct pace_state){.waits = waits};
    pace_init(&p, now);
}

static void
expect(uint64_t ms, enum metrics_LIMITS limit)
{
    ck_assert_uint_eq(pace_next(&p, &state, &settings, now), ms);
    ck_assert_int_eq(p.next, limit);
}

START_TEST(a_command_in_drips_gets_no_more_time)
{
    begin(SMTP_WAIT_COMMAND);
    expect(300, METRICS_LIMIT_TIMEOUT_COMMAND);
    now += 200;
    pace_took(&p, 1);
    expect(100, METRICS_LIMIT_TIMEOUT_COMMAND);
    now += 99;
    pace_took(&p, 1);
    expect(1, METRICS_LIMIT_TIMEOUT_COMMAND);
    state.steps++;
    expect(300, METRICS_LIMIT_TIMEOUT_COMMAND);
}
END_TEST

START_TEST(a_session_ends_however_busy_it_is)
{
    begin(SMTP_WAIT_COMMAND);
    for (int i = 0; i < 49; i++) {
        uint64_t left = 5000 - (now - BEGIN);

        expect(left < 300 ? left : 300,
               left > 300 ? METRICS_LIMIT_TIMEOUT_COMMAND : METRICS_LIMIT_TIMEOUT_SESSION);
        now += 100;
        state.steps++;
    }
    now += 100;
    expect(1, METRICS_LIMIT_TIMEOUT_SESSION);
    now += 1000; /* long past */
    expect(1, METRICS_LIMIT_TIMEOUT_SESSION);
}
END_TEST

START_TEST(a_message_under_way_outlives_the_session)
{
    begin(SMTP_WAIT_COMMAND);
    expect(300, METRICS_LIMIT_TIMEOUT_COMMAND);
    now += 4990;
    state.waits = SMTP_WAIT_DATA;
    state.begun = 1;
    expect(100, METRICS_LIMIT_TIMEOUT_DATA);
    now += 50;
    state.waits = SMTP_WAIT_ANSWER;
    expect(600, METRICS_LIMIT_TIMEOUT_ANSWER);
    state.waits = SMTP_WAIT_COMMAND;
    expect(1, METRICS_LIMIT_TIMEOUT_SESSION);
}
END_TEST

START_TEST(a_message_needs_its_rate_over_its_whole_time)
{
    begin(SMTP_WAIT_DATA);
    state.begun = 1;
    expect(100, METRICS_LIMIT_TIMEOUT_DATA);
    for (int i = 0; i < 10; i++) { /* half the rate, in pieces that each come in time */
        now += 20;
        pace_took(&p, 10);
        if (pace_next(&p, &state, &settings, now) == 1)
            break;
    }
    ck_assert_uint_eq(now - BEGIN, 200); /* the grace, and as long again for the 100 octets */
    ck_assert_int_eq(p.next, METRICS_LIMIT_DATA_RATE);
}
END_TEST

START_TEST(a_message_at_its_rate_goes_on)
{
    begin(SMTP_WAIT_DATA);
    state.begun = 1;
    pace_next(&p, &state, &settings, now);
    for (int i = 0; i < 10000; i++) {
        now += 20;
        pace_took(&p, 20);
        ck_assert_uint_eq(pace_next(&p, &state, &settings, now), 100);
    }
}
END_TEST

START_TEST(octets_in_hand_do_not_save_for_silence)
{
    begin(SMTP_WAIT_DATA);
    state.begun = 1;
    pace_next(&p, &state, &settings, now);
    pace_took(&p, 1000000);
    now += 1;
    expect(100, METRICS_LIMIT_TIMEOUT_DATA);
    now += 60;
    expect(40, METRICS_LIMIT_TIMEOUT_DATA);
}
END_TEST

START_TEST(each_message_has_a_clock_of_its_own)
{
    begin(SMTP_WAIT_DATA);
    state.begun = 1;
    pace_next(&p, &state, &settings, now);
    pace_took(&p, 200);
    now += 250;
    expect(50, METRICS_LIMIT_DATA_RATE);
    state.begun = 2; /* its answer and the next MAIL came in between, in one turn */
    expect(100, METRICS_LIMIT_TIMEOUT_DATA);
    now += 60;
    pace_took(&p, 1);
    expect(41, METRICS_LIMIT_DATA_RATE);
}
END_TEST

START_TEST(while_the_store_is_slow_the_clock_of_a_message_stands)
{
    begin(SMTP_WAIT_DATA);
    state.begun = 1;
    expect(100, METRICS_LIMIT_TIMEOUT_DATA);
    now += 10;
    state.is_paused = true;
    expect(600, METRICS_LIMIT_TIMEOUT_ANSWER);
    now += 500;
    expect(100, METRICS_LIMIT_TIMEOUT_ANSWER);
    state.is_paused = false;
    expect(90, METRICS_LIMIT_DATA_RATE);
}
END_TEST

START_TEST(replies_that_are_not_read_have_their_time)
{
    begin(SMTP_WAIT_COMMAND);
    state.is_full = true;
    expect(50, METRICS_LIMIT_TIMEOUT_WRITE);
    now += 30;
    expect(20, METRICS_LIMIT_TIMEOUT_WRITE);
    state.is_full = false;
    expect(300, METRICS_LIMIT_TIMEOUT_COMMAND);
}
END_TEST

START_TEST(a_tarpit_takes_as_long_as_it_says)
{
    begin(SMTP_WAIT_COMMAND);
    pace_next(&p, &state, &settings, now);
    now += 10;
    state.waits = SMTP_WAIT_DELAY;
    state.delay_ms = 70;
    expect(70, METRICS_LIMIT_TARPIT);
    now += 30;
    pace_took(&p, 100); /* what comes in meanwhile moves nothing */
    expect(40, METRICS_LIMIT_TARPIT);
}
END_TEST

START_TEST(under_load_time_is_short)
{
    begin(SMTP_WAIT_COMMAND);
    expect(300, METRICS_LIMIT_TIMEOUT_COMMAND);
    now += 10;
    state.is_busy = true;
    expect(30, METRICS_LIMIT_TIMEOUT_COMMAND);
    state.is_busy = false;
    expect(290, METRICS_LIMIT_TIMEOUT_COMMAND);
    state.waits = SMTP_WAIT_DATA;
    state.begun = 1;
    state.is_busy = true;
    expect(40, METRICS_LIMIT_TIMEOUT_DATA);
}
END_TEST

START_TEST(nothing_waits_for_nothing)
{
    begin(SMTP_WAIT_NOTHING);
    ck_assert_uint_eq(pace_next(&p, &state, &settings, now), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("pace");
    TCase *cases = tcase_create("pace");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_add_test(cases, a_command_in_drips_gets_no_more_time);
    tcase_add_test(cases, a_session_ends_however_busy_it_is);
    tcase_add_test(cases, a_message_under_way_outlives_the_session);
    tcase_add_test(cases, a_message_needs_its_rate_over_its_whole_time);
    tcase_add_test(cases, a_message_at_its_rate_goes_on);
    tcase_add_test(cases, octets_in_hand_do_not_save_for_silence);
    tcase_add_test(cases, each_message_has_a_clock_of_its_own);
    tcase_add_test(cases, while_the_store_is_slow_the_clock_of_a_message_stands);
    tcase_add_test(cases, replies_that_are_not_read_have_their_time);
    tcase_add_test(cases, a_tarpit_takes_as_long_as_it_says);
    tcase_add_test(cases, under_load_time_is_short);
    tcase_add_test(cases, nothing_waits_for_nothing);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
