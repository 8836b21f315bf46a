/* SPDX-License-Identifier: MIT
 *
 * A queue whose database is damaged: what can be read is rescued, page by page.
 */
#include "queue_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    const TTest *const tests[] = {
        test_what_can_be_read_is_rescued,
        test_what_is_done_stays_done_after_a_rescue,
    };

    return queue_fixture_run("queue_rescue", tests, COUNT(tests));
}
