/* SPDX-License-Identifier: MIT
 *
 * Damaged files and full disks: an outcome each time, never a crash, and an index that works again
 * after index_set_aside().
 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/db.h"

extern const struct db_step index_steps[]; /* made from schema/index */
extern const unsigned index_step_count;

static struct fixture f;
static char *image; /* a whole index in one file, nothing in a WAL */
static size_t image_size;

/* copy_out() - what is in the WAL too, by SQLite's own backup. */
static void
copy_out(const char *to)
{
    char path[256];
    const struct db_options options = {.steps = index_steps, .step_count = index_step_count};
    snprintf(path, sizeof(path), "%s/index.sqlite", f.folder);
    struct db *db = db_open(path, &options, &f.why);
    ck_assert_msg(db != NULL, "%s", f.why.cause);
    OK(&f, db_backup(db, to, &f.why));
    db_close(db);
}

static void
load_image(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(fstat(fd, &st), 0);
    image_size = (size_t)st.st_size;
    image = malloc(image_size);
    ck_assert_int_eq(read(fd, image, image_size), (ssize_t)image_size);
    close(fd);
    unlink(path);
}

static void
remove_files(void)
{
    char path[512];
    DIR *d = opendir(f.folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", f.folder, e->d_name);
        unlink(path);
    }
    closedir(d);
}

static void
setup(void)
{
    char path[256], name[32];
    struct index_mailbox m;
    fixture_init(&f);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "1700000000.M%dP1.mx", i);
        fixture_add(&f, name, (unsigned)i % 64, i % 4 == 0 ? NULL : &fixture_facts);
    }
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_add(f.ix, "Sent", 1001, &m, &f.why));
    OK(&f, index_expunge(f.ix, f.inbox.id, 7, &f.why));
    OK(&f, index_ledger_add(f.ix, "aa", "id", 1000, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    index_close(f.ix);
    f.ix = NULL;
    snprintf(path, sizeof(path), "%s/image", f.folder);
    copy_out(path);
    load_image(path);
    remove_files();
}

static void
teardown(void)
{
    free(image);
    fixture_release(&f);
}

static void
put_image(const char *bytes, size_t n)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/index.sqlite", f.folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static bool
touch(void *arg, const struct index_message *m)
{
    *(size_t *)arg += strlen(m->keywords) + strlen(m->digest) + strlen(m->ref.name);
    for (uint32_t i = 0; m->facts != NULL && i < m->facts->header_count; i++)
        *(size_t *)arg += strlen(m->facts->headers[i].value);
    return true;
}

static bool
touch_mailbox(void *arg, const struct index_mailbox *m)
{
    *(size_t *)arg += strlen(m->name);
    return true;
}

/* use_all() - everything that the worker does with an index; true when nothing of it failed. */
static bool
use_all(struct index *ix)
{
    char id[ID_SIZE];
    size_t sum = 0;
    uint32_t uid;
    struct index_changes changes;
    struct index_mailbox m;
    bool ok = index_mailbox_list(ix, touch_mailbox, &sum, &f.why) &&
              index_mailbox_find(ix, "INBOX", &m, &f.why) &&
              index_message_list(ix, m.id, 1, true, touch, &sum, &f.why) &&
              index_ledger_find(ix, "aa", 0, id, &f.why) && index_begin(ix, &f.why);
    if (!ok)
        return false;
    ok = index_take_uid(ix, m.id, &uid, &f.why);
    struct index_message x = fixture_message(m.id, uid, "added", 0, &fixture_facts);
    ok = ok && index_add(ix, &x, &f.why) && index_set_flags(ix, m.id, 3, 5, "k", &f.why) &&
         index_expunge(ix, m.id, 4, &f.why) && index_ledger_add(ix, "bb", "id", 1, &f.why);
    struct index_reconcile *r = ok ? index_reconcile_begin(ix, m.id, &f.why) : NULL;
    ok = r != NULL && index_reconcile_end(r, true, &changes, &f.why);
    if (ok)
        return index_commit(ix, &f.why) && index_check(ix, true, &f.why);
    index_rollback(ix);
    return false;
}

/* mend() - as the worker does. */
static void
mend(void)
{
    struct index_mailbox m;
    index_close(f.ix);
    OK(&f, index_set_aside(f.folder, &f.why));
    f.ix = index_open(f.folder, true, &f.why);
    ck_assert_msg(f.ix != NULL, "%s", f.why.cause);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_add(f.ix, "INBOX", 2000, &m, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    index_close(f.ix);
    f.ix = NULL;
    remove_files();
}

/* try_image() - true when nothing was noticed. What is noticed is an outcome that makes the peer
 * wait. */
static bool
try_image(const char *bytes, size_t n, unsigned kinds[OUTCOME_KINDS])
{
    put_image(bytes, n);
    memset(&f.why, 0, sizeof(f.why));
    f.ix = index_open(f.folder, true, &f.why);
    if (f.ix != NULL && use_all(f.ix)) {
        index_close(f.ix);
        f.ix = NULL;
        remove_files();
        return true;
    }
    kinds[f.why.kind]++;
    mend();
    return false;
}

START_TEST(a_bit_that_flipped_is_an_outcome)
{
    unsigned kinds[OUTCOME_KINDS] = {0}, unnoticed = 0;
    srandom(1);
    ck_assert(try_image(image, image_size, kinds));
    for (int i = 0; i < 200; i++) {
        size_t at = i < 50 ? (size_t)i * 2 : (size_t)random() % image_size;
        char old = image[at];
        image[at] ^= (char)(1 << random() % 8);
        unnoticed += try_image(image, image_size, kinds);
        image[at] = old;
    }
    ck_assert_uint_gt(kinds[OUTCOME_CORRUPT], 20);
    ck_assert_uint_gt(unnoticed, 20); /* a letter of a subject, free space */
    ck_assert_uint_eq(kinds[OUTCOME_OK], 0);
}
END_TEST

START_TEST(a_cut_file_is_an_outcome)
{
    unsigned kinds[OUTCOME_KINDS] = {0};
    for (size_t i = 0; i < 40; i++) {
        size_t n = i < 20 ? image_size * i / 20 : (i - 20) * 137;
        ck_assert_msg(!try_image(image, n, kinds), "cut to %zu octets", n);
    }
    ck_assert_uint_eq(kinds[OUTCOME_CORRUPT], 40);
}
END_TEST

START_TEST(garbage_is_an_outcome)
{
    unsigned kinds[OUTCOME_KINDS] = {0};
    char garbage[8192];
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (char)(i * 31 + 7);
    ck_assert(!try_image(garbage, sizeof(garbage), kinds));
    ck_assert_uint_eq(kinds[OUTCOME_CORRUPT], 1);
}
END_TEST

START_TEST(what_was_set_aside_is_kept)
{
    char path[512];
    unsigned aside = 0;
    put_image("garbage", 7);
    snprintf(path, sizeof(path), "%s/index.sqlite-wal", f.folder);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    OK(&f, index_set_aside(f.folder, &f.why));
    DIR *d = opendir(f.folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        aside += strncmp(e->d_name, "index.sqlite.damaged-", 21) == 0;
    closedir(d);
    ck_assert_uint_eq(aside, 2);
    FAILS(&f, OUTCOME_NOT_FOUND, index_set_aside(f.folder, &f.why));
}
END_TEST

/* mount_small() - 2 MiB of disk over the folder, seen by this process alone. */
static bool
mount_small(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("doorstep", f.folder, "tmpfs", 0, "size=2m,mode=0700") == 0;
}

START_TEST(a_full_disk_keeps_what_was_committed)
{
    uint32_t uid = 0, committed = 0;
    char name[32];
    bool ok = true;
    if (!mount_small()) {
        printf("a_full_disk_keeps_what_was_committed: not run, no right to mount a tmpfs\n");
        return;
    }
    f.ix = index_open(f.folder, true, &f.why);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_add(f.ix, "INBOX", 1000, &f.inbox, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    while (ok && committed < 10000) {
        ok = index_begin(f.ix, &f.why) && index_take_uid(f.ix, f.inbox.id, &uid, &f.why);
        snprintf(name, sizeof(name), "%u", uid);
        struct index_message m = fixture_message(f.inbox.id, uid, name, 0, &fixture_facts);
        ok = ok && index_add(f.ix, &m, &f.why) && index_commit(f.ix, &f.why);
        if (ok)
            committed = uid;
        else
            index_rollback(f.ix);
    }
    ck_assert(!ok);
    ck_assert_msg(f.why.kind == OUTCOME_DISK_FULL, "kind %d: %s", f.why.kind, f.why.cause);
    ck_assert_uint_gt(committed, 50);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, committed);
    fixture_reopen(&f);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, committed);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, committed + 1);
    OK(&f, index_check(f.ix, true, &f.why));
    index_close(f.ix);
    f.ix = NULL;
    remove_files();
    umount(f.folder);
}
END_TEST

START_TEST(a_disk_that_is_full_from_the_start_leaves_no_file)
{
    char path[256];
    if (!mount_small()) {
        printf("a_disk_that_is_full_from_the_start_leaves_no_file: not run, no right to mount\n");
        return;
    }
    snprintf(path, sizeof(path), "%s/ballast", f.folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(fd, path, 64) == 64)
        continue;
    close(fd);
    ck_assert_ptr_null(index_open(f.folder, true, &f.why));
    ck_assert_msg(f.why.kind == OUTCOME_DISK_FULL, "kind %d: %s", f.why.kind, f.why.cause);
    ck_assert_ptr_null(index_open(f.folder, false, &f.why));
    ck_assert_int_eq(f.why.kind, OUTCOME_NOT_FOUND);
    unlink(path);
    f.ix = index_open(f.folder, true, &f.why);
    ck_assert_msg(f.ix != NULL, "%s", f.why.cause);
    index_close(f.ix);
    f.ix = NULL;
    remove_files();
    umount(f.folder);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("damage");
    TCase *t = tcase_create("files");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_bit_that_flipped_is_an_outcome);
    tcase_add_test(t, a_cut_file_is_an_outcome);
    tcase_add_test(t, garbage_is_an_outcome);
    tcase_add_test(t, what_was_set_aside_is_kept);
    tcase_add_test(t, a_full_disk_keeps_what_was_committed);
    tcase_add_test(t, a_disk_that_is_full_from_the_start_leaves_no_file);
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
