/* SPDX-License-Identifier: MIT
 *
 * An mbox after a crash, when others had it before the replay: readers that rewrote it, writers
 * that appended behind half a message of ours, programs that hold its lock.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nFrom body\r\n", 25}};
static const char foreign[] =
    "From b@example.org Sun Nov 22 06:00:00 2026\nSubject: theirs\n\nhello\n\n";

static void
begin(struct fixture *f)
{
    fixture_begin(f, kind_find("mbox"));
    store_use_journal(f->st);
}

static void
again(struct fixture *f)
{
    fixture_reopen(f);
    store_use_journal(f->st);
}

/* Where it was to lie, with its blank line. */
static void
plan_of(const struct posted *p, off_t *from, off_t *to)
{
    struct unpack u;

    unpack_init(&u, (struct span){p->place, p->place_n});
    unpack_u64(&u);
    *from = (off_t)unpack_u64(&u);
    *to = *from + (off_t)(unpack_u64(&u) + unpack_u64(&u));
    ck_assert(unpack_done(&u));
}

static const char *
path_of(struct fixture *f)
{
    return fixture_path(f, "");
}

static void
append_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);

    ck_assert_int_ge(fd, 0);
    ck_assert(store_write_all(fd, text, strlen(text)));
    close(fd);
}

static void
restore_ok(struct fixture *f, struct posted *p)
{
    char mailbox[STORE_MAILBOX_SIZE];

    ck_assert_msg(letter_restore(f->st, &plain, p, mailbox) == STORE_DONE, "%s", p->why.cause);
    ck_assert_str_eq(mailbox, "INBOX");
}

static void
check_whole(struct fixture *f, const struct posted *p)
{
    struct buf want, got;

    buf_init(&want, SIZE_MAX);
    buf_init(&got, SIZE_MAX);
    letter_stored(f->kind, &plain, p, &want);
    read_back(f->st, "INBOX", p->ref.name, &got);
    ck_assert_msg(span_equal(buf_span(&want), buf_span(&got)), "%.*s", (int)got.len, got.data);
    buf_release(&want);
    buf_release(&got);
}

/* The file as text, and how often something stands in it. */
static size_t
count_text(struct fixture *f, const char *text)
{
    size_t count = 0, n = strlen(text);
    struct buf all;

    buf_init(&all, SIZE_MAX);
    read_file(path_of(f), &all);
    for (size_t i = 0; i + n <= all.len; i++)
        count += memcmp(all.data + i, text, n) == 0;
    buf_release(&all);
    return count;
}

#define BATCH 3

static void
publish_batch(struct fixture *f, struct posted p[BATCH])
{
    struct outcome why;

    for (int i = 0; i < BATCH; i++) {
        ck_assert_int_eq(letter_stage(f->st, &plain, &p[i]), STORE_DONE);
        letter_place(f->st, &p[i]);
    }
    for (int i = 0; i < BATCH; i++)
        ck_assert(store_publish(f->st, p[i].staged, &why));
    for (int i = 0; i < BATCH; i++)
        store_forget(f->st, p[i].staged);
}

START_TEST(a_batch_is_cut_at_every_octet)
{
    struct fixture f;
    struct posted p[BATCH];
    off_t first, last, unused;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &p[0]));
    append_file(path_of(&f), "no end of its line");
    publish_batch(&f, p);
    plan_of(&p[0], &first, &unused);
    plan_of(&p[BATCH - 1], &unused, &last);
    struct stat st;
    ck_assert_int_eq(stat(path_of(&f), &st), 0);
    ck_assert_int_eq(st.st_size, last); /* as it was planned */
    for (off_t n = first; n < last; n++) {
        ck_assert_int_eq(truncate(path_of(&f), n), 0);
        again(&f);
        for (int twice = 0; twice < 2; twice++) {
            for (int i = 0; i < BATCH; i++)
                restore_ok(&f, &p[i]);
        }
        store_restore_end(f.st);
        for (int i = 0; i < BATCH; i++)
            check_whole(&f, &p[i]);
        ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1 + BATCH);
        ck_assert_int_eq(stat(path_of(&f), &st), 0);
        ck_assert_int_eq(st.st_size, last);
    }
    fixture_end(&f);
}
END_TEST

/* The first was taken back after the places were told: the others lie before them. "From" alone at
 * the end of a file may be anybody's, so that it stays: no cut there. */
/* The file's length outlived the crash and the octets did not: they read as NUL up to the end, over
 * several deliveries. */
START_TEST(a_batch_is_zero_from_every_octet)
{
    struct fixture f;
    struct posted p[BATCH];
    off_t first, last, unused;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &p[0]));
    publish_batch(&f, p);
    plan_of(&p[0], &first, &unused);
    plan_of(&p[BATCH - 1], &unused, &last);
    for (off_t n = first; n < last; n++) {
        ck_assert_int_eq(truncate(path_of(&f), n), 0);
        ck_assert_int_eq(truncate(path_of(&f), last - (n % 2) * (last - n) / 3), 0);
        again(&f);
        for (int i = 0; i < BATCH; i++)
            restore_ok(&f, &p[i]);
        store_restore_end(f.st);
        for (int i = 0; i < BATCH; i++)
            check_whole(&f, &p[i]);
        ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1 + BATCH);
        struct stat st;
        ck_assert_int_eq(stat(path_of(&f), &st), 0);
        ck_assert_int_eq(st.st_size, last);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(a_place_that_was_not_kept)
{
    struct fixture f;
    struct posted p[BATCH];
    struct outcome why;
    struct stat st;

    begin(&f);
    for (int i = 0; i < BATCH; i++) {
        ck_assert_int_eq(letter_stage(f.st, &plain, &p[i]), STORE_DONE);
        letter_place(f.st, &p[i]);
    }
    store_discard(f.st, p[0].staged);
    for (int i = 1; i < BATCH; i++) {
        ck_assert(store_publish(f.st, p[i].staged, &why));
        store_forget(f.st, p[i].staged);
    }
    ck_assert_int_eq(stat(path_of(&f), &st), 0);
    for (off_t n = 0; n <= st.st_size; n++) {
        off_t in_message = n % (st.st_size / 2);
        if (in_message > 0 && in_message < (off_t)strlen("From "))
            continue;
        ck_assert_int_eq(truncate(path_of(&f), n), 0);
        again(&f);
        for (int twice = 0; twice < 2; twice++) {
            restore_ok(&f, &p[1]);
            restore_ok(&f, &p[2]);
        }
        store_restore_end(f.st);
        check_whole(&f, &p[1]);
        check_whole(&f, &p[2]);
        ck_assert_msg(count_messages(f.st, "INBOX") == 2, "cut to %lld", (long long)n);
        ck_assert_int_eq(truncate(path_of(&f), st.st_size), 0);
    }
    fixture_end(&f);
}
END_TEST

/* Flags written, another message gone, the file another one. */
START_TEST(a_reader_rewrote_it)
{
    struct fixture f;
    struct posted p;
    struct buf all, without;
    off_t from, to;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &p));
    write_file(path_of(&f), SPAN(""));
    append_file(path_of(&f), foreign);
    ck_assert(letter_publish(f.st, &plain, &p));
    plan_of(&p, &from, &to);
    buf_init(&all, SIZE_MAX);
    buf_init(&without, SIZE_MAX);
    read_file(path_of(&f), &all);
    const char *body = memmem(all.data, all.len, "Subject: a", 10);
    ck_assert_ptr_nonnull(body);
    ck_assert(buf_append(&without, all.data + from, (size_t)(body - all.data - from)) &&
              buf_append_str(&without, "Status: RO\nX-Status: A\n") &&
              buf_append_str(&without, body));
    write_file(fixture_path(&f, ".new"), buf_span(&without));
    ck_assert_int_eq(rename(fixture_path(&f, ".new"), path_of(&f)), 0);
    again(&f);
    restore_ok(&f, &p);
    restore_ok(&f, &p);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    ck_assert_uint_eq(count_text(&f, "Status: RO\nX-Status: A\n"), 1);
    buf_release(&all);
    buf_release(&without);
    fixture_end(&f);
}
END_TEST

/* An older message as long as ours was expunged in place: the file is as long as it was. */
START_TEST(as_long_as_before_but_not_without_it)
{
    struct fixture f;
    struct posted old, p;
    struct buf all;
    off_t from, to;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &old) && letter_publish(f.st, &plain, &p));
    plan_of(&p, &from, &to);
    ck_assert_int_eq(to, 2 * from);
    buf_init(&all, SIZE_MAX);
    read_file(path_of(&f), &all);
    write_file(path_of(&f), (struct span){all.data + from, (size_t)from});
    again(&f);
    restore_ok(&f, &p);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    check_whole(&f, &p);
    buf_release(&all);
    fixture_end(&f);
}
END_TEST

/* Behind every beginning of ours: with the line ends that it lacks, and without. */
START_TEST(mail_behind_a_half_message_is_not_touched)
{
    static const char *const between[] = {"", "\n", "\n\n"};
    struct fixture f;
    struct posted p;
    off_t from, to;

    for (size_t i = 0; i < 3; i++) {
        begin(&f);
        ck_assert(letter_publish(f.st, &plain, &p));
        plan_of(&p, &from, &to);
        for (off_t n = from + 1; n < to; n++) {
            ck_assert(letter_publish(f.st, &plain, &p));
            plan_of(&p, &from, &to);
            if (n + (off_t)strlen(between[i]) > to)
                continue; /* ours is whole, with one more blank line */
            ck_assert_int_eq(truncate(path_of(&f), n), 0);
            append_file(path_of(&f), between[i]);
            append_file(path_of(&f), foreign);
            size_t before = count_text(&f, foreign);
            again(&f);
            restore_ok(&f, &p);
            struct stat once, twice;
            ck_assert_int_eq(stat(path_of(&f), &once), 0);
            restore_ok(&f, &p);
            store_restore_end(f.st);
            restore_ok(&f, &p);
            ck_assert_int_eq(stat(path_of(&f), &twice), 0);
            ck_assert_int_eq(once.st_size, twice.st_size);
            check_whole(&f, &p);
            ck_assert_uint_eq(count_text(&f, foreign), before);
            ck_assert_int_eq(truncate(path_of(&f), 0), 0);
            ck_assert(letter_publish(f.st, &plain, &p)); /* one before the next */
            plan_of(&p, &from, &to);
            ck_assert_int_eq(truncate(path_of(&f), from), 0);
        }
        fixture_end(&f);
    }
}
END_TEST

START_TEST(a_locked_mailbox_waits)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char mailbox[STORE_MAILBOX_SIZE];
    struct fixture f;
    struct posted p, q;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &p) && letter_publish(f.st, &plain, &q));
    ck_assert_int_eq(truncate(path_of(&f), 10), 0);
    int fd = open(path_of(&f), O_RDWR);
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &all), 0);
    ck_assert_int_eq(letter_restore(f.st, &plain, &p, mailbox), STORE_LATER);
    ck_assert_uint_gt(p.wait.ms, 0);
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 10);
    close(fd);
    /* Though the lock is free now: the half at the end is to be finished first. */
    ck_assert_int_eq(letter_restore(f.st, &plain, &q, mailbox), STORE_FAILED);
    ck_assert_int_eq(q.why.kind, OUTCOME_BUSY);
    restore_ok(&f, &p);
    restore_ok(&f, &q);
    check_whole(&f, &p);
    check_whole(&f, &q);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2);
    fixture_end(&f);
}
END_TEST

START_TEST(a_delivery_under_way_shares_the_file)
{
    struct fixture f;
    struct posted old, p, under_way;
    struct outcome why;
    off_t from, to;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &old) && letter_publish(f.st, &plain, &p));
    plan_of(&p, &from, &to);
    ck_assert_int_eq(truncate(path_of(&f), from + 20), 0);
    ck_assert_int_eq(letter_stage(f.st, &plain, &under_way), STORE_DONE);
    restore_ok(&f, &p);
    ck_assert(store_publish(f.st, under_way.staged, &why));
    store_forget(f.st, under_way.staged);
    check_whole(&f, &old);
    check_whole(&f, &p);
    check_whole(&f, &under_way);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 3);
    fixture_end(&f);
}
END_TEST

/* Nothing of the other order: no record beside the file; one from before is still read. */
START_TEST(no_record_is_written_and_an_old_one_is_honoured)
{
    struct fixture f;
    struct posted p, q;
    struct outcome why;
    struct stat st;

    begin(&f);
    ck_assert(letter_publish(f.st, &plain, &p));
    char record[600];
    snprintf(record, sizeof(record), "%s/example.org/.ann.mbox.doorstep", f.dir);
    ck_assert_int_lt(stat(record, &st), 0);
    fixture_reopen(&f);
    ck_assert_int_eq(letter_stage(f.st, &plain, &q), STORE_DONE); /* not behind a journal */
    ck_assert(store_sync(f.st, q.staged, &why));
    struct buf was;
    buf_init(&was, SIZE_MAX);
    read_file(record, &was);
    ck_assert_uint_gt(was.len, 0);
    store_discard(f.st, q.staged);
    append_file(path_of(&f), "From a@exam"); /* as a crash leaves it */
    write_file(record, buf_span(&was));
    again(&f);
    restore_ok(&f, &p);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    check_whole(&f, &p);
    ck_assert_uint_eq(count_text(&f, "From a@exam"), 1);
    ck_assert_int_eq(stat(record, &st), 0);
    ck_assert_int_eq(st.st_size, 0);
    buf_release(&was);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mbox restore");
    TCase *all = tcase_create("mbox behind a journal");

    log_set_level(LOG_LEVEL_ERROR);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_batch_is_cut_at_every_octet);
    tcase_add_test(all, a_batch_is_zero_from_every_octet);
    tcase_add_test(all, a_place_that_was_not_kept);
    tcase_add_test(all, a_reader_rewrote_it);
    tcase_add_test(all, as_long_as_before_but_not_without_it);
    tcase_add_test(all, mail_behind_a_half_message_is_not_touched);
    tcase_add_test(all, a_locked_mailbox_waits);
    tcase_add_test(all, a_delivery_under_way_shares_the_file);
    tcase_add_test(all, no_record_is_written_and_an_old_one_is_honoured);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
