/* SPDX-License-Identifier: MIT
 *
 * A file that is cut, or has bits flipped: nothing is taken for what was stored that is not, and
 * never is an account empty without a word.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPTS 6

static struct fixture f;
static char image[256 * 1024];
static size_t image_size;

static const char *
text_for(int i)
{
    static char text[4096];

    int n = snprintf(text, sizeof text, "# script %d\n", i);
    memset(text + n, '#', (size_t)i * 500);
    strcpy(text + n + (size_t)i * 500, "\nkeep;\n");
    return text;
}

/* Everything is in the one file. */
static void
load_image(void)
{
    struct stat st;

    ck_assert(stat(fixture_path(&f, "personal.sqlite-wal"), &st) != 0 || st.st_size == 0);
    int fd = open(fixture_path(&f, "personal.sqlite"), O_RDONLY);
    image_size = (size_t)read(fd, image, sizeof image);
    ck_assert_uint_gt(image_size, 4096);
    close(fd);
}

static void
setup(void)
{
    struct personal_script s = {.changed = 1700000000};
    const struct span value = SPAN("a value");

    fixture_init(&f);
    OK(&f, personal_begin(f.p, &f.why));
    for (int i = 0; i < SCRIPTS; i++) {
        snprintf(s.name, sizeof s.name, "script %d", i);
        OK(&f, personal_script_put(f.p, &s, span_of(text_for(i)), &f.why));
    }
    OK(&f, personal_script_activate(f.p, "script 3", &f.why));
    OK(&f, personal_use_set(f.p, "Spam", "\\Junk", &f.why));
    OK(&f, personal_annotation_set(f.p, "Spam", "/private/comment", &value, &f.why));
    OK(&f, personal_commit(f.p, &f.why));
    load_image();
    personal_close(f.p);
    f.p = NULL;
}

static void
teardown(void)
{
    fixture_release(&f);
}

static void
put_image(const char *octets, size_t n)
{
    personal_close(f.p);
    f.p = NULL;
    unlink(fixture_path(&f, "personal.sqlite-wal"));
    int fd = open(fixture_path(&f, "personal.sqlite"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(fd, octets, n), (ssize_t)n);
    close(fd);
}

static bool
on_script(void *arg, const struct personal_script *s)
{
    int *count = arg;

    ck_assert_uint_gt(strlen(s->name), 0);
    ++*count;
    return true;
}

/* What the active script says is what was stored. */
static void
check_active(void)
{
    struct personal_script s;
    struct buf text;
    int i;

    buf_init(&text, 65536);
    if (personal_script_find(f.p, NULL, &s, &text, &f.why)) {
        ck_assert_int_eq(sscanf(buf_str(&text), "# script %d", &i), 1);
        ck_assert_str_eq(buf_str(&text), text_for(i));
    } else {
        ck_assert_int_eq(f.why.kind, OUTCOME_NOT_FOUND);
    }
    buf_release(&text);
}

/* How many scripts there are. */
static int
open_and_check(void)
{
    int count = 0;

    f.p = personal_open(f.folder, false, &f.rescued, &f.why);
    ck_assert_msg(f.p != NULL, "%s", f.why.cause);
    OK(&f, personal_script_list(f.p, on_script, &count, &f.why));
    check_active();
    if (f.rescued.is_damaged) {
        ck_assert_int_eq(access(fixture_path(&f, f.rescued.aside), F_OK), 0);
        ck_assert_uint_eq(f.rescued.scripts, (uint64_t)count);
        unlink(fixture_path(&f, f.rescued.aside));
        fixture_reopen(&f); /* the new one is sound */
    } else {
        ck_assert_int_eq(count, SCRIPTS);
    }
    return count;
}

START_TEST(a_flipped_bit_is_seen)
{
    char hurt[sizeof image];
    int all = 0, most = 0, seen = 0;

    srand(1);
    for (int i = 0; i < 100; i++) {
        memcpy(hurt, image, image_size);
        hurt[(size_t)rand() % image_size] ^= (char)(1 << rand() % 8);
        put_image(hurt, image_size);
        int count = open_and_check();
        seen += f.rescued.is_damaged;
        all += count == SCRIPTS;
        most += count >= SCRIPTS - 1;
    }
    /* Most of the file is text of scripts. */
    ck_assert_msg(seen > 50, "seen %d times", seen);
    ck_assert_msg(all > 50 && most > 75, "all of them %d times, most %d", all, most);
}
END_TEST

START_TEST(a_cut_file_is_seen)
{
    for (size_t n = 0; n < image_size; n += 1024) { /* a page */
        put_image(image, n + n / 3 % 1024);
        open_and_check();
        ck_assert_msg(f.rescued.is_damaged || n + 1024 == image_size, "%zu octets", n);
    }
    put_image(image, image_size);
    ck_assert_int_eq(open_and_check(), SCRIPTS);
    ck_assert(!f.rescued.is_damaged);
}
END_TEST

START_TEST(what_is_no_database_is_set_aside)
{
    put_image("this is no database, and never was one", 38);
    ck_assert_int_eq(open_and_check(), 0);
    ck_assert(f.rescued.is_damaged && !f.rescued.has_active);
}
END_TEST

/* Nothing of a text that is not what was stored is carried out. */
START_TEST(a_script_with_another_text_is_kept_but_not_active)
{
    char text[sizeof "# script 3\n###"], hurt[sizeof image];
    int i, n = 0;

    memcpy(hurt, image, image_size);
    char *at = memmem(hurt, image_size, "# script 3\n###", sizeof text - 1);
    ck_assert_ptr_nonnull(at);
    at[0] = ' ';
    put_image(hurt, image_size);
    ck_assert_int_eq(open_and_check(), SCRIPTS);
    ck_assert(f.rescued.is_damaged && !f.rescued.has_active);
    ck_assert_uint_eq(f.rescued.facts, 2);
    for (i = 0; i < SCRIPTS; i++) {
        struct personal_script s;
        snprintf(text, sizeof text, "script %d", i);
        OK(&f, personal_script_find(f.p, text, &s, NULL, &f.why));
        n += s.is_active;
    }
    ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(rows_of_a_schema_that_says_another_number_are_rescued)
{
    char hurt[sizeof image];

    memcpy(hurt, image, image_size);
    hurt[63] = 0; /* user_version */
    put_image(hurt, image_size);
    ck_assert_int_eq(open_and_check(), SCRIPTS);
    ck_assert(f.rescued.is_damaged && f.rescued.has_active);
}
END_TEST

START_TEST(a_wal_of_another_file_is_not_met)
{
    put_image(image, image_size);
    ck_assert_int_eq(unlink(fixture_path(&f, "personal.sqlite")), 0);
    int fd = open(fixture_path(&f, "personal.sqlite-wal"), O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, image, image_size), (ssize_t)image_size);
    close(fd);
    f.p = personal_open(f.folder, false, &f.rescued, &f.why);
    ck_assert(f.p == NULL && f.why.kind == OUTCOME_NOT_FOUND && !personal_exists(f.folder));
    f.p = personal_open(f.folder, true, &f.rescued, &f.why);
    ck_assert(f.p != NULL && !f.rescued.is_damaged);
    fixture_reopen(&f);
}
END_TEST

START_TEST(what_a_crash_left_half_made_is_begun_anew)
{
    put_image(image, image_size);
    int fd = open(fixture_path(&f, "personal.sqlite.new"), O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, "half", 4), 4);
    close(fd);
    put_image(image, 3000);
    open_and_check();
    ck_assert(f.rescued.is_damaged);
    ck_assert_int_ne(access(fixture_path(&f, "personal.sqlite.new"), F_OK), 0);
}
END_TEST

START_TEST(all_of_it_is_removed_and_copied)
{
    struct personal_rescued none;
    char copies[160];

    put_image(image, image_size);
    open_and_check();
    snprintf(copies, sizeof copies, "%s/copies", f.folder);
    ck_assert_int_eq(mkdir(copies, 0700), 0);
    char path[200];
    snprintf(path, sizeof path, "%s/personal.sqlite", copies);
    OK(&f, personal_backup(f.p, path, &f.why));
    personal_close(f.p);
    f.p = NULL;
    OK(&f, personal_remove(f.folder, &f.why));
    ck_assert(!personal_exists(f.folder));
    OK(&f, personal_remove(f.folder, &f.why)); /* what is not there */
    struct personal *copy = personal_open(copies, false, &none, &f.why);
    ck_assert(copy != NULL && !none.is_damaged);
    personal_close(copy);
    OK(&f, personal_remove(copies, &f.why));
    ck_assert_int_eq(rmdir(copies), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("damage to what an owner wrote");
    TCase *t = tcase_create("damage");
    SRunner *r = srunner_create(s);

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_flipped_bit_is_seen);
    tcase_add_test(t, a_cut_file_is_seen);
    tcase_add_test(t, what_is_no_database_is_set_aside);
    tcase_add_test(t, a_script_with_another_text_is_kept_but_not_active);
    tcase_add_test(t, rows_of_a_schema_that_says_another_number_are_rescued);
    tcase_add_test(t, a_wal_of_another_file_is_not_met);
    tcase_add_test(t, what_a_crash_left_half_made_is_begun_anew);
    tcase_add_test(t, all_of_it_is_removed_and_copied);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
