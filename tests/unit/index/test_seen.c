/* SPDX-License-Identifier: MIT
 *
 * What scripts leave behind in the index: keys that were seen.
 */
#include "fixture.h"

#include <stdio.h>

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

START_TEST(a_mailbox_is_found_by_its_id)
{
    struct index_mailbox m, other;

    begin();
    OK(&f, index_mailbox_add(f.ix, "A", 2001, &other, &f.why));
    OK(&f, index_mailbox_rename(f.ix, other.id, "C", &f.why));
    OK(&f, index_mailbox_find_object(f.ix, other.object_id, &m, &f.why));
    ck_assert_str_eq(m.name, "C");
    ck_assert(!index_mailbox_find_object(f.ix, "", &m, &f.why));
    commit();
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("what scripts leave behind");
    TCase *t = tcase_create("seen");
    SRunner *r = srunner_create(s);

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, keys_are_forgotten_in_time);
    tcase_add_test(t, keys_have_a_number);
    tcase_add_test(t, a_mailbox_is_found_by_its_id);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
