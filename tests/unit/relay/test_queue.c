/* SPDX-License-Identifier: MIT
 *
 * The queue of what leaves: added once, handed out when due, gone when over, and the files that it
 * names.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/db.h"
#include "doorstep/relay_queue.h"

#define NOW 1000000
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char folder[64], database[128], messages[128];
static struct queue *queue;
static struct outcome why;

static void
open_queue(void)
{
    queue = queue_open(folder, &why);
    ck_assert_msg(queue != NULL, "%s", why.cause);
}

static void
setup(void)
{
    db_setup();
    strcpy(folder, "/tmp/doorstep-queue-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(database, sizeof(database), "%s/queue/queue.sqlite", folder);
    snprintf(messages, sizeof(messages), "%s/queue/messages", folder);
    open_queue();
}

static unsigned
empty_folder(const char *path, bool remove)
{
    char name[512];
    unsigned count = 0;
    DIR *d = opendir(path);

    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        count++;
        if (remove)
            unlink(name);
    }
    closedir(d);
    return count;
}

static unsigned
file_count(void)
{
    return empty_folder(messages, false);
}

static void
teardown(void)
{
    char path[128];

    queue_close(queue);
    queue = NULL;
    empty_folder(messages, true);
    rmdir(messages);
    snprintf(path, sizeof(path), "%s/queue", folder);
    empty_folder(path, true);
    rmdir(path);
    rmdir(folder);
}

/* ------------------------------------------------------------------ items */

static struct queue_recipient
recipient(const char *address)
{
    return (struct queue_recipient){
        .address = address, .orcpt = "", .last_reply = "", .last_host = ""};
}

static struct queue_item
item(const char *once, const struct queue_recipient *recipients, size_t count)
{
    return (struct queue_item){
        .once = once,
        .kind = "redirect",
        .account = "ann@example.org",
        .delivery_id = "1",
        .queued = NOW,
        .expires = NOW + 100,
        .reverse_path = "bob@example.com",
        .envid = "",
        .by = "",
        .head = span_of("X-Head: 1\r\n"),
        .text = span_of("Subject: a\r\n\r\n"),
        .file = "",
        .octets = 14,
        .recipients = recipients,
        .recipient_count = count,
    };
}

static void
add(const char *once, const char *address)
{
    const struct queue_recipient r = recipient(address);
    const struct queue_item i = item(once, &r, 1);

    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
}

static struct queue_counts
counts(void)
{
    struct queue_counts c;

    ck_assert(queue_count(queue, &c, &why));
    return c;
}

/* ------------------------------------------------------------------ taking */

struct taken {
    int64_t item, recipients[8];
    size_t count; /* of recipients */
    unsigned items;
    bool refuse;
    const char *unwanted;
    char log[256]; /* "once:address,address;" */
};

static bool
wants(void *arg, const char *domain)
{
    struct taken *t = arg;

    return t->unwanted == NULL || strcmp(t->unwanted, domain) != 0;
}

static bool
take(void *arg, const struct queue_item *i)
{
    struct taken *t = arg;

    snprintf(t->log + strlen(t->log), sizeof(t->log) - strlen(t->log), "%s:", i->once);
    t->item = i->id;
    t->items++;
    for (size_t k = 0; k < i->recipient_count; k++) {
        if (t->count < COUNT(t->recipients))
            t->recipients[t->count] = i->recipients[k].id;
        t->count++;
        snprintf(t->log + strlen(t->log), sizeof(t->log) - strlen(t->log), "%s,",
                 i->recipients[k].address);
    }
    snprintf(t->log + strlen(t->log), sizeof(t->log) - strlen(t->log), ";");
    return !t->refuse;
}

static struct taken
due_unwanted(time_t now, unsigned max, const char *unwanted)
{
    struct taken t = {.unwanted = unwanted};
    const struct queue_taker taker = {wants, take, &t};

    ck_assert_msg(queue_due(queue, now, max, &taker, &why), "%s", why.cause);
    return t;
}

static struct taken
due(time_t now)
{
    return due_unwanted(now, 100, NULL);
}

static void
settle(int64_t id, const struct queue_outcome *outcomes, size_t count, const struct queue_item *dsn)
{
    const struct queue_settlement s = {id, outcomes, count, dsn};

    ck_assert_msg(queue_settle(queue, &s, 1, NOW, &why), "%s", why.cause);
}

static void
end_all(const struct taken *t)
{
    struct queue_outcome o[8] = {{0}};

    for (size_t i = 0; i < t->count; i++)
        o[i] = (struct queue_outcome){t->recipients[i], true, 0, false, "", "", false};
    settle(t->item, o, t->count, NULL);
}

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

static void
write_message(char name[QUEUE_NAME_SIZE], const char *text)
{
    struct queue_message *m = queue_message_begin(queue, &why);

    ck_assert_ptr_nonnull(m);
    ck_assert(queue_message_write(m, span_of(text), &why));
    ck_assert(queue_message_commit(m, name, &why));
}

static void
add_with_file(const char *once, const char *file)
{
    const struct queue_recipient r = recipient("x@example.net");
    struct queue_item i = item(once, &r, 1);

    i.text = SPAN_NONE;
    i.file = file;
    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
}

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

/* ------------------------------------------------------------------ rescue */

#define PAGE 1024
#define RESCUED 40

/* What an item must still be after a rescue. */
static bool
check_rescued(void *arg, const struct queue_item *i)
{
    unsigned *seen = arg, n = 0;
    char address[64];

    ck_assert_int_eq(sscanf(i->once, "item %u", &n), 1);
    ck_assert_uint_lt(n, RESCUED);
    snprintf(address, sizeof(address), "x%u@example.net", n);
    ck_assert_uint_eq(i->recipient_count, 1);
    ck_assert_str_eq(i->recipients[0].address, address);
    ck_assert_str_eq(i->account, "ann@example.org");
    ck_assert_int_eq(i->expires, NOW + 100);
    ++*seen;
    return true;
}

static void
add_to_be_rescued(unsigned n, const char *file)
{
    char once[32], address[64], text[400];

    snprintf(once, sizeof(once), "item %u", n);
    snprintf(address, sizeof(address), "x%u@example.net", n);
    memset(text, 'a' + (int)(n % 26), sizeof(text));
    const struct queue_recipient r = recipient(address);
    struct queue_item i = item(once, &r, 1);
    i.text = file[0] == '\0' ? (struct span){text, sizeof(text)} : SPAN_NONE;
    i.file = file;
    i.octets = sizeof(text);
    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
}

static void
write_page(const char *path, long page, const char octets[PAGE], char before[PAGE])
{
    FILE *f = fopen(path, "r+b");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, page * PAGE, SEEK_SET), 0);
    if (before != NULL)
        ck_assert_uint_eq(fread(before, 1, PAGE, f), PAGE);
    ck_assert_int_eq(fseek(f, page * PAGE, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(octets, 1, PAGE, f), PAGE);
    ck_assert_int_eq(fclose(f), 0);
}

static long
page_count(const char *path)
{
    struct stat st;

    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_size / PAGE;
}

/* The damaged one back into its place, and mended; the rescued one goes. */
static void
undo_rescue(const struct queue_rescued *r, long page, const char before[PAGE])
{
    char path[QUEUE_FOLDER_SIZE + 64], queues[128];

    snprintf(queues, sizeof(queues), "%s/queue", folder);
    snprintf(path, sizeof(path), "%s/queue", r->folder);
    ck_assert_int_eq(renameat2(AT_FDCWD, path, AT_FDCWD, queues, RENAME_EXCHANGE), 0);
    snprintf(path, sizeof(path), "%s/queue/messages", r->folder);
    empty_folder(path, true);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/queue", r->folder);
    empty_folder(path, true);
    rmdir(path);
    ck_assert_int_eq(rmdir(r->folder), 0);
    write_page(database, page, before, NULL);
}

/* One page of it is damaged: how many items are there after a rescue? */
static unsigned
rescue_from(long page)
{
    char before[PAGE], damage[PAGE];
    struct queue_rescued r;
    unsigned seen = 0;

    memset(damage, 0xa5, sizeof(damage));
    write_page(database, page, damage, before);
    queue = queue_open(folder, &why);
    if (queue != NULL) { /* a page that is free */
        queue_close(queue);
        write_page(database, page, before, NULL);
        return RESCUED;
    }
    ck_assert_int_eq(why.kind, OUTCOME_CORRUPT);
    ck_assert_msg(queue_rescue(folder, NOW, &r, &why), "%s", why.cause);
    open_queue();
    ck_assert(queue_list(queue, 0, 1000, check_rescued, &seen, &why));
    ck_assert_uint_eq(seen, r.items);
    ck_assert(r.items == 0 || r.items + r.lost >= RESCUED);
    queue_close(queue);
    undo_rescue(&r, page, before);
    return seen;
}

/* Each page in turn. What is lost with a page of rows is little; the schema is in the first ones,
 * and without it there are no rows. */
START_TEST(test_what_can_be_read_is_rescued)
{
    unsigned most = 0, all = 0, none = 0;

    for (unsigned n = 0; n < RESCUED; n++)
        add_to_be_rescued(n, n == 7 ? "file7" : "");
    struct queue_message *m = queue_message_begin_as(queue, "file7", &why);
    char name[QUEUE_NAME_SIZE];
    ck_assert_ptr_nonnull(m);
    ck_assert(queue_message_commit(m, name, &why));
    queue_close(queue);
    const long pages = page_count(database);
    for (long page = 0; page < pages; page++) {
        const unsigned seen = rescue_from(page);
        all += seen == RESCUED;
        most += seen >= RESCUED - 6;
        none += seen == 0;
    }
    open_queue();
    ck_assert_int_gt(pages, 20);
    ck_assert_uint_gt(all, 0);
    ck_assert_uint_gt(most, all);
    ck_assert_uint_lt(none, (unsigned)pages / 2);
}
END_TEST

/* What was sent is not sent again by the journal. */
START_TEST(test_what_is_done_stays_done_after_a_rescue)
{
    struct queue_rescued r;

    add("a", "x@example.net");
    add("b", "x@example.net");
    ck_assert(queue_delete(queue, 1, NOW, &why));
    queue_close(queue);
    ck_assert_msg(queue_rescue(folder, NOW, &r, &why), "%s", why.cause);
    open_queue();
    ck_assert_uint_eq(r.items, 1);
    ck_assert_uint_eq(r.lost, 0);
    add("a", "x@example.net");
    ck_assert_uint_eq(counts().items, 1);
    queue_close(queue);
    char unharmed[PAGE];
    FILE *f = fopen(database, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(unharmed, 1, PAGE, f), PAGE);
    fclose(f);
    undo_rescue(&r, 0, unharmed);
    open_queue();
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("queue");
    TCase *t = tcase_create("all");

    tcase_set_timeout(t, 60); /* a rescue syncs what it makes */
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
        test_who_was_told_and_what_is_held_is_not_overdue,
        test_who_watches_hears_of_what_becomes_due,
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
        test_held_ones_wait_until_released,
        test_a_retry_is_due_now,
        test_what_is_given_up_is_overdue_and_not_due,
        test_lists_go_in_pieces,
        test_an_account_goes_with_all_that_it_has,
        test_a_damaged_database_is_said_to_be_so,
        test_what_can_be_read_is_rescued,
        test_what_is_done_stays_done_after_a_rescue,
    };

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(t, tests[i]);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
