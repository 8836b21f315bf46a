/* SPDX-License-Identifier: MIT
 *
 * Jobs that somebody waits for, beside those of the queue: they share its connections, and nobody
 * waits longer than he may.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scheduler_rig.h"
#include "suites.h"

struct waiter {
    struct live_job live; /* first */
    unsigned answers;
    unsigned code;
    char enhanced[12], text[128];
};

static const struct relay_recipient nobody = {"x@fast.example", 0, ""};

static bool
fill_question(struct live_job *j, struct relay_job *out, int *fd)
{
    (void)j;
    (void)fd;
    *out = (struct relay_job){.route = "fast",
                              .reverse_path = "",
                              .envid = "",
                              .by = "",
                              .recipients = &nobody,
                              .recipient_count = 1,
                              .is_question = true};
    return true;
}

static void
on_waiter(struct live_job *j, const struct relay_result *result, const struct relay_answer *lost)
{
    const struct relay_answer *a = result != NULL ? &result->answers[0] : lost;
    struct waiter *w = (struct waiter *)j;

    w->answers++;
    w->code = a->code;
    strcpy(w->enhanced, a->enhanced);
    snprintf(w->text, sizeof w->text, "%s", a->text);
}

static const struct live_job_calls waiter_calls = {fill_question, on_waiter};

static void
ask(struct waiter *w)
{
    *w = (struct waiter){0};
    live_job_send(rig.scheduler, &w->live, &rig.routes[1], 60000, &waiter_calls);
}

static void
wait_answer(const struct waiter *w)
{
    while (w->answers == 0)
        rig_turn();
    ck_assert_uint_eq(w->answers, 1);
}

static void
say(unsigned place, unsigned code)
{
    relay_role_say(&rig.role, &rig.role.heard[place],
                   code / 100 == 2   ? RELAY_DELIVERED
                   : code / 100 == 5 ? RELAY_FAILED
                                     : RELAY_DEFERRED,
                   code, "", code == 0 ? "connection refused" : "well");
}

START_TEST(a_question_is_answered)
{
    struct waiter w;

    ask(&w);
    rig_wait_jobs(1);
    ck_assert(rig.role.heard[0].job.is_question && rig.role.heard[0].fd < 0);
    say(0, 550);
    wait_answer(&w);
    ck_assert_uint_eq(w.code, 550);
}
END_TEST

START_TEST(questions_and_the_queue_share_connections)
{
    struct waiter w[3];

    rig_add_many(3, "x@fast.example", "", "redirect");
    rig_wait_jobs(3);
    for (size_t i = 0; i < 3; i++)
        ask(&w[i]);
    rig_expect_jobs(4); /* of four connections */
    ck_assert(rig.role.heard[3].job.is_question);
    say(0, 250);
    rig_wait_jobs(5);
    ck_assert(rig.role.heard[4].job.is_question);
    say(1, 250);
    rig_wait_jobs(6);
    for (unsigned i = 2; i < 6; i++)
        say(i, 250);
    for (size_t i = 0; i < 3; i++)
        wait_answer(&w[i]);
    rig_wait_items(0);
}
END_TEST

START_TEST(a_question_and_the_queue_take_turns)
{
    struct waiter w[8];
    unsigned questions = 0;

    for (size_t i = 0; i < 8; i++)
        ask(&w[i]);
    rig_wait_jobs(4);
    rig_add_many(4, "x@fast.example", "", "redirect");
    while (rig.scheduler->hops[1].ready_count < 4)
        rig_turn();
    for (unsigned i = 0; i < 4; i++)
        say(i, 250);
    rig_wait_jobs(8);
    for (unsigned i = 4; i < 8; i++)
        questions += rig.role.heard[i].job.is_question;
    ck_assert_uint_eq(questions, 2);
    for (unsigned i = 4; i < 12; i++) {
        rig_wait_jobs(i + 1);
        say(i, 250);
    }
    rig_wait_items(0);
}
END_TEST

START_TEST(a_hop_that_is_down_is_tried_by_one_who_waits)
{
    struct waiter w[4];

    for (unsigned i = 0; i < 2; i++) {
        ask(&w[i]);
        rig_wait_jobs(i + 1);
        say(i, 0);
        wait_answer(&w[i]);
        ck_assert_str_eq(w[i].text, "connection refused");
    }
    ask(&w[2]);
    ask(&w[3]); /* at once */
    wait_answer(&w[3]);
    ck_assert_uint_eq(w[3].code, 0);
    ck_assert_str_eq(w[3].enhanced, "4.4.1");
    ck_assert_str_eq(w[3].text, "connection refused");
    rig_expect_jobs(3);
    rig_add("a", "x@fast.example", "", "redirect"); /* it is put off: */
    rig_expect_jobs(3);
    say(2, 450); /* it answers again */
    wait_answer(&w[2]);
    rig_wait_jobs(4);
    say(3, 250);
    rig_wait_items(0);
}
END_TEST

START_TEST(a_hop_that_is_late_is_down_until_it_answers)
{
    struct waiter w[5];

    for (size_t i = 0; i < 4; i++)
        ask(&w[i]);
    rig_wait_jobs(4);
    for (size_t i = 0; i < 3; i++)
        for (int again = 0; again < 2; again++)
            live_job_late(&w[i].live, "too late");
    ask(&w[4]); /* the fourth is under way still, and tries it */
    wait_answer(&w[4]);
    ck_assert_str_eq(w[4].text, "too late");
    live_job_late(&w[3].live, "too late");
    ask(&w[4]); /* of four connections none is free; but nobody waits for those */
    rig_wait_jobs(5);
    say(0, 0); /* it was counted */
    wait_answer(&w[0]);
    say(1, 250);
    wait_answer(&w[1]);
    ck_assert(hop_is_up(&rig.scheduler->hops[1].hop));
    for (unsigned i = 2; i < 5; i++) {
        say(i, 250);
        wait_answer(&w[i]);
    }
    ck_assert_uint_eq(rig.scheduler->hops[1].hop.under_way, 0);
    ck_assert_uint_eq(rig.scheduler->hops[1].late, 0);
}
END_TEST

START_TEST(who_waits_hears_that_the_role_has_gone)
{
    struct waiter w[6];

    for (size_t i = 0; i < 6; i++)
        ask(&w[i]);
    rig_wait_jobs(4);
    relay_role_close(&rig.role);
    for (size_t i = 0; i < 6; i++) {
        wait_answer(&w[i]);
        ck_assert_str_eq(w[i].enhanced, "4.3.0");
    }
    ask(&w[0]);
    wait_answer(&w[0]);
    ck_assert_str_eq(w[0].enhanced, "4.3.0");
    relay_role_connect(&rig.role, rig.relay);
    ask(&w[0]);
    rig_wait_jobs(1);
    say(0, 250);
    wait_answer(&w[0]);
    ck_assert_uint_eq(w[0].code, 250);
}
END_TEST

START_TEST(nobody_waits_longer_than_he_may)
{
    struct waiter w[5];

    for (size_t i = 0; i < 4; i++)
        ask(&w[i]);
    rig_wait_jobs(4);
    w[4] = (struct waiter){0};
    live_job_send(rig.scheduler, &w[4].live, &rig.routes[1], 5, &waiter_calls);
    wait_answer(&w[4]);
    ck_assert_str_eq(w[4].enhanced, "4.4.5");
    for (unsigned i = 0; i < 4; i++)
        say(i, 250);
    for (size_t i = 0; i < 4; i++)
        wait_answer(&w[i]);
}
END_TEST

START_TEST(who_does_not_want_to_wait_any_more_is_not_told)
{
    struct waiter w[5];

    for (size_t i = 0; i < 5; i++)
        ask(&w[i]);
    rig_wait_jobs(4);
    ck_assert(live_job_withdraw(&w[4].live));
    ck_assert(!live_job_withdraw(&w[0].live));
    for (unsigned i = 0; i < 4; i++)
        say(i, 250);
    for (size_t i = 0; i < 4; i++)
        wait_answer(&w[i]);
    rig_expect_jobs(4);
    ck_assert_uint_eq(w[4].answers, 0);
}
END_TEST

TCase *
live_jobs_tests(void)
{
    TCase *t = tcase_create("live_jobs");

    tcase_add_checked_fixture(t, rig_setup, rig_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_question_is_answered);
    tcase_add_test(t, questions_and_the_queue_share_connections);
    tcase_add_test(t, a_question_and_the_queue_take_turns);
    tcase_add_test(t, a_hop_that_is_down_is_tried_by_one_who_waits);
    tcase_add_test(t, a_hop_that_is_late_is_down_until_it_answers);
    tcase_add_test(t, who_waits_hears_that_the_role_has_gone);
    tcase_add_test(t, nobody_waits_longer_than_he_may);
    tcase_add_test(t, who_does_not_want_to_wait_any_more_is_not_told);
    return t;
}
