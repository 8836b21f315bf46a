/* SPDX-License-Identifier: MIT
 *
 * Sieve scripts of an account: names, texts, and the one that is active.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

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
begin(void)
{
    OK(&f, personal_begin(f.p, &f.why));
}

static void
commit(void)
{
    OK(&f, personal_commit(f.p, &f.why));
}

static void
put(const char *name, const char *text)
{
    struct personal_script s = {.changed = 1700000000};

    snprintf(s.name, sizeof s.name, "%s", name);
    begin();
    OK(&f, personal_script_put(f.p, &s, span_of(text), &f.why));
    commit();
}

static void
activate(const char *name)
{
    begin();
    OK(&f, personal_script_activate(f.p, name, &f.why));
    commit();
}

/* The text of a script (NULL: of the active one). */
static const char *
text_of(const char *name)
{
    static char out[128];
    struct personal_script s;
    struct buf text;

    buf_init(&text, 1024);
    OK(&f, personal_script_find(f.p, name, &s, &text, &f.why));
    ck_assert_uint_eq(s.octets, text.len);
    snprintf(out, sizeof out, "%s", buf_str(&text));
    buf_release(&text);
    return out;
}

static bool
print_one(void *arg, const struct personal_script *s)
{
    char *out = arg;

    strcat(out, s->name);
    strcat(out, s->is_active ? "* " : " ");
    return true;
}

static const char *
names(void)
{
    static char out[4096];

    out[0] = '\0';
    OK(&f, personal_script_list(f.p, print_one, out, &f.why));
    return out;
}

START_TEST(a_script_is_kept_by_its_name)
{
    struct personal_script s;

    FAILS(&f, OUTCOME_NOT_FOUND, personal_script_find(f.p, "a", &s, NULL, &f.why));
    put("b", "stop;");
    put("a", "keep;");
    put("empty", "");
    fixture_reopen(&f);
    ck_assert_str_eq(names(), "a b empty ");
    ck_assert_str_eq(text_of("a"), "keep;");
    ck_assert_str_eq(text_of("b"), "stop;");
    ck_assert_str_eq(text_of("empty"), "");
    OK(&f, personal_script_find(f.p, "a", &s, NULL, &f.why));
    ck_assert_uint_eq(strlen(s.hash), PERSONAL_SCRIPT_HASH_SIZE - 1);
    ck_assert_int_eq(s.changed, 1700000000);
}
END_TEST

START_TEST(one_is_active_or_none)
{
    struct personal_script s;

    put("a", "keep;");
    put("b", "stop;");
    FAILS(&f, OUTCOME_NOT_FOUND, personal_script_find(f.p, NULL, &s, NULL, &f.why));
    activate("a");
    ck_assert_str_eq(names(), "a* b ");
    activate("b");
    ck_assert_str_eq(names(), "a b* ");
    ck_assert_str_eq(text_of(NULL), "stop;");
    activate(NULL);
    ck_assert_str_eq(names(), "a b ");
}
END_TEST

START_TEST(activating_what_is_not_there_changes_nothing)
{
    put("a", "keep;");
    activate("a");
    begin();
    FAILS(&f, OUTCOME_NOT_FOUND, personal_script_activate(f.p, "b", &f.why));
    commit();
    ck_assert_str_eq(names(), "a* ");
}
END_TEST

START_TEST(a_new_text_leaves_it_active)
{
    put("a", "keep;");
    activate("a");
    put("a", "discard;");
    ck_assert_str_eq(names(), "a* ");
    ck_assert_str_eq(text_of(NULL), "discard;");
}
END_TEST

START_TEST(the_active_one_is_not_deleted)
{
    put("a", "keep;");
    put("b", "stop;");
    activate("a");
    begin();
    FAILS(&f, OUTCOME_BUSY, personal_script_delete(f.p, "a", &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, personal_script_delete(f.p, "c", &f.why));
    OK(&f, personal_script_delete(f.p, "b", &f.why));
    commit();
    ck_assert_str_eq(names(), "a* ");
}
END_TEST

START_TEST(a_name_may_change_to_one_that_is_free)
{
    put("a", "keep;");
    put("b", "stop;");
    activate("a");
    begin();
    FAILS(&f, OUTCOME_EXISTS, personal_script_rename(f.p, "a", "b", &f.why));
    FAILS(&f, OUTCOME_EXISTS, personal_script_rename(f.p, "a", "a", &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, personal_script_rename(f.p, "c", "d", &f.why));
    OK(&f, personal_script_rename(f.p, "a", "c", &f.why));
    commit();
    ck_assert_str_eq(names(), "b c* ");
}
END_TEST

START_TEST(a_rollback_takes_all_back)
{
    struct personal_script s = {.name = "b"};

    put("a", "keep;");
    activate("a");
    begin();
    OK(&f, personal_script_put(f.p, &s, span_of("stop;"), &f.why));
    OK(&f, personal_script_activate(f.p, "b", &f.why));
    personal_rollback(f.p);
    ck_assert_str_eq(names(), "a* ");
}
END_TEST

START_TEST(names_differ_by_case)
{
    put("a", "keep;");
    put("A", "stop;");
    ck_assert_str_eq(names(), "A a ");
}
END_TEST

static const struct {
    const char *name;
    bool ok;
} name_cases[] = {
    {"main", true},
    {"with space / and slash", true},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xac", true},
    {"", false},
    {"a\tb", false},
    {"a\nb", false},
    {"a\x7f", false},
    {"a\xc2\x85", false},     /* U+0085 */
    {"a\xe2\x80\xa8", false}, /* U+2028 */
    {"a\xe2\x80\xa9", false},
    {"a\xff", false},
    {"a\xc3", false},
    {"a\xed\xa0\x80", false}, /* a surrogate */
    {"\xef\xbb\xbf"
     "a",
     false}, /* a byte order mark in front */
    {"a\xef\xbb\xbf", true},
    {"a\xef\xbf\xbf", false}, /* U+FFFF */
    {"a\xcd\xb8", false},     /* U+0378, unassigned */
    {"a\xcc\x88", true},      /* decomposed */
    {"\xee\x80\x80", true},   /* of private use */
};

START_TEST(names_are_those_of_rfc_5804)
{
    ck_assert_msg(personal_script_name_check(name_cases[_i].name) == name_cases[_i].ok, "case %d",
                  _i);
}
END_TEST

START_TEST(names_that_mean_the_same_are_one)
{
    put("a\xcc\x88", "keep;");
    put("\xe2\x84\xa6", "keep;"); /* OHM SIGN */
    put("\xc3\xa4", "stop;");
    ck_assert_str_eq(names(), "\xc3\xa4 \xce\xa9 ");
}
END_TEST

START_TEST(names_have_a_length)
{
    char name[514];

    memset(name, 'x', sizeof name);
    name[512] = '\0';
    ck_assert(personal_script_name_check(name));
    name[512] = 'x';
    name[513] = '\0';
    ck_assert(!personal_script_name_check(name));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("scripts of an account");
    TCase *t = tcase_create("scripts");
    SRunner *r = srunner_create(s);

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_script_is_kept_by_its_name);
    tcase_add_test(t, one_is_active_or_none);
    tcase_add_test(t, activating_what_is_not_there_changes_nothing);
    tcase_add_test(t, a_new_text_leaves_it_active);
    tcase_add_test(t, the_active_one_is_not_deleted);
    tcase_add_test(t, a_name_may_change_to_one_that_is_free);
    tcase_add_test(t, a_rollback_takes_all_back);
    tcase_add_test(t, names_differ_by_case);
    tcase_add_loop_test(t, names_are_those_of_rfc_5804, 0,
                        sizeof name_cases / sizeof name_cases[0]);
    tcase_add_test(t, names_have_a_length);
    tcase_add_test(t, names_that_mean_the_same_are_one);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
