/* SPDX-License-Identifier: MIT
 *
 * The two drivers for tests, so that what relies on them stands on something: each call fails when
 * it is told to, nothing else does, and a failed call leaves the inner store as it was.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "drivers.h"

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nbody\r\n", 20}};

static const char *const wrapped[] = {"maildir", "mbox", "plugin"};

START_TEST(each_step_fails_in_its_turn)
{
    static const char *const steps[] = {"stage", "sync", "publish", "commit"};
    struct fixture f;
    struct posted p;

    fixture_begin(&f, kind_find(wrapped[_i]));
    struct store *st = store_failing(fixture_open(&f), 0, OUTCOME_OK);
    for (unsigned n = 1; n <= 4; n++) {
        store_failing_arm(st, n, OUTCOME_DISK_FULL);
        ck_assert(!letter_deliver(st, &plain, &p));
        ck_assert(store_failing_happened(st));
        ck_assert_int_eq(p.why.kind, OUTCOME_DISK_FULL);
        ck_assert_ptr_nonnull(strstr(p.why.cause, steps[n - 1]));
        ck_assert_uint_eq(count_messages(st, "INBOX"), 0);
    }
    store_failing_arm(st, 5, OUTCOME_DISK_FULL);
    ck_assert(letter_deliver(st, &plain, &p));
    ck_assert(!store_failing_happened(st));
    ck_assert(!letter_deliver(st, &plain, &p)); /* its stage was the fifth call */
    ck_assert_uint_eq(count_messages(st, "INBOX"), 1);
    store_close(st);
    fixture_end(&f);
}
END_TEST

START_TEST(an_empty_store_takes_everything_and_keeps_nothing)
{
    const struct settings_store settings = {.path = "/tmp/%{user}"};
    const struct store_account who = {"ann", "example.org", ""};
    struct outcome why;
    struct posted p;
    struct names names;
    struct store *st = store_new(&store_empty, &settings, &who, &why);

    ck_assert_ptr_nonnull(st);
    ck_assert(letter_deliver(st, &plain, &p));
    ck_assert_uint_eq(p.ref.stored_octets, strlen(p.trace) + 20);
    ck_assert_uint_eq(count_messages(st, "INBOX"), 0);
    ck_assert_ptr_null(store_read(st, "INBOX", p.ref.name, &why));
    ck_assert(!store_set_flags(st, "INBOX", p.ref.name, 0, &why));
    ck_assert(!store_remove(st, "INBOX", p.ref.name, &why));
    ck_assert(!store_mailbox_create(st, "x", &why));
    list_mailboxes(st, &names);
    ck_assert_uint_eq(names.count, 1);
    ck_assert_int_eq(letter_stage(st, &plain, &p), STORE_DONE);
    store_close(st); /* discards it */
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store drivers for tests");
    TCase *all = tcase_create("drivers");

    tcase_add_loop_test(all, each_step_fails_in_its_turn, 0, 3);
    tcase_add_test(all, an_empty_store_takes_everything_and_keeps_nothing);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
