/* SPDX-License-Identifier: MIT
 *
 * UIDs that are given before their rows, and what tells after a crash that rows are missing: the
 * mark. Rows are lost here as a power cut or a careless hand loses them: the WAL goes, whole or in
 * part, while the database and the mark stay.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture f;

static void
setup(void)
{
    fixture_init(&f);
}

static void
teardown(void)
{
    fixture_release(&f);
}

static const char *
file(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", f.folder, name);
    return path;
}

static uint32_t
reserve(void)
{
    uint32_t uid;
    OK(&f, index_reserve_uid(f.ix, f.inbox.id, &uid, &f.why));
    return uid;
}

static uint32_t
take(void)
{
    uint32_t uid;
    OK(&f, index_take_uid(f.ix, f.inbox.id, &uid, &f.why));
    return uid;
}

static void
begin(void)
{
    OK(&f, index_begin(f.ix, &f.why));
}

static void
commit_unsynced(void)
{
    OK(&f, index_commit_unsynced(f.ix, &f.why));
}

static bool
add(uint32_t uid)
{
    char name[32];
    snprintf(name, sizeof(name), "file-%u", uid);
    struct index_message m = fixture_message(f.inbox.id, uid, name, 0, NULL);
    return index_add(f.ix, &m, &f.why);
}

/* add_rows() - UIDs from..to in a transaction, not synced. */
static void
add_rows(uint32_t from, uint32_t to)
{
    begin();
    for (uint32_t uid = from; uid <= to; uid++)
        OK(&f, add(uid));
    commit_unsynced();
}

static void
checkpoint(void)
{
    OK(&f, index_checkpoint(f.ix, 0, &f.why));
}

static void
mark(void)
{
    OK(&f, index_mark(f.ix, &f.why));
}

/* lose_wal() - all that was committed since the last checkpoint. */
static void
lose_wal(void)
{
    index_close(f.ix);
    ck_assert_int_eq(unlink(file("index.sqlite-wal")), 0);
    f.ix = index_open(f.folder, false, &f.why);
    ck_assert_msg(f.ix != NULL, "%s", f.why.cause);
}

/* ten_and_ten() - rows 1 to 10 are in the database, 11 to 20 in the WAL, and the mark knows both;
 * then the WAL goes. */
static void
ten_and_ten(void)
{
    add_rows(1, 10);
    checkpoint();
    add_rows(11, 20);
    mark();
    lose_wal();
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 10);
}

START_TEST(a_reserved_uid_is_given_once)
{
    ck_assert_uint_eq(reserve(), 1);
    ck_assert_uint_eq(reserve(), 2);
    begin();
    ck_assert_uint_eq(take(), 3);
    ck_assert_uint_eq(reserve(), 4);
    OK(&f, add(2));
    ck_assert_uint_eq(take(), 5);
    index_rollback(f.ix);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 0);
    begin();
    ck_assert_uint_eq(take(), 5); /* 3 and 5 were never given; 4 may be in somebody's hands */
    OK(&f, add(1));
    OK(&f, add(4));
    commit_unsynced();
    ck_assert_uint_eq(reserve(), 6);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, 7);
}
END_TEST

START_TEST(a_reservation_outlives_many_other_mailboxes)
{
    char name[32];
    struct index_mailbox m;
    ck_assert_uint_eq(reserve(), 1);
    begin();
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "Box %u", i);
        OK(&f, index_mailbox_add(f.ix, name, 2000 + i, &m, &f.why));
        uint32_t uid;
        OK(&f, index_take_uid(f.ix, m.id, &uid, &f.why));
    }
    commit_unsynced();
    ck_assert_uint_eq(reserve(), 2);
}
END_TEST

START_TEST(a_reservation_ends_with_its_mailbox)
{
    struct index_mailbox m;
    begin();
    OK(&f, index_mailbox_add(f.ix, "Other", 2000, &m, &f.why));
    commit_unsynced();
    int64_t old = m.id;
    uint32_t uid;
    for (int i = 0; i < 5; i++)
        OK(&f, index_reserve_uid(f.ix, m.id, &uid, &f.why));
    begin();
    OK(&f, index_mailbox_delete(f.ix, m.id, &f.why));
    OK(&f, index_mailbox_add(f.ix, "Other", 2001, &m, &f.why));
    commit_unsynced();
    ck_assert_int_eq(m.id, old); /* the same number, another mailbox */
    ck_assert_uint_eq(m.uid_next, 1);
    FAILS(&f, OUTCOME_NOT_FOUND, index_reserve_uid(f.ix, 4711, &uid, &f.why));
}
END_TEST

START_TEST(a_reconcile_gives_no_reserved_uid)
{
    struct index_changes changes;
    struct store_entry e = {.name = "brought", .stored_octets = 10, .wire_octets = 10};
    ck_assert_uint_eq(reserve(), 1);
    begin();
    struct index_reconcile *r = index_reconcile_begin(f.ix, f.inbox.id, &f.why);
    OK(&f, index_reconcile_entry(r, &e, &f.why));
    OK(&f, index_reconcile_end(r, true, &changes, &f.why));
    OK(&f, add(1));
    commit_unsynced();
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, 3);
}
END_TEST

START_TEST(the_last_uids_of_a_mailbox_are_bounded)
{
    uint32_t uid;
    begin();
    FAILS(&f, OUTCOME_BAD_REQUEST, index_burn_uid(f.ix, f.inbox.id, 0, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_burn_uid(f.ix, f.inbox.id, UINT32_MAX, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_burn_uid(f.ix, 4711, 1, &f.why));
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 4294967293U, &f.why));
    commit_unsynced();
    ck_assert_uint_eq(reserve(), 4294967294U);
    FAILS(&f, OUTCOME_SYSTEM, index_reserve_uid(f.ix, f.inbox.id, &uid, &f.why));
    begin();
    FAILS(&f, OUTCOME_SYSTEM, index_take_uid(f.ix, f.inbox.id, &uid, &f.why));
    index_rollback(f.ix);
}
END_TEST

START_TEST(a_burned_uid_is_never_given)
{
    begin();
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 7, &f.why));
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 3, &f.why)); /* smaller: burned already */
    commit_unsynced();
    ck_assert_uint_eq(reserve(), 8);
    fixture_reopen(&f);
    ck_assert_uint_eq(reserve(), 8);
    begin();
    OK(&f, add(8));
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 8, &f.why)); /* a row that has it stays */
    commit_unsynced();
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 1);
}
END_TEST

static enum index_uid_state
state_of(uint32_t uid)
{
    enum index_uid_state state;
    OK(&f, index_uid_state(f.ix, f.inbox.id, uid, &state, &f.why));
    return state;
}

START_TEST(what_became_of_a_uid_is_known)
{
    ck_assert_int_eq(state_of(1), INDEX_UID_FREE);
    add_rows(1, 2);
    add_rows(5, 5);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_expunge(f.ix, f.inbox.id, 2, &f.why));
    ck_assert_int_eq(state_of(2), INDEX_UID_EXPUNGED);
    OK(&f, index_expunge(f.ix, f.inbox.id, 5, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    ck_assert_int_eq(state_of(1), INDEX_UID_TAKEN);
    ck_assert_int_eq(state_of(3), INDEX_UID_PASSED);
    ck_assert_int_eq(state_of(5), INDEX_UID_EXPUNGED);
    ck_assert_int_eq(state_of(6), INDEX_UID_FREE);
}
END_TEST

START_TEST(no_mark_no_loss)
{
    ck_assert(!index_has_lost_rows(f.ix));
    add_rows(1, 10);
    fixture_reopen(&f);
    ck_assert(!index_has_lost_rows(f.ix));
}
END_TEST

START_TEST(a_mark_that_is_older_or_equal_tells_nothing)
{
    add_rows(1, 10);
    mark();
    fixture_reopen(&f);
    ck_assert(!index_has_lost_rows(f.ix));
    add_rows(11, 20);
    fixture_reopen(&f);
    ck_assert(!index_has_lost_rows(f.ix));
    ck_assert_uint_eq(reserve(), 21);
}
END_TEST

START_TEST(rows_that_are_gone_with_the_wal_are_told)
{
    ten_and_ten();
    ck_assert(index_has_lost_rows(f.ix));
    ck_assert_uint_eq(reserve(), 21); /* not 11, which somebody may have seen */
    fixture_reopen(&f);
    ck_assert(index_has_lost_rows(f.ix)); /* until it is answered */
    add_rows(21, 40);
    mark();
    fixture_reopen(&f);
    ck_assert(index_has_lost_rows(f.ix)); /* later rows do not hide it */
    ck_assert_uint_eq(reserve(), 41);
    lose_wal();
    ck_assert(index_has_lost_rows(f.ix));
}
END_TEST

START_TEST(rows_that_a_journal_brings_back_are_not_lost)
{
    ten_and_ten();
    add_rows(11, 15);
    ck_assert(index_has_lost_rows(f.ix));
    begin(); /* 17 before 16; 18 and 20 were removed or refused in the meantime */
    OK(&f, add(17));
    OK(&f, add(16));
    OK(&f, add(19));
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 20, &f.why));
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 19, &f.why)); /* of a row: changes nothing */
    commit_unsynced();
    ck_assert(index_has_lost_rows(f.ix));
    begin();
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 18, &f.why));
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 18, &f.why)); /* as a second replay would */
    ck_assert(!index_has_lost_rows(f.ix));
    index_rollback(f.ix);
    ck_assert(index_has_lost_rows(f.ix));
    begin();
    OK(&f, index_burn_uid(f.ix, f.inbox.id, 18, &f.why));
    commit_unsynced();
    ck_assert(!index_has_lost_rows(f.ix));
    mark();
    fixture_reopen(&f);
    ck_assert(!index_has_lost_rows(f.ix));
    ck_assert_uint_eq(reserve(), 21);
}
END_TEST

START_TEST(rows_behind_the_lost_ones_hide_nothing)
{
    ten_and_ten();
    add_rows(21, 60); /* what the journal still knew: later ones */
    ck_assert(index_has_lost_rows(f.ix));
}
END_TEST

START_TEST(one_mailbox_does_not_hide_what_another_lost)
{
    struct index_mailbox m;
    begin();
    OK(&f, index_mailbox_add(f.ix, "Other", 2000, &m, &f.why));
    commit_unsynced();
    ten_and_ten();
    begin();
    for (uint32_t uid = 1; uid <= 50; uid++) {
        char name[32];
        snprintf(name, sizeof(name), "%u", uid);
        struct index_message x = fixture_message(m.id, uid, name, 0, NULL);
        OK(&f, index_add(f.ix, &x, &f.why));
    }
    commit_unsynced();
    ck_assert(index_has_lost_rows(f.ix));
}
END_TEST

static bool
next_validity(void *arg, uint32_t *validity, struct outcome *why)
{
    uint32_t *last = arg;
    if (*last == 0)
        return outcome_set(why, OUTCOME_DISK_FULL, "none left");
    *validity = ++*last;
    return true;
}

START_TEST(a_new_uidvalidity_ends_the_matter)
{
    struct index_mailbox m;
    uint32_t last = 5000, none = 0;
    begin();
    OK(&f, index_mailbox_add(f.ix, "Other", 2000, &m, &f.why));
    commit_unsynced();
    ten_and_ten();
    begin();
    FAILS(&f, OUTCOME_DISK_FULL, index_renew_validity(f.ix, next_validity, &none, &f.why));
    index_rollback(f.ix);
    begin();
    OK(&f, index_renew_validity(f.ix, next_validity, &last, &f.why));
    index_rollback(f.ix);
    ck_assert(index_has_lost_rows(f.ix));
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_validity, 1000);
    begin();
    OK(&f, index_renew_validity(f.ix, next_validity, &last, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    ck_assert(!index_has_lost_rows(f.ix));
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_validity, 5003);
    ck_assert_uint_eq(fixture_mailbox(&f, "Other").uid_validity, 5004);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 10);
    fixture_reopen(&f); /* the mark is the old one: a crash came before the new one */
    ck_assert(!index_has_lost_rows(f.ix));
    mark();
    fixture_reopen(&f);
    ck_assert(!index_has_lost_rows(f.ix));
}
END_TEST

START_TEST(an_index_begun_anew_has_lost_nothing)
{
    add_rows(1, 10);
    mark();
    index_close(f.ix);
    OK(&f, index_set_aside(f.folder, &f.why));
    f.ix = index_open(f.folder, true, &f.why);
    begin();
    OK(&f, index_mailbox_add(f.ix, "INBOX", 1001, &f.inbox, &f.why));
    commit_unsynced();
    ck_assert(!index_has_lost_rows(f.ix));
    ck_assert_uint_eq(reserve(), 1);
}
END_TEST

/* A replay may know the mailbox's UIDVALIDITY and only its latest messages. */
START_TEST(a_mailbox_made_anew_with_its_old_uidvalidity_gives_no_old_uid)
{
    add_rows(1, 10);
    mark();
    index_close(f.ix);
    OK(&f, index_set_aside(f.folder, &f.why));
    f.ix = index_open(f.folder, true, &f.why);
    begin();
    OK(&f, index_mailbox_add(f.ix, "INBOX", 1000, &f.inbox, &f.why));
    OK(&f, add(10));
    commit_unsynced();
    ck_assert(index_has_lost_rows(f.ix));
    ck_assert_uint_eq(reserve(), 11);
    fixture_reopen(&f); /* killed before anybody asked */
    ck_assert(index_has_lost_rows(f.ix));
}
END_TEST

START_TEST(a_removed_index_takes_its_mark_along)
{
    struct stat st;
    add_rows(1, 10);
    mark();
    ck_assert_int_eq(stat(file("index.mark"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    index_close(f.ix);
    f.ix = NULL;
    OK(&f, index_remove(f.folder, &f.why));
    ck_assert_int_ne(stat(f.folder, &st), 0);
    ck_assert_int_eq(mkdir(f.folder, 0700), 0);
}
END_TEST

START_TEST(a_mark_with_nothing_new_writes_nothing)
{
    struct stat st;
    add_rows(1, 10);
    mark();
    ck_assert_int_eq(unlink(file("index.mark")), 0);
    mark();
    ck_assert_int_ne(stat(file("index.mark"), &st), 0);
    add_rows(11, 11);
    mark();
    ck_assert_int_eq(stat(file("index.mark"), &st), 0);
}
END_TEST

struct hostile {
    const char *name, *text;
};

static const struct hostile hostile_marks[] = {
    {"empty", ""},
    {"a line cut short", "0000001000:0000000000-0000000500 #"},
    {"a wrong checksum", "0000001000:0000000000-0000000500 #00000000\n"},
    {"no numbers", "000000100x:-000000500-0000000500 #00000000\n"},
    {"numbers too large", "9999999999:9999999999-9999999999 #00000000\n"},
    {"letters", "and now for something completely different, which is no mark at all\n"},
};

START_TEST(a_mark_that_is_none_says_nothing)
{
    const struct hostile *h = &hostile_marks[_i];
    add_rows(1, 10);
    index_close(f.ix);
    int fd = open(file("index.mark"), O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, h->text, strlen(h->text)), (ssize_t)strlen(h->text));
    close(fd);
    f.ix = index_open(f.folder, false, &f.why);
    ck_assert_msg(f.ix != NULL && !index_has_lost_rows(f.ix), "%s", h->name);
    ck_assert_uint_eq(reserve(), 11);
    checkpoint();
    add_rows(11, 20);
    mark();
    lose_wal();
    ck_assert_msg(index_has_lost_rows(f.ix), "%s: no good mark after it", h->name);
}
END_TEST

START_TEST(each_bit_of_a_mark_counts)
{
    char line[43];
    ten_and_ten();
    index_close(f.ix);
    f.ix = NULL;
    int fd = open(file("index.mark"), O_RDWR);
    ck_assert_int_eq(pread(fd, line, sizeof(line), 0), sizeof(line));
    for (size_t bit = 0; bit < 8 * sizeof(line); bit++) {
        line[bit / 8] = (char)(line[bit / 8] ^ (1 << bit % 8));
        ck_assert_int_eq(pwrite(fd, line, sizeof(line), 0), sizeof(line));
        line[bit / 8] = (char)(line[bit / 8] ^ (1 << bit % 8));
        f.ix = index_open(f.folder, false, &f.why);
        ck_assert_msg(f.ix != NULL && !index_has_lost_rows(f.ix), "bit %zu", bit);
        ck_assert_uint_eq(reserve(), 11);
        index_close(f.ix);
    }
    close(fd);
    f.ix = NULL;
}
END_TEST

START_TEST(a_mark_that_is_no_file_is_not_read)
{
    index_close(f.ix);
    ck_assert_int_eq(mkfifo(file("index.mark"), 0600), 0);
    f.ix = index_open(f.folder, false, &f.why);
    ck_assert(f.ix != NULL && !index_has_lost_rows(f.ix));
    add_rows(1, 1);
    ck_assert(!index_mark(f.ix, &f.why));
}
END_TEST

START_TEST(a_deleted_mailbox_is_not_missed)
{
    struct index_mailbox m;
    uint32_t uid;
    char text[256];
    begin();
    OK(&f, index_mailbox_add(f.ix, "Other", 2000, &m, &f.why));
    OK(&f, index_take_uid(f.ix, m.id, &uid, &f.why));
    commit_unsynced();
    mark();
    begin();
    OK(&f, index_mailbox_delete(f.ix, m.id, &f.why));
    commit_unsynced();
    fixture_reopen(&f); /* before the next mark */
    ck_assert(!index_has_lost_rows(f.ix));
    add_rows(1, 1);
    mark();
    int fd = open(file("index.mark"), O_RDONLY);
    ck_assert_int_eq(read(fd, text, sizeof(text)), 43); /* one line is left */
    close(fd);
}
END_TEST

START_TEST(no_modseq_is_given_again_after_a_raise)
{
    add_rows(1, 10);
    uint64_t seen = fixture_mailbox(&f, "INBOX").highest_modseq + 1000;
    begin();
    OK(&f, index_raise_modseq(f.ix, &f.why));
    index_rollback(f.ix);
    add_rows(11, 11);
    ck_assert_uint_lt(fixture_mailbox(&f, "INBOX").highest_modseq, seen);
    begin();
    OK(&f, index_raise_modseq(f.ix, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    fixture_reopen(&f);
    add_rows(12, 12);
    ck_assert_uint_gt(fixture_mailbox(&f, "INBOX").highest_modseq, seen);
}
END_TEST

static off_t
wal_size(void)
{
    struct stat st;
    ck_assert_int_eq(stat(file("index.sqlite-wal"), &st), 0);
    return st.st_size;
}

START_TEST(a_checkpoint_comes_when_it_is_asked_for)
{
    for (uint32_t uid = 1; wal_size() < 4 * 1024 * 1024; uid += 10)
        add_rows(uid, uid + 9);
    uint64_t messages = fixture_mailbox(&f, "INBOX").messages;
    OK(&f, index_checkpoint(f.ix, (uint64_t)wal_size(), &f.why));
    ck_assert_int_ge(wal_size(), 4 * 1024 * 1024);
    OK(&f, index_checkpoint(f.ix, (uint64_t)wal_size() - 1, &f.why));
    ck_assert_int_eq(wal_size(), 0);
    checkpoint(); /* nothing to do */
    lose_wal();
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, messages);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("uids");
    TCase *t = tcase_create("uids");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_reserved_uid_is_given_once);
    tcase_add_test(t, a_reservation_outlives_many_other_mailboxes);
    tcase_add_test(t, a_reservation_ends_with_its_mailbox);
    tcase_add_test(t, a_reconcile_gives_no_reserved_uid);
    tcase_add_test(t, the_last_uids_of_a_mailbox_are_bounded);
    tcase_add_test(t, a_burned_uid_is_never_given);
    tcase_add_test(t, what_became_of_a_uid_is_known);
    tcase_add_test(t, no_mark_no_loss);
    tcase_add_test(t, a_mark_that_is_older_or_equal_tells_nothing);
    tcase_add_test(t, rows_that_are_gone_with_the_wal_are_told);
    tcase_add_test(t, rows_that_a_journal_brings_back_are_not_lost);
    tcase_add_test(t, rows_behind_the_lost_ones_hide_nothing);
    tcase_add_test(t, one_mailbox_does_not_hide_what_another_lost);
    tcase_add_test(t, a_new_uidvalidity_ends_the_matter);
    tcase_add_test(t, an_index_begun_anew_has_lost_nothing);
    tcase_add_test(t, a_mailbox_made_anew_with_its_old_uidvalidity_gives_no_old_uid);
    tcase_add_test(t, a_removed_index_takes_its_mark_along);
    tcase_add_test(t, a_mark_with_nothing_new_writes_nothing);
    tcase_add_loop_test(t, a_mark_that_is_none_says_nothing, 0,
                        sizeof(hostile_marks) / sizeof(hostile_marks[0]));
    tcase_add_test(t, each_bit_of_a_mark_counts);
    tcase_add_test(t, a_mark_that_is_no_file_is_not_read);
    tcase_add_test(t, a_deleted_mailbox_is_not_missed);
    tcase_add_test(t, no_modseq_is_given_again_after_a_raise);
    tcase_add_test(t, a_checkpoint_comes_when_it_is_asked_for);
    suite_add_tcase(s, t);
    return s;
}

int
main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
