/* SPDX-License-Identifier: MIT
 *
 * The queue of what leaves: added once, handed out when due, and in the hands of people.
 */
#include "queue_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ adding */

START_TEST(test_an_item_waits_once)
{
    add("a", "x@example.net");
    add("a", "x@example.net");
    ck_assert_uint_eq(counts().items, 1);
    struct taken t = due(NOW);
    end_all(&t);
    ck_assert_uint_eq(counts().items, 0);
    add("a", "x@example.net");
    ck_assert_uint_eq(counts().items, 0);
}
END_TEST

START_TEST(test_what_is_done_is_known_after_a_start)
{
    add("a", "x@example.net");
    add("b", "x@example.net");
    struct taken t = due_unwanted(NOW, 1, NULL);
    end_all(&t);
    queue_close(queue);
    open_queue();
    add("a", "x@example.net");
    ck_assert_str_eq(due(NOW).log, "b:x@example.net,;");
}
END_TEST

START_TEST(test_several_are_added_together_or_not_at_all)
{
    const struct queue_recipient r = recipient("x@example.net");
    struct queue_item items[] = {item("a", &r, 1), item("b", &r, 0)};

    ck_assert(!queue_add(queue, items, 2, &why));
    ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
    ck_assert_uint_eq(counts().items, 0);
    items[1].recipient_count = 1;
    items[1].file = "../../accounts";
    ck_assert(!queue_add(queue, items, 2, &why));
    items[1].file = "";
    ck_assert(queue_add(queue, items, 2, &why));
    ck_assert_uint_eq(counts().items, 2);
}
END_TEST

static bool
check_whole(void *arg, const struct queue_item *i)
{
    bool *seen = arg;

    *seen = true;
    ck_assert_str_eq(i->once, "a");
    ck_assert_str_eq(i->kind, "redirect");
    ck_assert_str_eq(i->account, "ann@example.org");
    ck_assert_str_eq(i->delivery_id, "1");
    ck_assert_int_eq(i->queued, NOW);
    ck_assert_int_eq(i->expires, NOW + 100);
    ck_assert_str_eq(i->reverse_path, "bob@example.com");
    ck_assert_str_eq(i->envid, "QQ1");
    ck_assert_int_eq(i->ret, RET_HDRS);
    ck_assert_int_eq(i->body, BODY_8BITMIME);
    ck_assert(i->smtputf8 && i->require_tls);
    ck_assert_str_eq(i->by, "120;R");
    ck_assert(span_equal(i->head, span_of("X-Head: 1\r\n")));
    ck_assert_uint_eq(i->text.n, 3);
    ck_assert(memcmp(i->text.p, "a\0b", 3) == 0);
    ck_assert_uint_eq(i->octets, 3);
    ck_assert_uint_eq(i->recipient_count, 2);
    ck_assert_str_eq(i->recipients[1].address, "Y@Example.NET");
    ck_assert_str_eq(i->recipients[1].orcpt, "rfc822;y");
    ck_assert_uint_eq(i->recipients[1].notify, NOTIFY_FAILURE);
    ck_assert_int_eq(i->recipients[1].next_attempt, NOW);
    return true;
}

START_TEST(test_all_of_an_item_comes_back)
{
    struct queue_recipient r[] = {recipient("x@example.net"), recipient("Y@Example.NET")};
    r[1].orcpt = "rfc822;y";
    r[1].notify = NOTIFY_FAILURE;
    struct queue_item i = item("a", r, 2);
    i.envid = "QQ1";
    i.ret = RET_HDRS;
    i.body = BODY_8BITMIME;
    i.smtputf8 = i.require_tls = true;
    i.by = "120;R";
    i.text = (struct span){"a\0b", 3};
    i.octets = 3;
    bool seen = false;

    ck_assert(queue_add(queue, &i, 1, &why));
    ck_assert(queue_show(queue, 1, check_whole, &seen, &why));
    ck_assert(seen);
    ck_assert(!queue_show(queue, 2, check_whole, &seen, &why));
    ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
}
END_TEST

START_TEST(test_usage_is_of_one_account)
{
    uint64_t items, octets;

    add("a", "x@example.net");
    add("b", "x@example.net");
    ck_assert(queue_usage(queue, "ann@example.org", &items, &octets, &why));
    ck_assert_uint_eq(items, 2);
    ck_assert_uint_eq(octets, 28);
    ck_assert(queue_usage(queue, "bob@example.org", &items, &octets, &why));
    ck_assert_uint_eq(items, 0);
    ck_assert_uint_eq(octets, 0);
}
END_TEST

/* ------------------------------------------------------------------ due */

START_TEST(test_recipients_of_one_item_come_together)
{
    const struct queue_recipient r[] = {recipient("x@example.net"), recipient("y@example.com")};
    const struct queue_item i = item("a", r, 2);

    ck_assert(queue_add(queue, &i, 1, &why));
    ck_assert_str_eq(due(NOW - 1).log, "");
    ck_assert_str_eq(due_unwanted(NOW, 9, "example.net").log, "a:y@example.com,;");
    ck_assert_str_eq(due(NOW).log, "a:x@example.net,;");
    ck_assert_str_eq(due(NOW).log, "");
}
END_TEST

START_TEST(test_domains_are_asked_in_small_letters)
{
    add("a", "x@EXAMPLE.net");
    add("b", "x@b\xc3\xbc"
             "cher.example");
    add("c", "\"x@\"@example.com");
    ck_assert_str_eq(due_unwanted(NOW, 9, "example.net").log,
                     "b:x@b\xc3\xbc"
                     "cher.example,;c:\"x@\"@example.com,;");
}
END_TEST

START_TEST(test_not_more_than_max)
{
    add("a", "x@example.net");
    add("b", "x@example.net");
    add("c", "x@example.net");
    ck_assert_str_eq(due_unwanted(NOW, 2, NULL).log, "a:x@example.net,;b:x@example.net,;");
    ck_assert_str_eq(due_unwanted(NOW, 2, NULL).log, "c:x@example.net,;");
}
END_TEST

START_TEST(test_what_is_not_taken_or_landed_stays_due)
{
    struct taken t = {.refuse = true};
    const struct queue_taker taker = {NULL, take, &t};

    add("a", "x@example.net");
    ck_assert(queue_due(queue, NOW, 9, &taker, &why));
    ck_assert_uint_eq(t.items, 1);
    struct taken again = due(NOW);
    ck_assert_uint_eq(again.items, 1);
    queue_land(queue, again.recipients, 1);
    ck_assert_uint_eq(due(NOW).items, 1);
}
END_TEST

START_TEST(test_the_next_one_is_neither_held_nor_in_flight)
{
    const struct queue_recipient r = {.address = "x@example.net",
                                      .orcpt = "",
                                      .last_reply = "",
                                      .last_host = "",
                                      .next_attempt = NOW + 50};
    const struct queue_item later = item("b", &r, 1);
    uint64_t changed;
    time_t when;

    ck_assert(queue_next_due(queue, 0, &when, &why));
    ck_assert_int_eq(when, 0);
    add("a", "x@example.net");
    ck_assert(queue_add(queue, &later, 1, &why));
    ck_assert(queue_next_due(queue, 0, &when, &why));
    ck_assert_int_eq(when, NOW);
    ck_assert_str_eq(due(NOW).log, "a:x@example.net,;");
    ck_assert(queue_next_due(queue, 0, &when, &why));
    ck_assert_int_eq(when, NOW + 50);
    ck_assert(queue_hold(queue, 2, &changed, &why));
    ck_assert(queue_next_due(queue, 0, &when, &why));
    ck_assert_int_eq(when, 0);
}
END_TEST

START_TEST(test_the_next_one_after_what_nobody_wants)
{
    const struct queue_recipient r = {.address = "x@example.com",
                                      .orcpt = "",
                                      .last_reply = "",
                                      .last_host = "",
                                      .next_attempt = NOW + 50};
    const struct queue_item later = item("b", &r, 1);
    time_t when;

    add("a", "x@example.net");
    ck_assert(queue_add(queue, &later, 1, &why));
    ck_assert_uint_eq(due_unwanted(NOW, 9, "example.net").items, 0);
    ck_assert(queue_next_due(queue, NOW, &when, &why));
    ck_assert_int_eq(when, NOW + 50);
}
END_TEST

static unsigned
overdue(time_t expired, time_t delayed)
{
    struct taken t = {.refuse = true};
    const struct queue_taker taker = {NULL, take, &t};
    const struct queue_deadlines limits = {expired, delayed};

    ck_assert_msg(queue_overdue(queue, &limits, 9, &taker, &why), "%s", why.cause);
    return t.items;
}

START_TEST(test_what_waits_too_long_is_found_though_it_is_not_due)
{
    struct queue_recipient r[] = {recipient("x@example.net"), recipient("y@example.net")};

    r[0].next_attempt = r[1].next_attempt = NOW + 50000;
    const struct queue_item i = item("a", r, 2);
    ck_assert(queue_add(queue, &i, 1, &why));
    ck_assert_uint_eq(due(NOW + 100).items, 0);
    ck_assert_uint_eq(overdue(NOW + 99, NOW - 1), 0);
    ck_assert_uint_eq(overdue(NOW + 100, NOW - 1), 1);
    ck_assert_uint_eq(overdue(NOW + 99, NOW), 1);
    ck_assert_uint_eq(overdue(NOW + 100, NOW), 1); /* once, though it is both */
}
END_TEST

/* RFC 2852 4.1.3. One that comes back by its time expires then. */
START_TEST(test_who_named_a_time_is_told_by_then)
{
    struct queue_recipient r = recipient("x@example.net");
    struct queue_item i = item("a", &r, 1);

    i.expires = NOW + 10000;
    i.by = "60;NT";
    ck_assert(queue_add(queue, &i, 1, &why));
    ck_assert_uint_eq(overdue(NOW + 59, NOW + 59), 0); /* others hear of it by then */
    ck_assert_uint_eq(overdue(NOW + 60, NOW - 1), 1);
    i.once = "b";
    i.by = "60;R";
    ck_assert(queue_add(queue, &i, 1, &why));
    ck_assert_uint_eq(overdue(NOW + 60, NOW - 1), 1);
    ck_assert_uint_eq(overdue(NOW + 59, NOW), 1);
}
END_TEST

START_TEST(test_who_was_told_and_what_is_held_is_not_overdue)
{
    struct queue_recipient r = recipient("x@example.net");
    uint64_t changed;

    r.is_delay_told = true;
    const struct queue_item i = item("a", &r, 1);
    ck_assert(queue_add(queue, &i, 1, &why));
    ck_assert_uint_eq(overdue(NOW, NOW), 0);
    ck_assert_uint_eq(overdue(NOW + 100, NOW), 1);
    ck_assert(queue_hold(queue, QUEUE_ALL, &changed, &why));
    ck_assert_uint_eq(overdue(NOW + 100, NOW), 0);
}
END_TEST

static void
count_call(void *arg)
{
    uint64_t items, octets;

    ++*(int *)arg;
    ck_assert(queue_usage(queue, "ann@example.org", &items, &octets, &why)); /* no mutex is held */
}

START_TEST(test_who_watches_hears_of_what_becomes_due)
{
    uint64_t changed;
    int calls = 0;

    queue_watch(queue, count_call, &calls);
    add("a", "x@example.net");
    ck_assert_int_eq(calls, 1);
    due(NOW);
    ck_assert_int_eq(calls, 1);
    ck_assert(queue_hold(queue, QUEUE_ALL, &changed, &why));
    ck_assert(queue_release(queue, QUEUE_ALL, &changed, &why));
    ck_assert_int_ge(calls, 2);
    queue_watch(queue, NULL, NULL);
    add("b", "x@example.net");
    ck_assert_int_le(calls, 3);
}
END_TEST

/* ------------------------------------------------------------------ people */

START_TEST(test_held_ones_wait_until_released)
{
    uint64_t changed;

    add("a", "x@example.net");
    add("b", "x@example.net");
    ck_assert(queue_hold(queue, 1, &changed, &why));
    ck_assert_uint_eq(changed, 1);
    ck_assert(queue_hold(queue, QUEUE_ALL, &changed, &why));
    ck_assert_uint_eq(changed, 1);
    ck_assert_uint_eq(counts().held, 2);
    ck_assert_str_eq(due(NOW).log, "");
    ck_assert(queue_release(queue, 2, &changed, &why));
    ck_assert_str_eq(due(NOW).log, "b:x@example.net,;");
    ck_assert(!queue_hold(queue, 77, &changed, &why));
    ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
}
END_TEST

START_TEST(test_a_retry_is_due_now)
{
    uint64_t changed;

    add("a", "x@example.net");
    struct taken t = due(NOW);
    const struct queue_outcome o = {t.recipients[0], false, NOW + 300, false, "", "", false};
    settle(t.item, &o, 1, NULL);
    ck_assert(queue_retry(queue, t.item, NOW + 1, &changed, &why));
    ck_assert_uint_eq(changed, 1);
    ck_assert_str_eq(due(NOW + 1).log, "a:x@example.net,;");
}
END_TEST

static bool
log_item(void *arg, const struct queue_item *i)
{
    char *log = arg;

    strcat(log, i->once);
    return strcmp(i->once, "c") != 0;
}

START_TEST(test_what_is_given_up_is_overdue_and_not_due)
{
    const struct queue_deadlines limits = {.expired = NOW + 1};
    struct taken t = {0};
    const struct queue_taker taker = {wants, take, &t};
    uint64_t changed;

    add("a", "x@example.net");
    ck_assert(queue_hold(queue, 1, &changed, &why));
    ck_assert(queue_expire(queue, 1, NOW + 1, &why));
    ck_assert_str_eq(due(NOW + 1000).log, "");
    ck_assert(queue_overdue(queue, &limits, 10, &taker, &why));
    ck_assert_str_eq(t.log, "a:x@example.net,;");
    ck_assert(!queue_expire(queue, 77, NOW, &why));
    ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
}
END_TEST

START_TEST(test_lists_go_in_pieces)
{
    char log[16] = "";

    add("a", "x@example.net");
    add("b", "x@example.net");
    add("c", "x@example.net");
    add("d", "x@example.net");
    ck_assert(queue_list(queue, 0, 2, log_item, log, &why));
    ck_assert_str_eq(log, "ab");
    ck_assert(queue_list(queue, 2, 9, log_item, log, &why));
    ck_assert_str_eq(log, "abc");
}
END_TEST

START_TEST(test_an_account_goes_with_all_that_it_has)
{
    const struct queue_recipient r = recipient("x@example.net");
    char once[16], name[QUEUE_NAME_SIZE];
    struct queue_item other = item("other", &r, 1);
    uint64_t changed;

    for (int i = 0; i < 250; i++) {
        snprintf(once, sizeof(once), "%d", i);
        add(once, "x@example.net");
    }
    write_message(name, "1");
    add_with_file("f", name);
    other.account = "bob@example.org";
    ck_assert(queue_add(queue, &other, 1, &why));
    ck_assert(queue_delete_account(queue, "ann@example.org", NOW, &changed, &why));
    ck_assert_uint_eq(changed, 251);
    ck_assert_uint_eq(counts().items, 1);
    ck_assert_uint_eq(counts().recipients, 1);
    ck_assert_uint_eq(file_count(), 0);
}
END_TEST

START_TEST(test_a_damaged_database_is_said_to_be_so)
{
    int fd = open(database, O_WRONLY | O_TRUNC);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_ptr_null(queue_open(folder, &why));
    ck_assert_int_eq(why.kind, OUTCOME_CORRUPT);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = {
        test_an_item_waits_once,
        test_what_is_done_is_known_after_a_start,
        test_several_are_added_together_or_not_at_all,
        test_all_of_an_item_comes_back,
        test_usage_is_of_one_account,
        test_recipients_of_one_item_come_together,
        test_domains_are_asked_in_small_letters,
        test_not_more_than_max,
        test_what_is_not_taken_or_landed_stays_due,
        test_the_next_one_is_neither_held_nor_in_flight,
        test_the_next_one_after_what_nobody_wants,
        test_what_waits_too_long_is_found_though_it_is_not_due,
        test_who_named_a_time_is_told_by_then,
        test_who_was_told_and_what_is_held_is_not_overdue,
        test_who_watches_hears_of_what_becomes_due,
        test_held_ones_wait_until_released,
        test_a_retry_is_due_now,
        test_what_is_given_up_is_overdue_and_not_due,
        test_lists_go_in_pieces,
        test_an_account_goes_with_all_that_it_has,
        test_a_damaged_database_is_said_to_be_so,
    };

    return queue_fixture_run("queue", tests, COUNT(tests));
}
