/* SPDX-License-Identifier: MIT
 *
 * What is said about mailboxes: by their names, whatever is done to those.
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
set_use(const char *mailbox, const char *use)
{
    OK(&f, personal_begin(f.p, &f.why));
    OK(&f, personal_use_set(f.p, mailbox, use, &f.why));
    OK(&f, personal_commit(f.p, &f.why));
}

static void
annotate(const char *mailbox, const char *name, const char *value)
{
    const struct span text = span_of(value);

    OK(&f, personal_begin(f.p, &f.why));
    OK(&f, personal_annotation_set(f.p, mailbox, name, value == NULL ? NULL : &text, &f.why));
    OK(&f, personal_commit(f.p, &f.why));
}

static const char *
use_of(const char *mailbox)
{
    static char out[PERSONAL_USE_SIZE];

    OK(&f, personal_use_find(f.p, mailbox, out, &f.why));
    return out;
}

static bool
on_mailbox(void *arg, const char *mailbox)
{
    strcat(arg, mailbox);
    strcat(arg, " ");
    return true;
}

static const char *
used_as(const char *use)
{
    static char out[1024];

    out[0] = '\0';
    OK(&f, personal_use_list(f.p, use, on_mailbox, out, &f.why));
    return out;
}

static const char *
annotation(const char *mailbox, const char *name)
{
    static char out[128];
    struct buf value;

    buf_init(&value, sizeof out - 1);
    bool found = personal_annotation_find(f.p, mailbox, name, &value, &f.why);
    ck_assert(found || f.why.kind == OUTCOME_NOT_FOUND);
    snprintf(out, sizeof out, "%s", found ? buf_str(&value) : "none");
    buf_release(&value);
    return out;
}

static void
rename_it(const char *from, const char *to)
{
    bool changed;

    OK(&f, personal_begin(f.p, &f.why));
    OK(&f, personal_mailbox_copy(f.p, from, to, &changed, &f.why));
    OK(&f, personal_mailbox_forget(f.p, from, true, &changed, &f.why));
    OK(&f, personal_commit(f.p, &f.why));
}

START_TEST(mailboxes_are_listed_by_use)
{
    set_use("B", "\\Junk");
    set_use("A", "\\junk");
    set_use("C", "\\Sent");
    ck_assert_str_eq(used_as("\\JUNK"), "A B ");
    ck_assert_str_eq(use_of("C"), "\\Sent");
    set_use("A", "");
    set_use("C", "\\Junk");
    fixture_reopen(&f);
    ck_assert_str_eq(used_as("\\Junk"), "B C ");
    ck_assert_str_eq(use_of("A"), "");
    OK(&f, personal_begin(f.p, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, personal_use_set(f.p, "A", "Junk", &f.why));
    personal_rollback(f.p);
}
END_TEST

START_TEST(annotations_belong_to_a_mailbox)
{
    annotate("B", "/private/a", "text");
    annotate("", "/private/a", "more");
    ck_assert_str_eq(annotation("B", "/Private/A"), "text");
    ck_assert_str_eq(annotation("", "/private/a"), "more");
    annotate("B", "/PRIVATE/a", "more");
    ck_assert_str_eq(annotation("B", "/private/a"), "more");
    annotate("", "/private/a", NULL);
    fixture_reopen(&f);
    ck_assert_str_eq(annotation("", "/private/a"), "none");
    ck_assert_str_eq(annotation("B", "/private/a"), "more");
}
END_TEST

START_TEST(annotations_have_a_number)
{
    const struct span text = SPAN("text");
    char name[32];

    OK(&f, personal_begin(f.p, &f.why));
    for (int i = 0; i < PERSONAL_ANNOTATIONS_MAX; i++) {
        snprintf(name, sizeof name, "/private/%d", i);
        OK(&f, personal_annotation_set(f.p, "", name, &text, &f.why));
    }
    FAILS(&f, OUTCOME_OVER_QUOTA_HARD,
          personal_annotation_set(f.p, "", "/private/one-more", &text, &f.why));
    OK(&f, personal_annotation_set(f.p, "", "/private/1", &text, &f.why));
    OK(&f, personal_annotation_set(f.p, "Other", "/private/1", &text, &f.why));
    OK(&f, personal_commit(f.p, &f.why));
}
END_TEST

START_TEST(a_renamed_mailbox_takes_it_along_with_those_below)
{
    set_use("A", "\\Junk");
    annotate("A/x", "/private/a", "x");
    annotate("AB", "/private/a", "another");
    set_use("\xc3\xa4/\xe2\x82\xac", "\\Sent");
    rename_it("A", "Z/new");
    rename_it("\xc3\xa4", "u");
    ck_assert_str_eq(used_as("\\Junk"), "Z/new ");
    ck_assert_str_eq(annotation("Z/new/x", "/private/a"), "x");
    ck_assert_str_eq(annotation("A/x", "/private/a"), "none");
    ck_assert_str_eq(annotation("AB", "/private/a"), "another");
    ck_assert_str_eq(used_as("\\Sent"), "u/\xe2\x82\xac ");
}
END_TEST

/* As a replay does after a crash in the middle of it. */
START_TEST(a_rename_may_be_done_twice)
{
    bool changed;

    set_use("A", "\\Junk");
    rename_it("A", "B");
    rename_it("A", "B");
    ck_assert_str_eq(used_as("\\Junk"), "B ");
    OK(&f, personal_begin(f.p, &f.why));
    OK(&f, personal_mailbox_copy(f.p, "A", "B", &changed, &f.why));
    ck_assert(!changed);
    OK(&f, personal_mailbox_forget(f.p, "A", true, &changed, &f.why));
    ck_assert(!changed);
    personal_rollback(f.p);
}
END_TEST

START_TEST(what_is_forgotten_is_one_mailbox_or_all_below)
{
    bool changed;

    set_use("A", "\\Junk");
    set_use("A/x", "\\Sent");
    OK(&f, personal_begin(f.p, &f.why));
    OK(&f, personal_mailbox_forget(f.p, "A", false, &changed, &f.why));
    ck_assert(changed);
    OK(&f, personal_commit(f.p, &f.why));
    ck_assert_str_eq(use_of("A"), "");
    ck_assert_str_eq(use_of("A/x"), "\\Sent");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("what is said about mailboxes");
    TCase *t = tcase_create("mailboxes");
    SRunner *r = srunner_create(s);

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, mailboxes_are_listed_by_use);
    tcase_add_test(t, annotations_belong_to_a_mailbox);
    tcase_add_test(t, annotations_have_a_number);
    tcase_add_test(t, a_renamed_mailbox_takes_it_along_with_those_below);
    tcase_add_test(t, a_rename_may_be_done_twice);
    tcase_add_test(t, what_is_forgotten_is_one_mailbox_or_all_below);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
