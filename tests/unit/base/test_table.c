/* SPDX-License-Identifier: MIT
 *
 * The hash of tables depends on a key that nobody outside this process knows.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/table.h"

static const char name[] = "ann@example.org";

struct entry {
    char key[32];
    UT_hash_handle hh;
};

START_TEST(a_table_finds_what_it_holds)
{
    static struct entry entries[1000];
    struct entry *table = NULL, *found;

    for (size_t i = 0; i < 1000; i++) {
        snprintf(entries[i].key, sizeof(entries[i].key), "user%zu@example.org", i);
        HASH_ADD_STR(table, key, &entries[i]);
    }
    for (size_t i = 0; i < 1000; i++) {
        HASH_FIND_STR(table, entries[i].key, found);
        ck_assert_ptr_eq(found, &entries[i]);
    }
    HASH_FIND_STR(table, "nobody", found);
    ck_assert_ptr_null(found);
    HASH_CLEAR(hh, table);
}
END_TEST

/* This program started anew, which then only says its hash of the name. */
static uint32_t
hash_in_another_process(void)
{
    char *argv[] = {(char[]){"test_table"}, (char[]){"hash"}, NULL};
    uint32_t hash = 0;
    int ends[2];
    pid_t pid;

    ck_assert_int_eq(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    ck_assert_int_eq(read(ends[0], &hash, sizeof(hash)), sizeof(hash));
    waitpid(pid, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return hash;
}

START_TEST(no_two_processes_hash_alike)
{
    uint32_t here = table_hash(name, sizeof(name));
    uint32_t there = hash_in_another_process();

    ck_assert_uint_eq(here, table_hash(name, sizeof(name)));
    /* Once in four thousand million times two are alike; not both times. */
    ck_assert(here != there || here != hash_in_another_process());
}
END_TEST

int
main(int argc, char **argv)
{
    uint32_t hash = table_hash(name, sizeof(name));
    Suite *suite;
    TCase *tests;
    SRunner *runner;
    int failed;

    if (argc > 1 && strcmp(argv[1], "hash") == 0)
        return write(STDOUT_FILENO, &hash, sizeof(hash)) == sizeof(hash) ? 0 : 1;
    suite = suite_create("table");
    tests = tcase_create("table");
    tcase_add_test(tests, a_table_finds_what_it_holds);
    tcase_add_test(tests, no_two_processes_hash_alike);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
