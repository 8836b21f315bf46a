/* SPDX-License-Identifier: MIT
 *
 * A journal in use: what was synced is given back in order; segments turn, are freed and used
 * again; numbers grow over restarts; what is too big or too much is refused.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "format_priv.h"

#define FIRST "worker-01-00.journal"

static void
sync_ok(struct journal *j)
{
    ck_assert_msg(journal_sync(j, &why), "%s", why.cause);
}

START_TEST(a_missing_folder_is_an_empty_journal)
{
    struct journal_usage usage;
    struct journal_reader *r = journal_reader_open("/nonexistent/journal", &why);

    ck_assert_ptr_nonnull(r);
    journal_reader_usage(r, &usage);
    ck_assert_uint_eq(usage.segments, 0);
    ck_assert(journal_reader_clear(r, 1, &why));
    journal_reader_close(r);
}
END_TEST

START_TEST(records_come_back_in_order)
{
    struct journal *j = open_writer(4);
    struct span parts[] = {SPAN("a"), SPAN_NONE, SPAN("bc")};
    uint64_t segment;

    ck_assert_str_eq(content(), "");
    sync_ok(j); /* nothing to do */
    ck_assert_uint_eq(add(j, "one"), 1);
    ck_assert_uint_eq(add(j, "two"), 1);
    sync_ok(j);
    ck_assert(journal_add(j, 16, parts, 3, &segment, &why));
    ck_assert(journal_add(j, 65535, NULL, 0, &segment, &why));
    ck_assert_str_eq(content(), "20:one 20:two");
    sync_ok(j);
    add(j, "dropped");
    journal_close(j);
    ck_assert_str_eq(content(), "20:one 20:two 16:abc 65535:");
}
END_TEST

START_TEST(a_batch_may_span_segments)
{
    struct journal *j = open_writer(4);

    ck_assert_uint_eq(add_filled(j, 'a', 40000), 1);
    ck_assert_uint_eq(add_filled(j, 'b', 40000), 2);
    ck_assert_uint_eq(add_filled(j, 'c', 10000), 2);
    ck_assert_uint_eq(add_filled(j, 'd', 30000), 3);
    sync_ok(j);
    ck_assert_str_eq(content(), "20:a*40000 20:b*40000 20:c*10000 20:d*30000");
    ck_assert_uint_eq(journal_oldest(j), 1);
    ck_assert_uint_eq(journal_current(j), 3);
    ck_assert(journal_is_pressed(j));
    journal_close(j);
}
END_TEST

START_TEST(freed_segments_are_used_again)
{
    struct journal *j = open_writer(2);
    uint64_t segment = 0;
    struct span part = SPAN("x");

    for (uint64_t n = 1; n < 20; n++) {
        ck_assert_uint_eq(add_filled(j, 'a', 60000), n);
        sync_ok(j);
        journal_free(j, journal_current(j));
        ck_assert_uint_eq(journal_oldest(j), n);
        ck_assert(!journal_is_pressed(j));
    }
    ck_assert_uint_eq(add_filled(j, 'b', 60000), 20);
    sync_ok(j);
    ck_assert(journal_is_pressed(j));
    ck_assert_str_eq(content(), "20:a*60000 20:b*60000");
    journal_turn(j);
    ck_assert(!journal_add(j, 20, &part, 1, &segment, &why));
    ck_assert_int_eq(why.kind, OUTCOME_DISK_FULL);
    journal_free(j, 20);
    ck_assert_uint_eq(add(j, "freed 19"), 21);
    sync_ok(j);
    ck_assert_str_eq(content(), "20:b*60000 20:freed 19");
    journal_close(j);
    ck_assert_int_ne(access(path("worker-01-02.journal"), F_OK), 0);
}
END_TEST

START_TEST(what_was_freed_stays_freed_with_the_next_sync)
{
    struct journal *j = open_writer(4);

    add(j, "one");
    sync_ok(j);
    journal_turn(j);
    ck_assert_uint_eq(journal_current(j), 2);
    journal_free(j, 2);
    ck_assert_uint_eq(journal_oldest(j), 2);
    ck_assert_str_eq(content(), "20:one");
    add(j, "two");
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:two");
}
END_TEST

START_TEST(what_was_freed_stays_freed_when_one_is_prepared)
{
    struct journal *j = open_writer(3);

    add(j, "one");
    sync_ok(j);
    ck_assert(journal_prepare(j)); /* segment 2, which knows of nothing that is free */
    journal_turn(j);
    journal_free(j, 2);
    ck_assert_str_eq(content(), "20:one");
    ck_assert(journal_prepare(j));
    ck_assert(!journal_prepare(j));
    ck_assert_str_eq(content(), "");
    ck_assert_uint_eq(add(j, "two"), 2);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:two");
}
END_TEST

START_TEST(a_writer_leaves_what_a_crash_has_left)
{
    struct journal_reader *r;
    struct journal *j = open_writer(2);

    add(j, "one");
    sync_ok(j);
    journal_turn(j);
    add(j, "two");
    sync_ok(j);
    journal_close(j);
    r = journal_reader_open(folder, &why);
    j = open_writer(2);
    ck_assert_uint_eq(journal_current(j), 3);
    ck_assert_uint_eq(journal_oldest(j), 3);
    ck_assert_uint_eq(add(j, "two again"), 3);
    sync_ok(j);
    journal_turn(j);
    journal_free(j, 4);
    ck_assert_uint_eq(add(j, "four"), 4);
    sync_ok(j);
    ck_assert_str_eq(content(), "20:one 20:two 20:four");
    ck_assert(journal_reader_clear(r, 2, &why));
    ck_assert_str_eq(content(), "20:four");
    journal_reader_close(r);
    ck_assert_uint_eq(add(j, "still writing"), 4);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:four 20:still writing");
}
END_TEST

/* The file that a reader knew by a name is not the one that has it now. */
START_TEST(clear_twice_spares_a_later_writer)
{
    struct journal_reader *r;
    struct journal *j = open_writer(2);

    add(j, "one");
    sync_ok(j);
    journal_close(j);
    r = journal_reader_open(folder, &why);
    ck_assert(journal_reader_clear(r, 2, &why));
    ck_assert_int_ne(access(path(FIRST), F_OK), 0);
    j = open_writer(2);
    add(j, "later");
    sync_ok(j);
    ck_assert_int_eq(access(path(FIRST), F_OK), 0);
    ck_assert(journal_reader_clear(r, 2, &why));
    journal_reader_close(r);
    journal_close(j);
    ck_assert_str_eq(content(), "20:later");
}
END_TEST

START_TEST(numbers_grow_over_restarts)
{
    struct journal *j = open_writer(4);

    add(j, "one");
    sync_ok(j);
    journal_turn(j);
    journal_free(j, 2);
    add(j, "two");
    sync_ok(j);
    journal_close(j);
    j = open_writer(4);
    ck_assert_uint_eq(add(j, "three"), 3);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:two 20:three");
}
END_TEST

START_TEST(a_record_has_a_largest_size)
{
    struct journal *j = open_writer(2);
    size_t max = journal_record_max(j);
    char *big = calloc(1, max + 1);
    struct span part = {big, max + 1}, huge[] = {{big, 10}, {big, SIZE_MAX - 5}};
    uint64_t segment;

    ck_assert(!journal_add(j, 20, &part, 1, &segment, &why));
    ck_assert_int_eq(why.kind, OUTCOME_TOO_BIG);
    ck_assert(!journal_add(j, 20, huge, 2, &segment, &why));
    ck_assert_int_eq(why.kind, OUTCOME_TOO_BIG);
    add(j, "before");
    ck_assert_uint_eq(add_filled(j, 'm', max), 2);
    sync_ok(j);
    journal_close(j);
    free(big);
    ck_assert_uint_eq(max, 65536 - 4096 - 64 - 16);
    ck_assert_str_eq(content(), "20:before 20:m*61360");
}
END_TEST

START_TEST(a_prepared_segment_is_the_next_one)
{
    struct journal *j = open_writer(3);

    ck_assert(journal_prepare(j));
    ck_assert(!journal_prepare(j));
    ck_assert_uint_eq(journal_current(j), 1);
    ck_assert_uint_eq(add(j, "one"), 1);
    sync_ok(j);
    ck_assert(journal_prepare(j));
    ck_assert(!journal_prepare(j));
    journal_turn(j);
    ck_assert_uint_eq(add(j, "two"), 2);
    sync_ok(j);
    journal_free(j, 2);
    ck_assert(journal_prepare(j));
    journal_turn(j);
    ck_assert_uint_eq(add(j, "three"), 3);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:two 20:three");
    ck_assert_int_ne(access(path("worker-01-02.journal"), F_OK), 0);
}
END_TEST

static void *
prepare_on(void *arg)
{
    struct journal *j = arg;

    for (int i = 0; i < 20000; i++)
        if (!journal_prepare(j))
            sched_yield();
    return NULL;
}

START_TEST(another_thread_prepares_segments)
{
    struct journal *j = open_writer(4);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, prepare_on, j), 0);
    for (uint64_t n = 1; n < 200; n++) {
        ck_assert_uint_eq(add_filled(j, 'a', 40000), n);
        sync_ok(j);
        ck_assert_uint_eq(journal_current(j), n);
        journal_free(j, n > 2 ? n - 2 : 0);
        ck_assert_uint_ge(journal_oldest(j) + 3, n);
        (void)journal_is_pressed(j);
    }
    pthread_join(thread, NULL);
    journal_free(j, 199);
    ck_assert_uint_eq(add(j, "end"), 199);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:a*40000 20:end");
}
END_TEST

START_TEST(two_writers_share_a_folder)
{
    struct journal_options options = {
        .folder = folder, .number = 0, .segment_octets = 65536, .segments_max = 2};
    struct journal *one = open_writer(2), *zero = journal_open(&options, &why);

    add(one, "b");
    sync_ok(one);
    add(zero, "a");
    sync_ok(zero);
    add(one, "c");
    sync_ok(one);
    ck_assert_str_eq(content(), "20:a 20:b 20:c");
    journal_close(one);
    journal_close(zero);
}
END_TEST

/* make_free() - two free files of writer 1. */
static void
make_free(void)
{
    struct journal *j = open_writer(2);

    ck_assert(journal_prepare(j));
    add(j, "x");
    ck_assert(journal_prepare(j));
    journal_close(j);
    for (int i = 0; i < 2; i++) {
        size_t n;
        const char *name = i == 0 ? FIRST : "worker-01-01.journal";
        char *data = read_whole(name, &n);
        struct segment_head head;
        ck_assert(format_parse_segment(&head, (uint8_t *)data));
        head.is_free = true;
        format_print_segment(&head, (uint8_t *)data);
        write_whole(name, data, n);
        free(data);
    }
}

START_TEST(clear_removes_free_files_of_writers_beyond)
{
    struct journal_reader *r;
    struct journal_usage usage;

    make_free();
    r = journal_reader_open(folder, &why);
    journal_reader_usage(r, &usage);
    ck_assert_uint_eq(usage.segments, 2);
    ck_assert_uint_eq(usage.live, 0);
    ck_assert_uint_eq(usage.records, 0);
    ck_assert_uint_eq(usage.octets, 2 * 65536);
    ck_assert(journal_reader_clear(r, 2, &why));
    ck_assert_int_eq(access(path(FIRST), F_OK), 0);
    ck_assert(journal_reader_clear(r, 1, &why));
    ck_assert_int_ne(access(path(FIRST), F_OK), 0);
    ck_assert_int_ne(access(path("worker-01-01.journal"), F_OK), 0);
    journal_reader_close(r);
}
END_TEST

START_TEST(a_new_segment_size_is_taken_up)
{
    struct journal_options options = {
        .folder = folder, .number = 1, .segment_octets = 100000, .segments_max = 2};
    struct journal *j;
    struct stat st;

    make_free();
    j = journal_open(&options, &why);
    ck_assert_ptr_nonnull(j);
    ck_assert_uint_eq(add_filled(j, 'a', 90000), 3);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:a*90000");
    ck_assert_int_eq(stat(path(FIRST), &st), 0);
    ck_assert_int_eq(st.st_size, 102400);
}
END_TEST

START_TEST(free_files_are_adopted)
{
    struct journal *j;

    make_free();
    j = open_writer(2);
    ck_assert_uint_eq(journal_current(j), 3);
    ck_assert_uint_eq(add(j, "three"), 3);
    journal_turn(j);
    ck_assert_uint_eq(add(j, "four"), 4);
    sync_ok(j);
    journal_close(j);
    ck_assert_str_eq(content(), "20:three 20:four");
    ck_assert_int_ne(access(path("worker-01-02.journal"), F_OK), 0);
}
END_TEST

START_TEST(other_files_are_unknown_and_stay)
{
    struct journal *j = open_writer(2);
    size_t n;
    char *data;

    add(j, "x");
    sync_ok(j);
    journal_close(j);
    data = read_whole(FIRST, &n);
    ck_assert_int_eq(symlink(FIRST, path("worker-01-01.journal")), 0);
    ck_assert_int_eq(mkfifo(path("worker-01-02.journal"), 0600), 0);
    write_whole("worker-01-03.journal", "", 0);
    write_whole("worker-01-04.journal", "not a journal\n", 14);
    write_whole("worker-02-00.journal", data, n); /* of another writer */
    write_whole("copy.journal", data, n);
    write_whole("worker-1-1.journal", data, n);
    data[8] = 2; /* a later version */
    write_whole("worker-01-05.journal", data, n);
    write_whole("worker-01-06.new", data, n); /* these two are not looked at */
    write_whole("worker-01-00.journal.aside", data, n);
    free(data);
    ck_assert_str_eq(content(),
                     "unknown unknown unknown unknown unknown unknown unknown unknown 20:x");
    clear_all();
    ck_assert_str_eq(content(), "unknown unknown unknown unknown unknown unknown unknown unknown");
}
END_TEST

static const struct {
    const char *name;
    uint64_t octets;
    unsigned segments;
} refused[] = {
    {"a segment below 64 KiB", 65535 - 4096, 2},
    {"a segment of more than 256 MiB", 256ull * 1024 * 1024 + 1, 2},
    {"one segment", 65536, 1},
};

START_TEST(impossible_options_are_refused)
{
    struct journal_options options = {.folder = folder,
                                      .number = 1,
                                      .segment_octets = refused[_i].octets,
                                      .segments_max = refused[_i].segments};

    ck_assert_msg(journal_open(&options, &why) == NULL, "%s", refused[_i].name);
    ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("use");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, fixture_open, fixture_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_missing_folder_is_an_empty_journal);
    tcase_add_test(t, records_come_back_in_order);
    tcase_add_test(t, a_batch_may_span_segments);
    tcase_add_test(t, freed_segments_are_used_again);
    tcase_add_test(t, what_was_freed_stays_freed_with_the_next_sync);
    tcase_add_test(t, numbers_grow_over_restarts);
    tcase_add_test(t, a_new_segment_size_is_taken_up);
    tcase_add_test(t, a_record_has_a_largest_size);
    tcase_add_test(t, a_prepared_segment_is_the_next_one);
    tcase_add_test(t, another_thread_prepares_segments);
    tcase_add_test(t, two_writers_share_a_folder);
    tcase_add_test(t, what_was_freed_stays_freed_when_one_is_prepared);
    tcase_add_test(t, a_writer_leaves_what_a_crash_has_left);
    tcase_add_test(t, clear_twice_spares_a_later_writer);
    tcase_add_test(t, clear_removes_free_files_of_writers_beyond);
    tcase_add_test(t, free_files_are_adopted);
    tcase_add_test(t, other_files_are_unknown_and_stay);
    tcase_add_loop_test(t, impossible_options_are_refused, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
