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
    OK(&f, index_begin(f.ix, &f.why));
}

static void
commit(void)
{
    OK(&f, index_commit(f.ix, &f.why));
}

static void
put(const char *name, const char *text)
{
    struct index_script s = {.changed = 1700000000};

    snprintf(s.name, sizeof s.name, "%s", name);
    snprintf(s.hash, sizeof s.hash, "hash of %s", text);
    begin();
    OK(&f, index_script_put(f.ix, &s, span_of(text), &f.why));
    commit();
}

static void
activate(const char *name)
{
    begin();
    OK(&f, index_script_activate(f.ix, name, &f.why));
    commit();
}

/* The text of a script (NULL: of the active one). */
static const char *
text_of(const char *name)
{
    static char out[128];
    struct index_script s;
    struct buf text;

    buf_init(&text, 1024);
    OK(&f, index_script_find(f.ix, name, &s, &text, &f.why));
    ck_assert_uint_eq(s.octets, text.len);
    snprintf(out, sizeof out, "%s", buf_str(&text));
    buf_release(&text);
    return out;
}

static bool
print_one(void *arg, const struct index_script *s)
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
    OK(&f, index_script_list(f.ix, print_one, out, &f.why));
    return out;
}

START_TEST(a_script_is_kept_by_its_name)
{
    struct index_script s;

    FAILS(&f, OUTCOME_NOT_FOUND, index_script_find(f.ix, "a", &s, NULL, &f.why));
    put("b", "stop;");
    put("a", "keep;");
    put("empty", "");
    fixture_reopen(&f);
    ck_assert_str_eq(names(), "a b empty ");
    ck_assert_str_eq(text_of("a"), "keep;");
    ck_assert_str_eq(text_of("b"), "stop;");
    ck_assert_str_eq(text_of("empty"), "");
    OK(&f, index_script_find(f.ix, "a", &s, NULL, &f.why));
    ck_assert_str_eq(s.hash, "hash of keep;");
    ck_assert_int_eq(s.changed, 1700000000);
}
END_TEST

START_TEST(one_is_active_or_none)
{
    struct index_script s;

    put("a", "keep;");
    put("b", "stop;");
    FAILS(&f, OUTCOME_NOT_FOUND, index_script_find(f.ix, NULL, &s, NULL, &f.why));
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
    FAILS(&f, OUTCOME_NOT_FOUND, index_script_activate(f.ix, "b", &f.why));
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
    FAILS(&f, OUTCOME_BUSY, index_script_delete(f.ix, "a", &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_script_delete(f.ix, "c", &f.why));
    OK(&f, index_script_delete(f.ix, "b", &f.why));
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
    FAILS(&f, OUTCOME_EXISTS, index_script_rename(f.ix, "a", "b", &f.why));
    FAILS(&f, OUTCOME_EXISTS, index_script_rename(f.ix, "a", "a", &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_script_rename(f.ix, "c", "d", &f.why));
    OK(&f, index_script_rename(f.ix, "a", "c", &f.why));
    commit();
    ck_assert_str_eq(names(), "b c* ");
}
END_TEST

START_TEST(a_rollback_takes_all_back)
{
    struct index_script s = {.name = "b", .hash = "h"};

    put("a", "keep;");
    activate("a");
    begin();
    OK(&f, index_script_put(f.ix, &s, span_of("stop;"), &f.why));
    OK(&f, index_script_activate(f.ix, "b", &f.why));
    index_rollback(f.ix);
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
    ck_assert_msg(index_script_name_check(name_cases[_i].name) == name_cases[_i].ok, "case %d", _i);
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
    ck_assert(index_script_name_check(name));
    name[512] = 'x';
    name[513] = '\0';
    ck_assert(!index_script_name_check(name));
}
END_TEST

static bool
is_seen(const char *key)
{
    return index_seen_find(f.ix, key, 0, &f.why);
}

START_TEST(keys_are_forgotten_in_time)
{
    char key[32];

    begin();
    for (int i = 0; i < INDEX_SEEN_PRUNED + 2; i++) {
        snprintf(key, sizeof key, "key %d", i);
        OK(&f, index_seen_add(f.ix, key, 1000 + i, "", &f.why));
    }
    OK(&f, index_seen_prune(f.ix, 1000, &f.why));
    ck_assert(!is_seen("key 0") && is_seen("key 1"));
    OK(&f, index_seen_prune(f.ix, 1000000, &f.why));
    snprintf(key, sizeof key, "key %d", INDEX_SEEN_PRUNED + 1); /* one look takes no more */
    ck_assert(!is_seen("key 1") && is_seen(key));
    commit();
}
END_TEST

START_TEST(keys_have_a_number)
{
    char key[32];

    begin();
    for (int i = 0; i < INDEX_SEEN_MAX + 2; i++) {
        snprintf(key, sizeof key, "key %d", i);
        OK(&f, index_seen_add(f.ix, key, 1000 + i, "", &f.why));
    }
    OK(&f, index_seen_prune(f.ix, 0, &f.why));
    OK(&f, index_seen_prune(f.ix, 0, &f.why)); /* within it: nothing */
    ck_assert(!is_seen("key 0") && !is_seen("key 1") && is_seen("key 2"));
    commit();
}
END_TEST

/* ---- what is said about mailboxes ---- */

START_TEST(a_mailbox_is_found_by_its_use_and_by_its_id)
{
    struct index_mailbox m, other;

    begin();
    OK(&f, index_mailbox_add(f.ix, "B", "\\Junk", 2000, &m, &f.why));
    OK(&f, index_mailbox_add(f.ix, "A", "", 2001, &other, &f.why));
    OK(&f, index_mailbox_find_use(f.ix, "\\JUNK", &m, &f.why));
    ck_assert_str_eq(m.name, "B");
    OK(&f, index_mailbox_set_use(f.ix, other.id, "\\junk", &f.why));
    OK(&f, index_mailbox_find_use(f.ix, "\\Junk", &m, &f.why));
    ck_assert_str_eq(m.name, "A"); /* the first by name */
    ck_assert(!index_mailbox_find_use(f.ix, "", &m, &f.why) && f.why.kind == OUTCOME_NOT_FOUND);
    ck_assert(!index_mailbox_set_use(f.ix, other.id, "Junk", &f.why));
    OK(&f, index_mailbox_rename(f.ix, other.id, "C", &f.why));
    OK(&f, index_mailbox_find_object(f.ix, other.object_id, &m, &f.why));
    ck_assert_str_eq(m.name, "C");
    ck_assert(!index_mailbox_find_object(f.ix, "", &m, &f.why));
    commit();
}
END_TEST

static bool
annotation_is(int64_t mailbox, const char *name, const char *value)
{
    struct buf out;

    buf_init(&out, 1000);
    bool found = index_annotation_find(f.ix, mailbox, name, &out, &f.why);
    bool same = found && value != NULL && strcmp(buf_str(&out), value) == 0;
    ck_assert(found || f.why.kind == OUTCOME_NOT_FOUND);
    buf_release(&out);
    return value == NULL ? !found : same;
}

START_TEST(annotations_belong_to_a_mailbox)
{
    const struct span text = SPAN("text"), more = SPAN("more");
    struct index_mailbox m;
    char name[32];

    begin();
    OK(&f, index_mailbox_add(f.ix, "B", "", 2000, &m, &f.why));
    OK(&f, index_annotation_set(f.ix, m.id, "/private/a", &text, &f.why));
    OK(&f, index_annotation_set(f.ix, 0, "/private/a", &more, &f.why));
    ck_assert(annotation_is(m.id, "/Private/A", "text") && annotation_is(0, "/private/a", "more"));
    OK(&f, index_annotation_set(f.ix, m.id, "/PRIVATE/a", &more, &f.why));
    ck_assert(annotation_is(m.id, "/private/a", "more"));
    OK(&f, index_mailbox_delete(f.ix, m.id, &f.why));
    ck_assert(annotation_is(m.id, "/private/a", NULL) && annotation_is(0, "/private/a", "more"));
    OK(&f, index_annotation_set(f.ix, 0, "/private/a", NULL, &f.why));
    ck_assert(annotation_is(0, "/private/a", NULL));
    for (int i = 0; i < INDEX_ANNOTATIONS_MAX; i++) {
        snprintf(name, sizeof name, "/private/%d", i);
        OK(&f, index_annotation_set(f.ix, 0, name, &text, &f.why));
    }
    ck_assert(!index_annotation_set(f.ix, 0, "/private/one-more", &text, &f.why));
    OK(&f, index_annotation_set(f.ix, 0, "/private/1", &more, &f.why));
    commit();
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
    tcase_add_test(t, keys_are_forgotten_in_time);
    tcase_add_test(t, keys_have_a_number);
    tcase_add_test(t, a_mailbox_is_found_by_its_use_and_by_its_id);
    tcase_add_test(t, annotations_belong_to_a_mailbox);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
