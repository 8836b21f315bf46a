/* SPDX-License-Identifier: MIT
 *
 * The queue of what leaves: what became of an attempt, and the files that items name.
 */
#include "queue_fixture.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ settling */

static bool
check_unattempted(void *arg, const struct queue_item *i)
{
    (void)arg;
    ck_assert_uint_eq(i->recipients[0].attempts, 0);
    ck_assert_int_eq(i->recipients[0].next_attempt, NOW + 300);
    return true;
}

START_TEST(test_what_was_put_off_was_no_attempt)
{
    add("a", "x@example.net");
    struct taken t = due(NOW);
    const struct queue_outcome o = {.recipient = t.recipients[0],
                                    .next_attempt = NOW + 300,
                                    .reply = "",
                                    .host = "",
                                    .was_put_off = true};
    const struct queue_settlement s = {t.item, &o, 1, NULL};

    ck_assert(queue_settle(queue, &s, 1, NOW, &why));
    ck_assert(queue_show(queue, t.item, check_unattempted, NULL, &why));
    ck_assert_uint_eq(due(NOW + 300).items, 1);
}
END_TEST

static bool
take_id(void *arg, const struct queue_item *i)
{
    *(int64_t *)arg = i->id;
    return true;
}

START_TEST(test_no_number_comes_a_second_time)
{
    const struct queue_taker taker = {NULL, take, &(struct taken){0}};
    int64_t first = 0, second = 0;

    add("a", "x@example.net");
    ck_assert(queue_list(queue, 0, 1, take_id, &first, &why));
    ck_assert(queue_due(queue, NOW, 1, &taker, &why)); /* in flight */
    ck_assert(queue_delete(queue, first, NOW, &why));
    add("b", "x@example.net");
    ck_assert(queue_list(queue, 0, 1, take_id, &second, &why));
    ck_assert_int_ne(first, second);
    ck_assert_uint_eq(due(NOW).items, 1);
}
END_TEST

static bool
check_put_off(void *arg, const struct queue_item *i)
{
    (void)arg;
    ck_assert_uint_eq(i->recipient_count, 1);
    ck_assert_uint_eq(i->recipients[0].attempts, 1);
    ck_assert_int_eq(i->recipients[0].next_attempt, NOW + 300);
    ck_assert(i->recipients[0].is_delay_told);
    ck_assert_str_eq(i->recipients[0].last_reply, "451 4.3.0 later");
    ck_assert_str_eq(i->recipients[0].last_host, "mx[192.0.2.1]:25");
    ck_assert_uint_eq(i->head.n + i->text.n, 0);
    return true;
}

START_TEST(test_one_goes_and_one_waits)
{
    const struct queue_recipient r[] = {recipient("x@example.net"), recipient("y@example.net")};
    const struct queue_item i = item("a", r, 2);

    ck_assert(queue_add(queue, &i, 1, &why));
    struct taken t = due(NOW);
    const struct queue_outcome o[] = {
        {t.recipients[0], true, 0, false, "250 ok", "mx", false},
        {t.recipients[1], false, NOW + 300, true, "451 4.3.0 later", "mx[192.0.2.1]:25", false},
    };
    settle(t.item, o, 2, NULL);
    ck_assert(queue_list(queue, 0, 10, check_put_off, NULL, &why));
    ck_assert_str_eq(due(NOW + 299).log, "");
    ck_assert_str_eq(due(NOW + 300).log, "a:y@example.net,;");
}
END_TEST

START_TEST(test_a_report_comes_with_the_end)
{
    const struct queue_recipient sender = recipient("bob@example.com");
    struct queue_item dsn = item("a/dsn", &sender, 1);
    dsn.kind = "dsn";
    dsn.reverse_path = "";

    add("a", "x@example.net");
    struct taken t = due(NOW);
    const struct queue_outcome o = {t.recipients[0], true, 0, false, "550 no", "mx", false};
    struct queue_item wrong = dsn;
    wrong.recipient_count = 0;
    const struct queue_settlement bad = {t.item, &o, 1, &wrong};
    ck_assert(!queue_settle(queue, &bad, 1, NOW, &why));
    ck_assert_str_eq(due(NOW).log, ""); /* in flight still, and still there */
    ck_assert_uint_eq(counts().items, 1);
    settle(t.item, &o, 1, &dsn);
    ck_assert_str_eq(due(NOW).log, "a/dsn:bob@example.com,;");
}
END_TEST

START_TEST(test_what_was_deleted_meanwhile_is_left_out)
{
    add("a", "x@example.net");
    struct taken t = due(NOW);
    ck_assert(queue_delete(queue, t.item, NOW, &why));
    end_all(&t);
    ck_assert_uint_eq(counts().items, 0);
    add("a", "x@example.net");
    ck_assert_uint_eq(counts().items, 0);
}
END_TEST

START_TEST(test_what_is_done_is_forgotten_when_it_is_old)
{
    bool more;

    add("a", "x@example.net");
    struct taken t = due(NOW);
    end_all(&t);
    ck_assert(queue_forget(queue, NOW, &more, &why));
    add("a", "x@example.net");
    ck_assert_uint_eq(counts().items, 0);
    ck_assert(queue_forget(queue, NOW + 1, &more, &why));
    ck_assert(!more);
    add("a", "x@example.net");
    ck_assert_uint_eq(counts().items, 1);
}
END_TEST

/* ------------------------------------------------------------------ files */

START_TEST(test_a_file_goes_with_the_last_item_that_names_it)
{
    char name[QUEUE_NAME_SIZE], text[16] = "";

    write_message(name, "Subject: b\r\n");
    add_with_file("a", name);
    add_with_file("b", name);
    struct taken t = due_unwanted(NOW, 1, NULL);
    end_all(&t);
    ck_assert_uint_eq(file_count(), 1);
    queue_message_remove(queue, name);
    int fd = queue_message_open(queue, name, &why);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(read(fd, text, sizeof(text)), 12);
    ck_assert_str_eq(text, "Subject: b\r\n");
    close(fd);
    ck_assert(queue_delete(queue, 2, NOW, &why));
    ck_assert_uint_eq(file_count(), 0);
    ck_assert_int_eq(queue_message_open(queue, name, &why), -1);
}
END_TEST

START_TEST(test_two_names_share_a_file)
{
    char name[QUEUE_NAME_SIZE], text[16] = "";

    write_message(name, "Subject: b\r\n");
    int fd = queue_message_open(queue, name, &why);
    ck_assert(queue_message_link(queue, fd, "OTHER", &why));
    ck_assert(!queue_message_link(queue, fd, "OTHER", &why));
    ck_assert(!queue_message_link(queue, fd, "../OTHER", &why));
    close(fd);
    queue_message_remove(queue, name);
    fd = queue_message_open(queue, "OTHER", &why);
    ck_assert_int_eq(read(fd, text, sizeof(text)), 12);
    close(fd);
}
END_TEST

START_TEST(test_a_sweep_leaves_what_is_named_or_new)
{
    char name[QUEUE_NAME_SIZE], lost[QUEUE_NAME_SIZE];

    write_message(name, "1");
    write_message(lost, "2");
    add_with_file("a", name);
    ck_assert(queue_sweep(queue, time(NULL) - 1000, &why));
    ck_assert_uint_eq(file_count(), 2);
    ck_assert(queue_sweep(queue, time(NULL) + 1000, &why));
    ck_assert_uint_eq(file_count(), 1);
    int fd = queue_message_open(queue, name, &why);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

START_TEST(test_names_that_lead_elsewhere_are_none)
{
    static const char *const names[] = {"",
                                        "../queue.sqlite",
                                        ".",
                                        "a/b",
                                        "a.b",
                                        "a\nb",
                                        "0123456789012345678901234567890123456789"};

    for (size_t i = 0; i < COUNT(names); i++) {
        ck_assert_int_eq(queue_message_open(queue, names[i], &why), -1);
        queue_message_remove(queue, names[i]);
    }
    ck_assert_int_eq(access(database, F_OK), 0);
}
END_TEST

START_TEST(test_an_abandoned_message_leaves_nothing)
{
    struct queue_message *m = queue_message_begin(queue, &why);

    ck_assert(queue_message_write(m, span_of("a"), &why));
    queue_message_abandon(m);
    ck_assert_uint_eq(file_count(), 0);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = {
        test_what_was_put_off_was_no_attempt,
        test_no_number_comes_a_second_time,
        test_one_goes_and_one_waits,
        test_a_report_comes_with_the_end,
        test_what_was_deleted_meanwhile_is_left_out,
        test_what_is_done_is_forgotten_when_it_is_old,
        test_a_file_goes_with_the_last_item_that_names_it,
        test_two_names_share_a_file,
        test_a_sweep_leaves_what_is_named_or_new,
        test_names_that_lead_elsewhere_are_none,
        test_an_abandoned_message_leaves_nothing,
    };

    return queue_fixture_run("queue_settle", tests, COUNT(tests));
}
