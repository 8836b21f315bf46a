/* SPDX-License-Identifier: MIT
 *
 * Opening, migrating, statements, and each kind of SQLite error as an outcome.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_priv.h"

static const struct db_step steps[] = {
    {"001_a.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT UNIQUE NOT NULL) STRICT;"
                  "INSERT INTO a VALUES (1, 'one');"},
    {"002_b.sql", "ALTER TABLE a ADD COLUMN n INTEGER NOT NULL DEFAULT 5;"
                  "CREATE TABLE b (a INTEGER NOT NULL REFERENCES a (id)) STRICT;"},
};
static const struct db_step broken_steps[] = {
    {"001_a.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT UNIQUE NOT NULL) STRICT;"},
    {"002_broken.sql", "CREATE TABLE c (x INTEGER); CREATE TABLE a (x INTEGER);"},
};

static char folder[64], path[128];
static struct outcome why;

static void
setup(void)
{
    strcpy(folder, "/tmp/doorstep-db-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/x.sqlite", folder);
}

static void
teardown(void)
{
    char name[512];
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
        unlink(name);
    }
    closedir(d);
    rmdir(folder);
}

static struct db *
open_with(const struct db_step *s, unsigned count, bool create)
{
    const struct db_options options = {
        .steps = s, .step_count = count, .create = create, .full_sync = true, .cache_kib = 256};
    memset(&why, 0, sizeof(why));
    return db_open(path, &options, &why);
}

static struct db *
must_open(unsigned count)
{
    struct db *db = open_with(steps, count, true);
    ck_assert_msg(db != NULL, "%s", why.cause);
    return db;
}

static void
refused(const struct db_step *s, unsigned count, bool create, enum outcome_kind kind)
{
    ck_assert_ptr_null(open_with(s, count, create));
    ck_assert_msg(why.kind == kind, "kind %d, not %d: %s", why.kind, kind, why.cause);
}

static int64_t
number(struct db *db, const char *sql)
{
    struct db_statement *s = db_prepare(db, sql, &why);
    ck_assert_msg(s != NULL, "%s", why.cause);
    ck_assert_int_eq(db_next(s, &why), DB_ROW);
    int64_t n = db_int(s, 0);
    db_reset(s);
    return n;
}

static void
write_file(const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

struct pragma {
    const char *sql;
    int64_t expected;
};

static const struct pragma pragmas[] = {
    {"PRAGMA page_size", 1024},   {"PRAGMA synchronous", 2},     {"PRAGMA foreign_keys", 1},
    {"PRAGMA trusted_schema", 0}, {"PRAGMA cell_size_check", 1}, {"PRAGMA temp_store", 2},
    {"PRAGMA secure_delete", 2},  {"PRAGMA cache_size", -256},   {"PRAGMA wal_autocheckpoint", 256},
    {"PRAGMA user_version", 2},
};

START_TEST(our_pragmas_are_in_force)
{
    struct db *db = must_open(2);
    ck_assert_int_eq(number(db, pragmas[_i].sql), pragmas[_i].expected);
    db_close(db);
}
END_TEST

START_TEST(one_connection_alone_and_no_shared_memory_file)
{
    char name[256];
    struct stat st;
    struct db *db = must_open(2);
    struct db_statement *s = db_prepare(db, "PRAGMA locking_mode", &why);
    ck_assert_int_eq(db_next(s, &why), DB_ROW);
    ck_assert_str_eq(db_text(s, 0), "exclusive");
    db_reset(s);
    snprintf(name, sizeof(name), "%s-shm", path);
    ck_assert_int_ne(stat(name, &st), 0);
    snprintf(name, sizeof(name), "%s-wal", path);
    ck_assert_int_eq(stat(name, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    refused(steps, 2, false, OUTCOME_BUSY);
    db_close(db);
    ck_assert_int_eq(stat(name, &st), 0); /* no checkpoint on close */
    ck_assert_int_gt(st.st_size, 0);
}
END_TEST

START_TEST(an_older_schema_is_brought_up_to_date)
{
    struct db *db = must_open(1);
    ck_assert_int_eq(number(db, "PRAGMA user_version"), 1);
    db_close(db);
    db = must_open(2);
    ck_assert_int_eq(number(db, "PRAGMA user_version"), 2);
    ck_assert_int_eq(number(db, "SELECT n FROM a"), 5);
    db_close(db);
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
    db_close(must_open(2));
    refused(steps, 1, true, OUTCOME_SYSTEM);
    ck_assert_ptr_nonnull(strstr(why.cause, "newer"));
    db_close(must_open(2)); /* untouched */
}
END_TEST

START_TEST(a_schema_number_with_a_flipped_bit_is_damage)
{
    struct db *db = must_open(2);
    ck_assert_msg(db_exec(db, "PRAGMA user_version=66", &why), "%s", why.cause);
    db_close(db);
    refused(steps, 2, true, OUTCOME_CORRUPT);
}
END_TEST

START_TEST(a_step_that_fails_leaves_the_older_schema)
{
    db_close(must_open(1));
    refused(broken_steps, 2, true, OUTCOME_CORRUPT);
    struct db *db = must_open(2);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
    db_close(db);
}
END_TEST

START_TEST(a_file_that_did_not_become_a_database_is_removed)
{
    struct stat st;
    refused(broken_steps, 2, true, OUTCOME_CORRUPT);
    ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

START_TEST(what_is_no_database_is_told)
{
    refused(steps, 2, false, OUTCOME_NOT_FOUND);
    write_file("", 0);
    refused(steps, 2, true, OUTCOME_CORRUPT);
    write_file("this is a letter to my aunt, and no database by any stretch of the word, I fear "
               "it is not; it goes on for more than a hundred octets",
               132);
    refused(steps, 2, true, OUTCOME_CORRUPT);
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    refused(steps, 2, true, OUTCOME_SYSTEM);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/none/x", folder);
    refused(steps, 2, true, OUTCOME_SYSTEM);
    refused(steps, 2, false, OUTCOME_NOT_FOUND);
}
END_TEST

START_TEST(values_come_back_as_they_were_bound)
{
    static const char odd[] = "'; DROP TABLE a; --";
    struct db *db = must_open(1);
    struct db_statement *in = db_prepare(db, "INSERT INTO a VALUES (?, ?)", &why);
    db_bind_int(in, 1, INT64_MIN);
    db_bind_text(in, 2, odd);
    ck_assert_msg(db_run(in, &why), "%s", why.cause);
    ck_assert_int_eq(db_last_rowid(db), INT64_MIN);
    ck_assert_int_eq(db_changes(db), 1);
    ck_assert_ptr_eq(in, db_prepare(db, "INSERT INTO a VALUES (?, ?)", &why));
    db_bind_int(in, 1, 7);
    db_bind_span(in, 2, (struct span){"abc", 2});
    ck_assert_msg(db_run(in, &why), "%s", why.cause);
    struct db_statement *out =
        db_prepare(db, "SELECT t, ?2, ?3, ?4 FROM a WHERE t = ?1 OR id = 7 ORDER BY id", &why);
    db_bind_text(out, 1, odd);
    db_bind_blob(out, 2, (struct span){"a\0b", 3});
    db_bind_blob(out, 3, SPAN_NONE);
    db_bind_null(out, 4);
    ck_assert_int_eq(db_next(out, &why), DB_ROW);
    ck_assert_str_eq(db_text(out, 0), odd);
    ck_assert(span_equal(db_blob(out, 1), (struct span){"a\0b", 3}));
    ck_assert(!db_is_null(out, 2));
    ck_assert_uint_eq(db_blob(out, 2).n, 0);
    ck_assert(db_is_null(out, 3));
    ck_assert_str_eq(db_text(out, 3), "");
    ck_assert_int_eq(db_next(out, &why), DB_ROW);
    ck_assert_str_eq(db_text(out, 0), "ab");
    ck_assert_int_eq(db_next(out, &why), DB_DONE);
    db_reset(out);
    db_close(db);
}
END_TEST

START_TEST(bindings_do_not_outlive_a_statement_use)
{
    struct db *db = must_open(1);
    struct db_statement *s = db_prepare(db, "SELECT ? IS NULL", &why);
    db_bind_int(s, 1, 5);
    db_reset(s);
    ck_assert_int_eq(number(db, "SELECT ? IS NULL"), 1);
    db_close(db);
}
END_TEST

START_TEST(a_bind_that_failed_is_told_by_the_step)
{
    struct db *db = must_open(1);
    struct db_statement *s = db_prepare(db, "INSERT INTO a VALUES (5, ?)", &why);
    db_bind_text(s, 2, "there is no second one");
    db_bind_text(s, 1, "five");
    ck_assert(!db_run(s, &why));
    ck_assert_int_eq(why.kind, OUTCOME_SYSTEM);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM a"), 1);
    db_bind_text(s, 1, "five"); /* the failure is forgotten with the reset */
    ck_assert_msg(db_run(s, &why), "%s", why.cause);
    db_close(db);
}
END_TEST

static enum outcome_kind
failing(struct db_statement *s)
{
    memset(&why, 0, sizeof(why));
    ck_assert_msg(s == NULL || !db_run(s, &why), "it ran");
    return why.kind;
}

START_TEST(errors_of_statements_are_outcomes)
{
    struct db *db = must_open(2);
    ck_assert_int_eq(failing(db_prepare(db, "INSERT INTO a VALUES (9, 'one', 1)", &why)),
                     OUTCOME_EXISTS);
    ck_assert_int_eq(failing(db_prepare(db, "INSERT INTO a VALUES (1, 'x', 1)", &why)),
                     OUTCOME_EXISTS);
    ck_assert_int_eq(failing(db_prepare(db, "INSERT INTO a VALUES (9, NULL, 1)", &why)),
                     OUTCOME_SYSTEM);
    ck_assert_int_eq(failing(db_prepare(db, "INSERT INTO b VALUES (77)", &why)), OUTCOME_SYSTEM);
    ck_assert_ptr_null(db_prepare(db, "SELECT * FROM nothing", &why));
    ck_assert_int_eq(why.kind, OUTCOME_CORRUPT);
    ck_assert_ptr_nonnull(strstr(why.cause, "nothing"));
    db_close(db);
}
END_TEST

START_TEST(no_other_file_can_be_attached)
{
    struct db *db = must_open(2);
    struct db_statement *s = db_prepare(db, "ATTACH ':memory:' AS x", &why);
    ck_assert(s == NULL || !db_run(s, &why));
    ck_assert(!db_exec(db, "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema", &why));
    db_close(db);
}
END_TEST

START_TEST(a_transaction_is_all_or_nothing)
{
    struct db *db = must_open(1);
    ck_assert(db_begin(db, &why));
    ck_assert(db_exec(db, "INSERT INTO a VALUES (2, 'two')", &why));
    db_rollback(db);
    db_rollback(db); /* without one: nothing */
    ck_assert_int_eq(number(db, "SELECT count(*) FROM a"), 1);
    ck_assert(db_begin(db, &why));
    ck_assert(db_exec(db, "INSERT INTO a VALUES (2, 'two')", &why));
    ck_assert(db_commit(db, &why));
    ck_assert(db_begin(db, &why));
    ck_assert(db_exec(db, "INSERT INTO a VALUES (3, 'three')", &why));
    db_close(db); /* rolls back */
    db = must_open(1);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM a"), 2);
    db_close(db);
}
END_TEST

START_TEST(a_commit_that_fails_ends_the_transaction)
{
    static const struct db_step deferred[] = {
        {"001.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;"
                    "CREATE TABLE b (a INTEGER NOT NULL REFERENCES a (id) "
                    "DEFERRABLE INITIALLY DEFERRED) STRICT;"}};
    struct db *db = open_with(deferred, 1, true);
    ck_assert(db_begin(db, &why));
    ck_assert(db_exec(db, "INSERT INTO b VALUES (1)", &why));
    ck_assert(!db_commit(db, &why));
    ck_assert(db_begin(db, &why));
    ck_assert(db_commit(db, &why));
    ck_assert_int_eq(number(db, "SELECT count(*) FROM b"), 0);
    db_close(db);
}
END_TEST

START_TEST(a_backup_is_the_whole_database)
{
    char copy[128];
    struct stat st;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    struct db *db = must_open(2);
    ck_assert(db_exec(db, "INSERT INTO a VALUES (2, 'in the WAL', 1)", &why));
    ck_assert(db_begin(db, &why));
    ck_assert(!db_backup(db, copy, &why));
    ck_assert_int_eq(why.kind, OUTCOME_BUSY);
    db_rollback(db);
    ck_assert_msg(db_backup(db, copy, &why), "%s", why.cause);
    ck_assert_int_eq(stat(copy, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert(!db_backup(db, copy, &why));
    ck_assert_int_eq(why.kind, OUTCOME_EXISTS);
    ck_assert(!db_backup(db, "/nonexistent/copy", &why));
    db_close(db);
    strcpy(path, copy);
    db = open_with(steps, 2, false);
    ck_assert_msg(db != NULL, "%s", why.cause);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM a"), 2);
    ck_assert_msg(db_check(db, true, &why), "%s", why.cause);
    db_close(db);
}
END_TEST

static struct db *
open_unsynced(const char *file)
{
    const struct db_options options = {
        .steps = steps, .step_count = 1, .create = true, .cache_kib = 16};
    struct db *db = db_open(file, &options, &why);
    ck_assert_msg(db != NULL, "%s", why.cause);
    return db;
}

static void
copy_file(const char *suffix, const char *copy)
{
    char command[512];
    snprintf(command, sizeof(command), "cp %s%s %s%s", path, suffix, copy, suffix);
    ck_assert_int_eq(system(command), 0);
}

/* copy_holds() - what the kernel has is that many rows, and sound. */
static void
copy_holds(int64_t rows)
{
    char copy[128];
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    copy_file("", copy);
    copy_file("-wal", copy);
    struct db *db = open_unsynced(copy);
    ck_assert_msg(db_check(db, true, &why), "%s", why.cause);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM a"), rows);
    db_close(db);
}

/* add_many() - more than the cache holds, so that pages go to the WAL before the end; rows of the
 * middle of the tree, so that some go there twice. */
static void
add_many(struct db *db, int count)
{
    char text[600];
    for (int i = 0; i < count; i++) {
        struct db_statement *s = db_prepare(db, "INSERT INTO a VALUES (?, ?)", &why);
        int64_t id = ((int64_t)random() << 31) + random() + 1000;
        snprintf(text, sizeof(text), "%0550lld", (long long)id);
        db_bind_int(s, 1, id);
        db_bind_text(s, 2, text);
        ck_assert_msg(db_run(s, &why), "%s", why.cause);
    }
}

START_TEST(gathered_writes_are_those_that_were_made)
{
    int64_t rows = 1;
    srandom(1);
    if (_i == 1)
        db_setup();
    struct db *db = open_unsynced(path);
    for (int round = 0; round < 40; round++) {
        int count = 1 << random() % 8;
        ck_assert_msg(db_begin(db, &why), "%s", why.cause);
        add_many(db, count);
        if (random() % 4 == 0) {
            db_rollback(db);
            continue;
        }
        ck_assert_msg(db_commit(db, &why), "%s", why.cause);
        rows += count;
        if (random() % 8 == 0)
            ck_assert_msg(db_checkpoint(db, &why), "%s", why.cause);
        if (random() % 2 == 0)
            continue;
        ck_assert_msg(db_flush(db, &why), "%s", why.cause);
        copy_holds(rows);
    }
    db_close(db); /* hands out what is held back */
    copy_holds(rows);
}
END_TEST

START_TEST(a_commit_without_full_sync_is_synced_when_asked)
{
    struct db *db = open_unsynced(path);
    ck_assert(db_begin(db, &why));
    add_many(db, 10);
    ck_assert(db_commit(db, &why));
    ck_assert_uint_gt(db_wal_octets(db), 10 * 550);
    ck_assert_msg(db_sync(db, &why) && db_sync(db, &why), "%s", why.cause);
    ck_assert_msg(db_checkpoint(db, &why), "%s", why.cause);
    ck_assert_uint_eq(db_wal_octets(db), 0);
    ck_assert_msg(db_sync(db, &why), "%s", why.cause);
    db_close(db);
}
END_TEST

struct error {
    const char *name;
    int code, system_errno;
    enum outcome_kind kind;
};

static const struct error errors[] = {
    {"disk full", SQLITE_FULL, 0, OUTCOME_DISK_FULL},
    {"damaged", SQLITE_CORRUPT, 0, OUTCOME_CORRUPT},
    {"damaged index", SQLITE_CORRUPT_INDEX, 0, OUTCOME_CORRUPT},
    {"no database", SQLITE_NOTADB, 0, OUTCOME_CORRUPT},
    {"file system damaged", SQLITE_IOERR_CORRUPTFS, EIO, OUTCOME_UNREADABLE},
    {"locked by another", SQLITE_BUSY, 0, OUTCOME_BUSY},
    {"recovering", SQLITE_BUSY_RECOVERY, 0, OUTCOME_BUSY},
    {"memory", SQLITE_NOMEM, 0, OUTCOME_SYSTEM},
    {"memory in input or output", SQLITE_IOERR_NOMEM, 0, OUTCOME_SYSTEM},
    {"read error", SQLITE_IOERR_READ, EIO, OUTCOME_SYSTEM},
    {"write error, disk full", SQLITE_IOERR_WRITE, ENOSPC, OUTCOME_DISK_FULL},
    {"write error, quota", SQLITE_IOERR_WRITE, EDQUOT, OUTCOME_OVER_QUOTA},
    {"sync failed", SQLITE_IOERR_FSYNC, EIO, OUTCOME_SYSTEM},
    {"cannot open", SQLITE_CANTOPEN, EACCES, OUTCOME_SYSTEM},
    {"read-only", SQLITE_READONLY, 0, OUTCOME_SYSTEM},
    {"taken", SQLITE_CONSTRAINT_UNIQUE, 0, OUTCOME_EXISTS},
    {"no parent", SQLITE_CONSTRAINT_FOREIGNKEY, 0, OUTCOME_SYSTEM},
    {"no such table", SQLITE_ERROR, 0, OUTCOME_CORRUPT},
    {"too big", SQLITE_TOOBIG, 0, OUTCOME_SYSTEM},
    {"misuse", SQLITE_MISUSE, 0, OUTCOME_SYSTEM},
};

START_TEST(an_error_is_an_outcome)
{
    const struct error *e = &errors[_i];
    memset(&why, 0, sizeof(why));
    ck_assert(!db_fail_code(e->code, e->system_errno, "test", NULL, &why));
    ck_assert_msg(why.kind == e->kind, "%s: kind %d, not %d", e->name, why.kind, e->kind);
    ck_assert_msg(e->kind == OUTCOME_EXISTS || outcome_is_temporary(&why), "%s", e->name);
    ck_assert_msg(why.cause[0] != '\0', "%s: no cause", e->name);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("db");
    TCase *t = tcase_create("db");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, our_pragmas_are_in_force, 0, sizeof(pragmas) / sizeof(pragmas[0]));
    tcase_add_test(t, one_connection_alone_and_no_shared_memory_file);
    tcase_add_test(t, an_older_schema_is_brought_up_to_date);
    tcase_add_test(t, a_newer_schema_is_refused);
    tcase_add_test(t, a_schema_number_with_a_flipped_bit_is_damage);
    tcase_add_test(t, a_step_that_fails_leaves_the_older_schema);
    tcase_add_test(t, a_file_that_did_not_become_a_database_is_removed);
    tcase_add_test(t, what_is_no_database_is_told);
    tcase_add_test(t, values_come_back_as_they_were_bound);
    tcase_add_test(t, bindings_do_not_outlive_a_statement_use);
    tcase_add_test(t, a_bind_that_failed_is_told_by_the_step);
    tcase_add_test(t, errors_of_statements_are_outcomes);
    tcase_add_test(t, no_other_file_can_be_attached);
    tcase_add_test(t, a_transaction_is_all_or_nothing);
    tcase_add_test(t, a_commit_that_fails_ends_the_transaction);
    tcase_add_test(t, a_backup_is_the_whole_database);
    tcase_add_loop_test(t, gathered_writes_are_those_that_were_made, 0, 2);
    tcase_add_test(t, a_commit_without_full_sync_is_synced_when_asked);
    tcase_add_loop_test(t, an_error_is_an_outcome, 0, sizeof(errors) / sizeof(errors[0]));
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
