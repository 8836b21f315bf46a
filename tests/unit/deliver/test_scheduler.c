/* SPDX-License-Identifier: MIT
 *
 * From the queue to next hops and back: when a message leaves, and what becomes of it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scheduler_rig.h"
#include "suites.h"

/* ---- one message ---- */

START_TEST(what_is_delivered_is_gone)
{
    char text[64] = "";

    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    ck_assert_str_eq(rig.role.heard[0].job.route, "fast");
    ck_assert_str_eq(rig.role.heard[0].job.reverse_path, "bob@example.com");
    ck_assert_int_eq(read(rig.role.heard[0].fd, text, sizeof text), 20);
    ck_assert_str_eq(text, "Subject: a\r\n\r\nbody\r\n");
    ck_assert_int_lt(write(rig.role.heard[0].fd, "x", 1), 0);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DELIVERED, 250, "2.0.0", "queued as 7");
    rig_wait_items(0);
}
END_TEST

static bool
on_line(void *arg, json_t *line)
{
    const char *text = json_string_value(json_object_get(line, "text"));

    snprintf(arg, 256, "%s %s", json_string_value(json_object_get(line, "outcome")),
             text == NULL ? "" : text);
    return true;
}

START_TEST(the_delivery_log_follows_it)
{
    char found[256] = "";

    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DELIVERED, 250, "2.0.0", "queued as 7");
    rig_wait_items(0);
    while (found[0] == '\0') {
        rig_turn();
        delivery_log_write(rig.delivery_log);
        ck_assert(delivery_log_search(rig.folder, "D1", on_line, found, &rig.why));
    }
    ck_assert_str_eq(found, "250 2.0.0 relayed to x@fast.example by "
                            "mx.example.net[192.0.2.1]:25: 250 2.0.0 queued as 7");
}
END_TEST

START_TEST(what_is_deferred_is_tried_later)
{
    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while (rig_see().attempts == 0)
        rig_turn();
    struct seen s = rig_see();
    ck_assert_str_eq(s.reply, "451 4.2.0 later");
    ck_assert_int_ge(s.next_attempt, time(NULL) + 200);
    ck_assert_int_le(s.next_attempt, time(NULL) + 376);
    rig_expect_jobs(1);
}
END_TEST

START_TEST(what_becomes_due_is_sent_then)
{
    struct queue_recipient r = rig_recipient("x@fast.example");

    r.next_attempt = time(NULL) + 2;
    const struct queue_item i = rig_item("a", &r, 1);
    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(1);
    ck_assert_int_ge(time(NULL), r.next_attempt);
}
END_TEST

START_TEST(a_retry_by_hand_is_heard)
{
    uint64_t changed;

    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while (rig_see().attempts == 0)
        rig_turn();
    ck_assert(queue_retry(rig.queue, QUEUE_ALL, time(NULL), &changed, &rig.why));
    rig_wait_jobs(2);
}
END_TEST

static const struct {
    const char *name, *reverse_path;
    unsigned notify;
    enum relay_state state;
    bool takes_dsn, is_owed;
} reports[] = {
    {"a failure", "bob@example.com", 0, RELAY_FAILED, false, true},
    {"a failure, NOTIFY=FAILURE", "bob@example.com", NOTIFY_FAILURE, RELAY_FAILED, true, true},
    {"a failure, NOTIFY=NEVER", "bob@example.com", NOTIFY_NEVER, RELAY_FAILED, false, false},
    {"a failure of what has the null sender", "", NOTIFY_FAILURE, RELAY_FAILED, false, false},
    {"a success", "bob@example.com", 0, RELAY_DELIVERED, false, false},
    {"NOTIFY=SUCCESS", "bob@example.com", NOTIFY_SUCCESS, RELAY_DELIVERED, false, true},
    {"NOTIFY=SUCCESS, and the next hop does it", "bob@example.com", NOTIFY_SUCCESS, RELAY_DELIVERED,
     true, false},
};

START_TEST(who_is_owed_a_report)
{
    struct queue_recipient r = rig_recipient("x@fast.example");
    struct relay_answer a = {.state = reports[_i].state, .text = "said"};
    const struct relay_result result = {
        .host = "", .tls = "", .answers = &a, .answer_count = 1, .dsn = reports[_i].takes_dsn};

    r.notify = reports[_i].notify;
    a.code = a.state == RELAY_FAILED ? 550 : 250;
    struct queue_item i = rig_item("a", &r, 1);
    i.reverse_path = reports[_i].reverse_path;
    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(1);
    relay_role_result(&rig.role, rig.role.heard[0].id, &result);
    while (rig_see().items > 0 && strcmp(rig_see().kind, "dsn") != 0)
        rig_turn();
    struct seen s = rig_see();
    ck_assert_msg((s.items == 1) == reports[_i].is_owed, "%s", reports[_i].name);
    if (!reports[_i].is_owed)
        return;
    ck_assert_str_eq(s.reverse_path, "");
    ck_assert_str_eq(s.to, "bob@example.com");
}
END_TEST

/* It is in the queue of a store that starts, and its time is over. */
static void
start_with_expired(struct queue_item *i)
{
    i->expires = time(NULL) - 1;
    i->queued = time(NULL) - 5 * DAY;
    rig_stop();
    ck_assert(queue_add(rig.queue, i, 1, &rig.why));
    rig_start();
}

static void
wait_report(void)
{
    while (strcmp(rig_see().kind, "dsn") != 0)
        rig_turn();
    ck_assert_uint_eq(rig_see().items, 1);
}

START_TEST(what_expires_is_reported)
{
    struct queue_recipient r = rig_recipient("x@fast.example");
    struct queue_item i = rig_item("a", &r, 1);

    i.expires = time(NULL) + 1;
    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(1);
    while (time(NULL) < i.expires)
        rig_turn();
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    wait_report();
}
END_TEST

/* Its route takes nothing, so nobody would ever ask about it. */
START_TEST(what_expires_without_an_attempt_is_reported_too)
{
    struct queue_recipient r = rig_recipient("x@nowhere.example");
    struct queue_item i = rig_item("a", &r, 1);

    start_with_expired(&i);
    wait_report();
}
END_TEST

/* Nothing leaves at all: it does not wait for ever. */
START_TEST(what_expires_without_any_route_is_reported_too)
{
    struct queue_recipient r = rig_recipient("x@slow.example");
    struct queue_item i = rig_item("a", &r, 1);

    rig.settings.route_count = 0;
    start_with_expired(&i);
    wait_report();
}
END_TEST

/* And the report, which nobody can be sent either. */
START_TEST(a_report_without_any_route_expires)
{
    struct queue_recipient r = rig_recipient("bob@example.com");
    struct queue_item i = rig_item("a", &r, 1);

    i.kind = "dsn";
    i.reverse_path = "";
    rig.settings.route_count = 0;
    start_with_expired(&i);
    rig_wait_items(0);
}
END_TEST

START_TEST(a_delay_is_told_once)
{
    struct queue_recipient r = rig_recipient("x@fast.example");
    struct queue_item i = rig_item("a", &r, 1);
    struct seen s;

    i.queued = time(NULL) - 5 * 3600;
    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(1);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while ((s = rig_see()).items < 2 || rig_counts().untried != 1) /* the report */
        rig_turn();
    ck_assert_str_eq(s.kind, "dsn");
    uint64_t changed;
    ck_assert(queue_retry(rig.queue, 1, time(NULL), &changed, &rig.why));
    rig_wait_jobs(2);
    relay_role_say(&rig.role, &rig.role.heard[1], RELAY_DEFERRED, 451, "4.2.0", "later");
    rig_expect_jobs(2);
    ck_assert_uint_eq(rig_see().items, 2);
}
END_TEST

/* ---- DELIVERBY (RFC 2852) ---- */

static const struct {
    const char *name, *by;
    time_t age; /* seconds since it was queued */
    enum relay_state state;
    unsigned notify;
    bool takes_by;
    const char *says; /* what stands in the report; NULL: there is none */
} timed[] = {
    {"too late to come back in time", "60;R", 70, RELAY_DEFERRED, 0, true,
     "Action: failed\r\nStatus: 5.4.7\r\n"},
    {"in time", "60;R", 10, RELAY_DEFERRED, 0, true, NULL},
    {"late, with NOTIFY=NEVER", "60;R", 70, RELAY_DEFERRED, NOTIFY_NEVER, true, NULL},
    {"later than its sender named", "60;N", 70, RELAY_DEFERRED, 0, true,
     "Action: delayed\r\nStatus: 4.4.7\r\n"},
    {"not yet", "60;N", 10, RELAY_DEFERRED, 0, true, NULL},
    {"late, but he has named another time", "50000;N", 20000, RELAY_DEFERRED, 0, true, NULL},
    {"late, without NOTIFY=DELAY", "60;N", 70, RELAY_DEFERRED, NOTIFY_FAILURE, true, NULL},
    {"to who counts on", "60;N", 10, RELAY_DELIVERED, 0, true, NULL},
    {"to who does not count", "60;N", 10, RELAY_DELIVERED, NOTIFY_FAILURE, false,
     "Action: relayed\r\nStatus: 2."},
    {"to who does not count, late", "60;N", 70, RELAY_DELIVERED, 0, false, NULL},
    {"to who does not count, with NOTIFY=NEVER", "60;N", 10, RELAY_DELIVERED, NOTIFY_NEVER, false,
     NULL},
    {"a trace", "60;RT", 10, RELAY_DELIVERED, NOTIFY_FAILURE, true,
     "Action: relayed\r\nStatus: 2."},
};

static bool
on_report(void *arg, const struct queue_item *i)
{
    struct seen *s = arg;

    snprintf(s->text, sizeof s->text, "%.*s", (int)i->text.n, i->text.p);
    return true;
}

static void
expect_report(time_t date, const char *says)
{
    char line[80];
    struct seen s;

    ck_assert(queue_show(rig.queue, 2, on_report, &s, &rig.why));
    ck_assert_msg(strstr(s.text, says) != NULL, "%s", s.text);
    strftime(line, sizeof line, "\r\nDeliver-By-Date: %a, %d %b %Y %H:%M:%S ", gmtime(&date));
    ck_assert_msg(strstr(s.text, line) != NULL, "%s in %s", line, s.text);
}

/* It is settled: gone, or no longer in flight. */
static bool
is_settled(void)
{
    struct seen s = rig_see();

    return s.items == 0 || s.attempts > 0 || strcmp(s.kind, "dsn") == 0;
}

START_TEST(time_that_is_named_is_kept)
{
    struct queue_recipient r = rig_recipient("x@fast.example");
    struct relay_answer a = {.state = timed[_i].state, .text = "said"};
    const struct relay_result result = {.host = "",
                                        .tls = "",
                                        .answers = &a,
                                        .answer_count = 1,
                                        .dsn = true,
                                        .deliverby = timed[_i].takes_by};
    const time_t seconds = strtol(timed[_i].by, NULL, 10);

    r.notify = timed[_i].notify;
    a.code = a.state == RELAY_DEFERRED ? 451 : 250;
    struct queue_item i = rig_item("a", &r, 1);
    i.by = timed[_i].by;
    i.queued = time(NULL) - timed[_i].age;
    if (strchr(i.by, 'R') != NULL)
        i.expires = i.queued + seconds;
    rig.settings.relay.delay_report = 3 * 3600 * 1000;
    while (rig.scheduler->is_taking) /* it looks for what is overdue, and then not for a while */
        rig_turn();
    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(1);
    relay_role_result(&rig.role, rig.role.heard[0].id, &result);
    while (!is_settled())
        rig_turn();
    bool is_reported = strcmp(rig_see().kind, "dsn") == 0;
    ck_assert_msg(is_reported == (timed[_i].says != NULL), "%s", timed[_i].name);
    if (is_reported)
        expect_report(i.queued + seconds, timed[_i].says);
}
END_TEST

START_TEST(what_is_left_of_the_time_is_said)
{
    struct queue_recipient r = rig_recipient("x@fast.example");
    struct queue_item i = rig_item("a", &r, 1);

    i.by = "60;RT";
    i.queued = time(NULL) - 20;
    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(1);
    long left = strtol(rig.role.heard[0].job.by, NULL, 10);
    ck_assert_int_le(left, 40);
    ck_assert_int_gt(left, 10);
    ck_assert_str_eq(strchr(rig.role.heard[0].job.by, ';'), ";RT");
}
END_TEST

START_TEST(without_a_route_it_waits)
{
    rig_add("a", "x@nowhere.example", "ann@example.org", "redirect");
    rig_expect_jobs(0);
    ck_assert_uint_eq(rig_see().attempts, 0);
    rig_add("b", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
}
END_TEST

/* ---- several ---- */

START_TEST(recipients_of_one_route_go_together)
{
    const struct queue_recipient to[] = {
        rig_recipient("a@fast.example"), rig_recipient("b@slow.example"),
        rig_recipient("c@fast.example"), rig_recipient("d@fast.example"),
        rig_recipient("e@fast.example"), rig_recipient("f@nowhere.example"),
    };
    const struct queue_item i = rig_item("a", to, 6);
    unsigned sum = 0;

    ck_assert(queue_add(rig.queue, &i, 1, &rig.why));
    rig_wait_jobs(3); /* fast: 3 and 1, slow: 1 */
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_uint_le(rig.role.heard[n].job.recipient_count, 3);
        sum += rig.role.heard[n].job.recipient_count;
        relay_role_say(&rig.role, &rig.role.heard[n], RELAY_DELIVERED, 250, "", "ok");
    }
    ck_assert_uint_eq(sum, 5);
    while (rig_counts().recipients != 1)
        rig_turn();
    ck_assert_str_eq(rig_see().to, "f@nowhere.example");
}
END_TEST

START_TEST(not_more_than_connections_at_once)
{
    rig_add_many(20, "x@slow.example", "", "redirect");
    rig_wait_jobs(2);
    rig_expect_jobs(2);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DELIVERED, 250, "", "ok");
    rig_wait_jobs(3);
    rig_expect_jobs(3);
}
END_TEST

START_TEST(a_slow_hop_holds_nobody)
{
    rig_add_many(1000, "x@slow.example", "", "redirect");
    rig_add_many(8, "x@fast.example", "", "redirect");
    for (unsigned n = 0; n < 10; n++) {
        rig_wait_jobs(n + 1);
        if (strcmp(rig.role.heard[n].job.route, "fast") == 0)
            relay_role_say(&rig.role, &rig.role.heard[n], RELAY_DELIVERED, 250, "", "ok");
    }
    rig_wait_items(1000);
}
END_TEST

START_TEST(a_hop_that_is_silent_puts_its_messages_off)
{
    rig_add_many(20, "x@slow.example", "", "redirect");
    rig_wait_jobs(2);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DEFERRED, 0, "4.4.1", "connection refused");
    rig_wait_jobs(3); /* one says little */
    relay_role_say(&rig.role, &rig.role.heard[1], RELAY_DEFERRED, 0, "4.4.1", "connection refused");
    relay_role_say(&rig.role, &rig.role.heard[2], RELAY_DEFERRED, 0, "4.4.1", "connection refused");
    rig_expect_jobs(3);
    ck_assert_uint_eq(rig_counts().untried, 17);
    scheduler_try_now(rig.scheduler);
    rig_wait_jobs(4);
    rig_expect_jobs(4); /* one probes */
    relay_role_say(&rig.role, &rig.role.heard[3], RELAY_DELIVERED, 250, "", "ok");
    rig_wait_jobs(6); /* it answers again */
}
END_TEST

START_TEST(accounts_take_turns)
{
    rig_add_many(100, "x@fast.example", "flood@example.org", "redirect");
    rig_add_many(2, "x@fast.example", "bob@example.org", "redirect");
    unsigned at = 0, bobs = 0;
    while (bobs < 2 && at < 20) {
        rig_wait_jobs(at + 1);
        relay_role_say(&rig.role, &rig.role.heard[at++], RELAY_DELIVERED, 250, "", "ok");
        rig_turn();
        bobs = 102 - (unsigned)rig_counts().items > at ? bobs : bobs;
        uint64_t items, octets;
        ck_assert(queue_usage(rig.queue, "bob@example.org", &items, &octets, &rig.why));
        bobs = 2 - (unsigned)items;
    }
    ck_assert_uint_lt(at, 20); /* long before the hundred */
}
END_TEST

START_TEST(an_account_over_its_hour_waits)
{
    rig_stop();
    rig.settings.relay.account_messages = 3;
    rig_start();
    rig_add_many(5, "x@fast.example", "ann@example.org", "redirect");
    rig_add_many(5, "x@fast.example", "bob@example.org", "vacation");
    for (unsigned n = 0; n < 6; n++) {
        rig_wait_jobs(n + 1);
        relay_role_say(&rig.role, &rig.role.heard[n], RELAY_DELIVERED, 250, "", "ok");
    }
    rig_wait_items(2); /* ann's: redirects wait, bob's vacations make no sense later */
    struct seen s = rig_see();
    ck_assert_str_eq(s.kind, "redirect");
    ck_assert_uint_eq(s.attempts, 0);
    ck_assert_int_gt(s.next_attempt, time(NULL) + 600);
    ck_assert_ptr_nonnull(strstr(s.reply, "too much"));
    rig_expect_jobs(6);
}
END_TEST

/* ---- trouble ---- */

START_TEST(a_role_that_dies_costs_one_attempt)
{
    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    relay_role_close(&rig.role);
    while (rig_see().attempts == 0)
        rig_turn();
    ck_assert_uint_eq(rig_see().attempts, 1);
    relay_role_connect(&rig.role, rig.relay);
    rig_expect_jobs(0); /* it may be what the role died of */
    rig_add("b", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1); /* the next hop has nothing to do with it */
}
END_TEST

START_TEST(what_is_under_way_when_the_store_ends_is_as_before)
{
    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    rig_stop();
    ck_assert_uint_eq(rig_see().attempts, 0);
    queue_close(rig.queue); /* who is in flight is forgotten with the process */
    rig.queue = queue_open(rig.folder, &rig.why);
    rig_start();
    rig_wait_jobs(1);
}
END_TEST

START_TEST(what_was_answered_before_the_end_is_settled)
{
    rig_add("a", "x@fast.example", "ann@example.org", "redirect");
    rig_wait_jobs(1);
    relay_role_say(&rig.role, &rig.role.heard[0], RELAY_DELIVERED, 250, "", "ok");
    rig_drain(60000);
    ck_assert_uint_eq(rig_counts().items, 0);
}
END_TEST

START_TEST(a_drain_ends_though_nothing_answers)
{
    rig_add_many(20, "x@slow.example", "", "redirect");
    rig_wait_jobs(2);
    rig_drain(30);
    ck_assert_uint_eq(relay_role_hear(&rig.role), 2);
}
END_TEST

START_TEST(a_message_that_is_gone_is_an_attempt)
{
    const struct queue_recipient r = rig_recipient("x@fast.example");
    struct queue_item i = rig_item("a", &r, 1);

    i.text = SPAN_NONE;
    i.file = "0123456789abcdef";
    ck_assert_msg(queue_add(rig.queue, &i, 1, &rig.why), "%s", rig.why.cause);
    while (rig_see().attempts == 0)
        rig_turn();
    rig_expect_jobs(0);
    ck_assert_int_gt(rig_see().next_attempt, time(NULL) + 100);
}
END_TEST

TCase *
scheduler_tests(void)
{
    TCase *t = tcase_create("scheduler");

    tcase_add_checked_fixture(t, rig_setup, rig_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_delivered_is_gone);
    tcase_add_test(t, the_delivery_log_follows_it);
    tcase_add_test(t, what_is_deferred_is_tried_later);
    tcase_add_test(t, what_becomes_due_is_sent_then);
    tcase_add_test(t, a_retry_by_hand_is_heard);
    tcase_add_loop_test(t, who_is_owed_a_report, 0, sizeof reports / sizeof reports[0]);
    tcase_add_test(t, what_expires_is_reported);
    tcase_add_test(t, what_expires_without_an_attempt_is_reported_too);
    tcase_add_test(t, what_expires_without_any_route_is_reported_too);
    tcase_add_test(t, a_report_without_any_route_expires);
    tcase_add_test(t, a_delay_is_told_once);
    tcase_add_loop_test(t, time_that_is_named_is_kept, 0, sizeof timed / sizeof timed[0]);
    tcase_add_test(t, what_is_left_of_the_time_is_said);
    tcase_add_test(t, without_a_route_it_waits);
    tcase_add_test(t, recipients_of_one_route_go_together);
    tcase_add_test(t, not_more_than_connections_at_once);
    tcase_add_test(t, a_slow_hop_holds_nobody);
    tcase_add_test(t, a_hop_that_is_silent_puts_its_messages_off);
    tcase_add_test(t, accounts_take_turns);
    tcase_add_test(t, an_account_over_its_hour_waits);
    tcase_add_test(t, a_role_that_dies_costs_one_attempt);
    tcase_add_test(t, what_is_under_way_when_the_store_ends_is_as_before);
    tcase_add_test(t, what_was_answered_before_the_end_is_settled);
    tcase_add_test(t, a_drain_ends_though_nothing_answers);
    tcase_add_test(t, a_message_that_is_gone_is_an_attempt);
    return t;
}
