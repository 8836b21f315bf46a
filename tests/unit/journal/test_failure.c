/* SPDX-License-Identifier: MIT
 *
 * One call fails (disk.h): which records are told to be lost, and that a reader agrees.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "fixture.h"

static void
setup(void)
{
    fixture_open();
    disk_begin(folder, 1);
}

static void
teardown(void)
{
    disk_end();
    fixture_close();
}

static const struct {
    const char *name;
    enum disk_call call;
    int error;
    enum outcome_kind kind;
} failures[] = {
    {"a sync that fails", DISK_FDATASYNC, EIO, OUTCOME_SYSTEM},
    {"a sync without room", DISK_FDATASYNC, ENOSPC, OUTCOME_DISK_FULL},
    {"a write that fails", DISK_PWRITE, EIO, OUTCOME_SYSTEM},
    {"a write without room", DISK_PWRITE, ENOSPC, OUTCOME_DISK_FULL},
    {"a write over quota", DISK_PWRITE, EDQUOT, OUTCOME_OVER_QUOTA},
};

START_TEST(what_failed_does_not_come_back)
{
    struct journal *j = open_writer(3);

    add(j, "kept");
    ck_assert(journal_sync(j, &why));
    add(j, "written before");
    ck_assert(journal_write(j, &why));
    add(j, "lost");
    disk_fail(failures[_i].call, 0, failures[_i].error);
    ck_assert_msg(!journal_sync(j, &why), "%s", failures[_i].name);
    ck_assert_int_eq(why.kind, failures[_i].kind);
    ck_assert_str_eq(content(), "20:kept");
    ck_assert(journal_sync(j, &why)); /* nothing waits any more */
    ck_assert_uint_eq(add(j, "after"), 2);
    ck_assert(journal_sync(j, &why));
    ck_assert_str_eq(content(), "20:kept 20:after");
    journal_turn(j);
    journal_free(j, 3);
    for (uint64_t n = 3; n < 9; n++) { /* its file is replaced and used again */
        ck_assert_uint_eq(add_filled(j, 'a', 60000), n);
        ck_assert(journal_sync(j, &why));
        journal_free(j, n);
    }
    ck_assert_str_eq(content(), "20:a*60000 20:a*60000");
    journal_close(j);
}
END_TEST

START_TEST(a_failure_in_the_second_segment_takes_both)
{
    struct journal *j = open_writer(4);

    add(j, "kept");
    ck_assert(journal_sync(j, &why));
    add_filled(j, 'a', 40000);
    add_filled(j, 'b', 40000);
    disk_fail(DISK_PWRITE, 1, EIO); /* the first batch, the second */
    ck_assert(!journal_sync(j, &why));
    ck_assert_str_eq(content(), "20:kept");
    ck_assert_uint_eq(add(j, "after"), 3);
    ck_assert(journal_sync(j, &why));
    ck_assert_str_eq(content(), "20:kept 20:after");
    journal_close(j);
}
END_TEST

/* What was told as written and then synced, because the next segment began, is no part of what
 * fails in that one. */
START_TEST(a_failure_in_the_next_segment_takes_nothing_that_was_synced_before)
{
    struct journal *j = open_writer(4);

    add_filled(j, 'a', 20000);
    ck_assert(journal_write(j, &why));
    add_filled(j, 'b', 20000);
    add_filled(j, 'c', 40000);
    disk_fail(failures[_i].call, 1, failures[_i].error); /* the first segment's, the second's */
    ck_assert(!journal_sync(j, &why));
    ck_assert(disk_has_failed());
    ck_assert_str_eq(content(), "20:a*20000");
    add(j, "after");
    ck_assert(journal_sync(j, &why));
    ck_assert_str_eq(content(), "20:a*20000 20:after");
    journal_close(j);
}
END_TEST

/* With all segments in use the cut has no place: it waits for one, and so does every record. */
START_TEST(a_cut_without_a_segment_is_written_first)
{
    struct journal *j = open_writer(2);
    struct span part = SPAN("x");
    uint64_t segment;

    add_filled(j, 'a', 60000);
    ck_assert(journal_sync(j, &why));
    add(j, "b");
    ck_assert(journal_sync(j, &why));
    add(j, "lost");
    disk_fail(DISK_FDATASYNC, 0, EIO);
    ck_assert(!journal_sync(j, &why));
    ck_assert(!journal_add(j, 20, &part, 1, &segment, &why));
    ck_assert_int_eq(why.kind, OUTCOME_DISK_FULL);
    journal_free(j, 2);
    add(j, "after");
    ck_assert_str_eq(content(), "20:b"); /* the cut is on the disk, the record is not yet */
    ck_assert(journal_sync(j, &why));
    ck_assert_str_eq(content(), "20:b 20:after");
    journal_close(j);
}
END_TEST

START_TEST(interrupted_and_short_writes_are_finished)
{
    struct journal *j = open_writer(2);

    add_filled(j, 'a', 20000);
    disk_fail(DISK_PWRITE, 0, EINTR);
    ck_assert(journal_sync(j, &why));
    ck_assert(disk_has_failed());
    add_filled(j, 'b', 20000);
    disk_fail(DISK_PWRITE, 0, 0);
    ck_assert(journal_sync(j, &why));
    ck_assert(disk_has_failed());
    add(j, "c");
    disk_fail(DISK_FDATASYNC, 0, EINTR);
    ck_assert(journal_sync(j, &why));
    ck_assert(disk_has_failed());
    journal_close(j);
    ck_assert_str_eq(content(), "20:a*20000 20:b*20000 20:c");
}
END_TEST

static const struct {
    const char *name;
    enum disk_call call;
    int error;
    enum outcome_kind kind;
} making[] = {
    {"no room for a segment", DISK_FALLOCATE, ENOSPC, OUTCOME_DISK_FULL},
    {"its head is not written", DISK_PWRITE, EIO, OUTCOME_SYSTEM},
    {"its head is not synced", DISK_FDATASYNC, EIO, OUTCOME_SYSTEM},
    {"it gets no name", DISK_RENAMEAT, EIO, OUTCOME_SYSTEM},
    {"its name is not synced", DISK_FSYNC, EIO, OUTCOME_SYSTEM},
};

START_TEST(a_segment_that_cannot_be_made_fails_the_add)
{
    struct journal *j = open_writer(2);
    struct span part = SPAN("x");
    uint64_t segment;

    disk_fail(making[_i].call, 0, making[_i].error);
    ck_assert_msg(!journal_add(j, 20, &part, 1, &segment, &why), "%s", making[_i].name);
    ck_assert_int_eq(why.kind, making[_i].kind);
    ck_assert_uint_eq(add(j, "one"), 1);
    ck_assert(journal_sync(j, &why));
    disk_fail(making[_i].call, 0, making[_i].error);
    ck_assert(!journal_prepare(j));
    ck_assert(journal_prepare(j));
    journal_turn(j);
    ck_assert_uint_eq(add(j, "two"), 2);
    ck_assert(journal_sync(j, &why));
    journal_close(j);
    ck_assert_str_eq(content(), "20:one 20:two");
}
END_TEST

START_TEST(a_sector_that_cannot_be_read_costs_its_records)
{
    struct journal *j = open_writer(2);

    add(j, "one");
    ck_assert(journal_sync(j, &why));
    add(j, "two");
    ck_assert(journal_sync(j, &why));
    add(j, "three");
    ck_assert(journal_sync(j, &why));
    journal_close(j);
    disk_fail(DISK_PREAD, 1, EIO); /* the whole at once; then it is read block by block */
    ck_assert_str_eq(content(), "20:one 20:two 20:three");
    ck_assert(disk_has_failed());
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("failure");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, what_failed_does_not_come_back, 0,
                        (int)(sizeof failures / sizeof failures[0]));
    tcase_add_test(t, a_failure_in_the_second_segment_takes_both);
    tcase_add_loop_test(t, a_failure_in_the_next_segment_takes_nothing_that_was_synced_before, 0,
                        (int)(sizeof failures / sizeof failures[0]));
    tcase_add_test(t, a_cut_without_a_segment_is_written_first);
    tcase_add_test(t, interrupted_and_short_writes_are_finished);
    tcase_add_loop_test(t, a_segment_that_cannot_be_made_fails_the_add, 0,
                        (int)(sizeof making / sizeof making[0]));
    tcase_add_test(t, a_sector_that_cannot_be_read_costs_its_records);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
