/* SPDX-License-Identifier: MIT
 *
 * The text of an accounts file, line by line; its rereading; system users.
 */
#include "fixture.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file_priv.h"

static const struct settings_domain domain = {
    .name = "file.example", .recipient_delimiter = "+", .quota = 77, .quota_messages = UINT64_MAX};

struct line {
    const char *name;
    struct span text;
    const char *user; /* that the table holds after it, or NULL */
    uint64_t quota, quota_messages;
    bool enabled;
    const char *complaint; /* begins with this, or NULL */
};

#define NONE UINT64_MAX

static const struct line lines[] = {
    {"a name alone", SPAN("ann"), "ann", 77, NONE, true, NULL},
    {"all fields", SPAN("ann:$6$x:2G:100:disabled"), "ann", 2147483648, 100, false, NULL},
    {"empty fields are the domain's", SPAN("ann::::"), "ann", 77, NONE, true, NULL},
    {"none is no limit", SPAN("ann::none:NONE"), "ann", NONE, NONE, true, NULL},
    {"a plain number of octets", SPAN("ann::5"), "ann", 5, NONE, true, NULL},
    {"small letters for units", SPAN("ann::5k"), "ann", 5120, NONE, true, NULL},
    {"zero is a quota", SPAN("ann::0:0"), "ann", 0, 0, true, NULL},
    {"the largest quota", SPAN("ann::8388607T"), "ann", 8388607ULL << 40, NONE, true, NULL},
    {"a larger one", SPAN("ann::8388608T"), NULL, 0, 0, false, "quota:"},
    {"messages take no unit", SPAN("ann:::5k"), NULL, 0, 0, false, "quota-messages:"},
    {"a negative quota", SPAN("ann::-1"), NULL, 0, 0, false, "quota:"},
    {"a unit alone", SPAN("ann::G"), NULL, 0, 0, false, "quota:"},
    {"names are folded", SPAN("ANN"), "ann", 77, NONE, true, NULL},
    {"spaces around are nothing", SPAN("  ann:: \r"), "ann", 77, NONE, true, NULL},
    {"a comment", SPAN("# ann"), NULL, 0, 0, false, NULL},
    {"an empty line", SPAN(""), NULL, 0, 0, false, NULL},
    {"a second line of one name", SPAN("ann::1\nann::2"), "ann", 1, NONE, true, "name: stands"},
    {"an unknown flag", SPAN("ann::::off"), NULL, 0, 0, false, "flags:"},
    {"too many fields", SPAN("ann:::::"), NULL, 0, 0, false, "too many"},
    {"a whole address", SPAN("ann@file.example"), NULL, 0, 0, false, "name: write"},
    {"a path", SPAN("../ann"), NULL, 0, 0, false, "name:"},
    {"no name", SPAN(":x"), NULL, 0, 0, false, "name:"},
    {"bad UTF-8", SPAN("\xff\xfe"), NULL, 0, 0, false, "name:"},
    {"a NUL", SPAN("an\0n"), NULL, 0, 0, false, "name:"},
    {"a NUL in a quota", SPAN("ann::1\0"), NULL, 0, 0, false, "quota:"},
    {"a control octet in the hash", SPAN("ann:a\x1b[2J"), NULL, 0, 0, false, "password-hash:"},
    {"lines around a bad one count", SPAN("../x\nann\n../y"), "ann", 77, NONE, true, "name:"},
};

struct heard {
    unsigned count, line;
    const char *what;
};

static void
hear(void *arg, unsigned line, const char *what)
{
    struct heard *h = arg;
    if (h->count++ == 0)
        *h = (struct heard){.count = 1, .line = line, .what = what};
}

START_TEST(a_line_says)
{
    const struct line *l = &lines[_i];
    struct file_table t;
    struct heard heard = {0};
    ck_assert(file_table_parse(&t, l->text, &domain, hear, &heard));
    if (l->complaint == NULL)
        ck_assert_msg(heard.count == 0, "%s: %s", l->name, heard.what);
    else
        ck_assert_msg(heard.count > 0 &&
                          strncmp(heard.what, l->complaint, strlen(l->complaint)) == 0,
                      "%s: %s", l->name, heard.count == 0 ? "accepted" : heard.what);
    ck_assert_msg(HASH_COUNT(t.entries) == (l->user != NULL), "%s", l->name);
    const struct file_entry *e = l->user == NULL ? NULL : file_table_find(&t, l->user);
    if (l->user != NULL) {
        ck_assert_msg(e != NULL, "%s: no %s", l->name, l->user);
        ck_assert_msg(e->quota == l->quota, "%s: quota %llu", l->name,
                      (unsigned long long)e->quota);
        ck_assert_msg(e->quota_messages == l->quota_messages, "%s", l->name);
        ck_assert_msg(e->enabled == l->enabled, "%s", l->name);
    }
    file_table_release(&t);
}
END_TEST

#define LONGEST "abcdefghijklmnopqrstuvwxyz012345" /* of route names */

static const struct {
    struct span flags;
    const char *forward; /* NULL: the line is skipped */
    bool enabled;
} homes[] = {
    {SPAN(""), "", true},
    {SPAN("disabled"), "", false},
    {SPAN("forward=node"), "node", true},
    {SPAN("disabled,forward=n"), "n", false},
    {SPAN("forward=n,disabled"), "n", false},
    {SPAN("forward=" LONGEST), LONGEST, true},
    {SPAN("forward=x" LONGEST), NULL, false},
    {SPAN("forward="), NULL, false},
    {SPAN("forward"), NULL, false},
    {SPAN("forward=a\0b"), NULL, false},
    {SPAN("disabled,"), NULL, false},
    {SPAN(",disabled"), NULL, false},
    {SPAN(","), NULL, false},
};

START_TEST(flags_name_the_home)
{
    char line[256] = "ann::::";
    struct file_table t;
    struct heard heard = {0};
    memcpy(line + 7, homes[_i].flags.p, homes[_i].flags.n);
    const struct span text = {line, 7 + homes[_i].flags.n};
    ck_assert(file_table_parse(&t, text, &domain, hear, &heard));
    const struct file_entry *e = file_table_find(&t, "ann");
    ck_assert_msg((e == NULL) == (homes[_i].forward == NULL), "%s", line);
    ck_assert_uint_eq(heard.count, e == NULL);
    if (e != NULL) {
        ck_assert_str_eq(e->forward, homes[_i].forward);
        ck_assert_msg(e->enabled == homes[_i].enabled, "%s", line);
    }
    file_table_release(&t);
}
END_TEST

START_TEST(a_long_line_is_skipped_and_told_with_its_number)
{
    char *text = malloc(10000);
    struct file_table t;
    struct heard heard = {0};
    memset(text, 'x', 10000);
    memcpy(text, "ann\n\n", 5);
    memcpy(text + 9990, "\nbob\n:::::", 10);
    ck_assert(file_table_parse(&t, (struct span){text, 10000}, &domain, hear, &heard));
    ck_assert_uint_eq(HASH_COUNT(t.entries), 2);
    ck_assert_uint_eq(heard.count, 2);
    ck_assert_uint_eq(heard.line, 3);
    ck_assert_str_eq(heard.what, "line is too long");
    file_table_release(&t);
    free(text);
}
END_TEST

START_TEST(ten_thousand_accounts_are_found)
{
    char *text = malloc(10000 * 16), *end = text;
    struct file_table t;
    struct heard heard = {0};
    for (int i = 0; i < 10000; i++)
        end += sprintf(end, "user%d\n", i);
    ck_assert(
        file_table_parse(&t, (struct span){text, (size_t)(end - text)}, &domain, hear, &heard));
    ck_assert_uint_eq(HASH_COUNT(t.entries), 10000);
    ck_assert_ptr_nonnull(file_table_find(&t, "user9999"));
    ck_assert_ptr_null(file_table_find(&t, "user10000"));
    file_table_release(&t);
    free(text);
}
END_TEST

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

static void
a_moment(void)
{
    usleep(1100 * 1000); /* the file is looked at once a second */
}

START_TEST(the_file_is_read_anew_when_it_changed)
{
    uint64_t before = accounts_generation(f.a);
    ck_assert_str_eq(fixture_resolve(&f, "dora@file.example"), "5.1.1");
    fixture_write(&f, "dora::1\n");
    a_moment();
    ck_assert_str_eq(fixture_resolve(&f, "dora@file.example"), "dora@file.example/");
    ck_assert_str_eq(fixture_resolve(&f, "carl@file.example"), "5.1.1");
    ck_assert(accounts_generation(f.a) > before);
    unlink(f.file);
    a_moment(); /* gone: what was known stays */
    ck_assert_str_eq(fixture_resolve(&f, "dora@file.example"), "dora@file.example/");
    fixture_write(&f, "dora::::disabled\n");
    a_moment();
    ck_assert_str_eq(fixture_resolve(&f, "dora@file.example"), "5.2.1");
}
END_TEST

START_TEST(a_line_names_the_home)
{
    struct account a;
    fixture_write(&f, "dora::::forward=near\nemil\nfay::::forward=here\n");
    f.domains[DOMAIN_FILE].forward = "far";
    a_moment();
    OK(&f, accounts_find(f.a, "dora", "file.example", &a, &f.why));
    ck_assert_str_eq(a.forward, "near");
    OK(&f, accounts_find(f.a, "emil", "file.example", &a, &f.why));
    ck_assert_str_eq(a.forward, "far");
    OK(&f, accounts_find(f.a, "fay", "file.example", &a, &f.why));
    ck_assert_str_eq(a.forward, "");
}
END_TEST

START_TEST(a_missing_file_is_told_at_the_start)
{
    accounts_close(f.a);
    unlink(f.file);
    f.a = accounts_open(&f.settings, &f.why);
    ck_assert_ptr_null(f.a);
    ck_assert_ptr_nonnull(strstr(f.why.cause, f.file));
    f.domains[DOMAIN_FILE].accounts_file = f.folder;
    f.a = accounts_open(&f.settings, &f.why);
    ck_assert_ptr_null(f.a);
    ck_assert_ptr_nonnull(strstr(f.why.cause, "regular"));
}
END_TEST

static bool
is_root(void *arg, const struct account *a)
{
    bool *found = arg;
    *found = strcmp(a->user, "root") == 0 && a->is_system && a->uid == 0;
    return !*found;
}

START_TEST(a_system_user_has_uid_and_home)
{
    struct account a;
    char name[64];
    bool found = false;
    const struct passwd *pw = getpwuid(0);
    f.settings.uid_min = 0;
    OK(&f, accounts_find(f.a, "root", "passwd.example", &a, &f.why));
    ck_assert(a.is_system);
    ck_assert_uint_eq(a.uid, pw->pw_uid);
    ck_assert_uint_eq(a.gid, pw->pw_gid);
    ck_assert_str_eq(a.home, pw->pw_dir);
    ck_assert_uint_eq(a.quota, 1000000);
    ck_assert_str_eq(fixture_resolve(&f, "Root+x@passwd.example"), "root@passwd.example/x");
    snprintf(name, sizeof(name), "x%*s", 50, "y");
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_find(f.a, name, "passwd.example", &a, &f.why));
    OK(&f, accounts_list(f.a, "passwd.example", is_root, &found, &f.why));
    ck_assert(found);
    f.settings.uid_min = 1;
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_find(f.a, "root", "passwd.example", &a, &f.why));
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("file and passwd");
    TCase *t = tcase_create("text");
    tcase_add_loop_test(t, a_line_says, 0, sizeof(lines) / sizeof(lines[0]));
    tcase_add_loop_test(t, flags_name_the_home, 0, sizeof(homes) / sizeof(homes[0]));
    tcase_add_test(t, a_long_line_is_skipped_and_told_with_its_number);
    tcase_add_test(t, ten_thousand_accounts_are_found);
    suite_add_tcase(s, t);
    t = tcase_create("drivers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_file_is_read_anew_when_it_changed);
    tcase_add_test(t, a_line_names_the_home);
    tcase_add_test(t, a_missing_file_is_told_at_the_start);
    tcase_add_test(t, a_system_user_has_uid_and_home);
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
