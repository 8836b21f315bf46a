/* SPDX-License-Identifier: MIT
 *
 * The compiled scripts that a sorter keeps.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "programs_priv.h"

static struct sieve_program *
compile(void)
{
    struct sieve_limits limits;
    struct sieve_report report;

    sieve_limits_default(&limits);
    sieve_report_init(&report);
    const struct sieve_compiler compiler = {.limits = &limits};
    struct sieve_program *p = sieve_compile(&compiler, "script", span_of("keep;"), &report);
    sieve_report_release(&report);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* Actions of a run point into its programs: the cache may be too full until it is over. */
START_TEST(nothing_goes_before_it_is_trimmed)
{
    struct programs *p = programs_new(1);
    struct sieve_program *made[8];
    char hash[8];

    ck_assert_ptr_nonnull(p);
    for (int i = 0; i < 8; i++) {
        made[i] = compile();
        snprintf(hash, sizeof hash, "%d", i);
        ck_assert(programs_keep(p, hash, made[i]));
    }
    for (int i = 0; i < 8; i++) {
        snprintf(hash, sizeof hash, "%d", i);
        ck_assert_ptr_eq(programs_find(p, hash), made[i]);
    }
    programs_free(p);
}
END_TEST

START_TEST(the_longest_unused_go_first)
{
    struct sieve_program *a = compile(), *b = compile(), *c = compile();
    struct programs *p = programs_new(2 * sieve_program_octets(a));

    ck_assert_ptr_nonnull(p);
    ck_assert(programs_keep(p, "a", a));
    ck_assert(programs_keep(p, "b", b));
    programs_trim(p);
    ck_assert_ptr_eq(programs_find(p, "a"), a);
    ck_assert(programs_keep(p, "c", c));
    programs_trim(p);
    ck_assert_ptr_null(programs_find(p, "b"));
    ck_assert_ptr_eq(programs_find(p, "a"), a);
    ck_assert_ptr_eq(programs_find(p, "c"), c);
    programs_free(p);
}
END_TEST

START_TEST(one_stays_however_large_it_is)
{
    struct programs *p = programs_new(1);
    struct sieve_program *a = compile();

    ck_assert_ptr_nonnull(p);
    ck_assert(programs_keep(p, "a", a));
    programs_trim(p);
    ck_assert_ptr_eq(programs_find(p, "a"), a);
    programs_free(p);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("programs");
    TCase *cases = tcase_create("programs");

    tcase_add_test(cases, nothing_goes_before_it_is_trimmed);
    tcase_add_test(cases, the_longest_unused_go_first);
    tcase_add_test(cases, one_stays_however_large_it_is);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
