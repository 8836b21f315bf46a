/* SPDX-License-Identifier: MIT
 *
 * Identities as text, and giving up root in a child process. The latter needs root to start from.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "privileges.h"

static const struct parse_row {
    const char *name;
    const char *text;
    bool is_good;
    size_t groups;
} parse_rows[] = {
    {"uid and gid", "65534:65534", true, 0},
    {"with groups", "1000:1000:1000,4,24", true, 3},
    {"root", "0:0", true, 0},
    {"the largest uid", "4294967294:1", true, 0},
    {"minus one is no uid", "4294967295:1", false, 0},
    {"minus one is no gid", "1:4294967295", false, 0},
    {"uid alone", "1000", false, 0},
    {"empty", "", false, 0},
    {"no gid", "1000:", false, 0},
    {"a sign", "-1:0", false, 0},
    {"a space", "1 :0", false, 0},
    {"letters", "nobody:nogroup", false, 0},
    {"an empty group", "1:1:,", false, 0},
    {"too many groups",
     "1:1:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
     "1,1,"
     "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
     false, 0},
};

START_TEST(identity_text)
{
    const struct parse_row *row = &parse_rows[_i];
    struct identity who;
    char text[IDENTITY_TEXT_SIZE];

    ck_assert_msg(identity_parse(row->text, &who) == row->is_good, "%s", row->name);
    if (!row->is_good)
        return;
    ck_assert_msg(who.group_count == row->groups, "%s", row->name);
    identity_print(&who, text);
    ck_assert_str_eq(text, row->text);
}
END_TEST

START_TEST(longest_identity_fits)
{
    struct identity who = {.uid = 4294967294u, .gid = 4294967294u};
    struct identity back;
    char text[IDENTITY_TEXT_SIZE];

    for (; who.group_count < IDENTITY_GROUPS_MAX; who.group_count++)
        who.groups[who.group_count] = 4294967294u;
    identity_print(&who, text);
    ck_assert(identity_parse(text, &back));
    ck_assert_mem_eq(&back, &who, sizeof(who));
}
END_TEST

START_TEST(identity_of_names)
{
    struct identity who;

    ck_assert(identity_find("root", &who));
    ck_assert_uint_eq(who.uid, 0);
    ck_assert(!identity_find("no-such-user-here", &who));
}
END_TEST

/* The status of a child that becomes `who` and then runs check(). */
static int
status_as(const struct identity *who, bool (*check)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(!privileges_become(who) ? 2 : check() ? 0 : 1);
    waitpid(pid, &status, 0);
    return status;
}

static bool
is_nobody(void)
{
    return getuid() == 65534 && getgid() == 65534 && getgroups(0, NULL) == 1;
}

static bool
cannot_become_root(void)
{
    return setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0 && chroot("/") != 0;
}

static bool
is_powerless_root(void)
{
    return getuid() == 0 && chroot("/") != 0 && setuid(1) != 0 && sethostname("x", 1) != 0;
}

START_TEST(root_is_given_up)
{
    struct identity nobody = {.uid = 65534, .gid = 65534, .groups = {65534}, .group_count = 1};
    struct identity root = {.uid = 0, .gid = 0};

    if (geteuid() != 0)
        return;
    ck_assert_int_eq(status_as(&nobody, is_nobody), 0);
    ck_assert_int_eq(status_as(&nobody, cannot_become_root), 0);
    ck_assert_int_eq(status_as(&root, is_powerless_root), 0);
}
END_TEST

START_TEST(ordinary_user_cannot_change)
{
    struct identity nobody = {.uid = 65534, .gid = 65534};
    struct identity other = {.uid = 65533, .gid = 65533};
    int status = -1;
    pid_t pid;

    if (geteuid() != 0)
        nobody = identity_of_owner(getuid(), getgid());
    pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && !privileges_become(&nobody))
            _exit(3);
        _exit(privileges_become(&other) ? 0 : 2);
    }
    waitpid(pid, &status, 0);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("privileges");
    TCase *tests = tcase_create("privileges");
    SRunner *runner;
    int failed;

    log_start("test", LOG_LEVEL_ERROR);
    tcase_add_loop_test(tests, identity_text, 0, sizeof(parse_rows) / sizeof(parse_rows[0]));
    tcase_add_test(tests, longest_identity_fits);
    tcase_add_test(tests, identity_of_names);
    tcase_add_test(tests, root_is_given_up);
    tcase_add_test(tests, ordinary_user_cannot_change);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
