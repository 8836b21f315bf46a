/* SPDX-License-Identifier: MIT */
#include "queue_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/db.h"

char folder[64], database[128], messages[128];
struct queue *queue;
struct outcome why;

void
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

unsigned
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

unsigned
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

struct queue_recipient
recipient(const char *address)
{
    return (struct queue_recipient){
        .address = address, .orcpt = "", .last_reply = "", .last_host = ""};
}

struct queue_item
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

void
add(const char *once, const char *address)
{
    const struct queue_recipient r = recipient(address);
    const struct queue_item i = item(once, &r, 1);

    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
}

struct queue_counts
counts(void)
{
    struct queue_counts c;

    ck_assert(queue_count(queue, &c, &why));
    return c;
}

/* ------------------------------------------------------------------ taking */

bool
wants(void *arg, const char *domain)
{
    struct taken *t = arg;

    return t->unwanted == NULL || strcmp(t->unwanted, domain) != 0;
}

bool
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

struct taken
due_unwanted(time_t now, unsigned max, const char *unwanted)
{
    struct taken t = {.unwanted = unwanted};
    const struct queue_taker taker = {wants, take, &t};

    ck_assert_msg(queue_due(queue, now, max, &taker, &why), "%s", why.cause);
    return t;
}

struct taken
due(time_t now)
{
    return due_unwanted(now, 100, NULL);
}

void
settle(int64_t id, const struct queue_outcome *outcomes, size_t count, const struct queue_item *dsn)
{
    const struct queue_settlement s = {id, outcomes, count, dsn};

    ck_assert_msg(queue_settle(queue, &s, 1, NOW, &why), "%s", why.cause);
}

void
end_all(const struct taken *t)
{
    struct queue_outcome o[8] = {{0}};

    for (size_t i = 0; i < t->count; i++)
        o[i] = (struct queue_outcome){t->recipients[i], true, 0, false, "", "", false};
    settle(t->item, o, t->count, NULL);
}

/* ------------------------------------------------------------------ files */

void
write_message(char name[QUEUE_NAME_SIZE], const char *text)
{
    struct queue_message *m = queue_message_begin(queue, &why);

    ck_assert_ptr_nonnull(m);
    ck_assert(queue_message_write(m, span_of(text), &why));
    ck_assert(queue_message_commit(m, name, &why));
}

void
add_with_file(const char *once, const char *file)
{
    const struct queue_recipient r = recipient("x@example.net");
    struct queue_item i = item(once, &r, 1);

    i.text = SPAN_NONE;
    i.file = file;
    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
}

int
queue_fixture_run(const char *name, const TTest *const tests[], size_t count)
{
    Suite *s = suite_create(name);
    TCase *t = tcase_create("all");

    tcase_set_timeout(t, 60); /* a rescue syncs what it makes */
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(t, tests[i]);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
