/* SPDX-License-Identifier: MIT
 *
 * RFC 5235: how results of scanners become the standard's values.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char message[] = "X-Score: 5.0 of 20\n"
                              "X-Max: 20.0\n"
                              "X-Stars: *******\n"
                              "X-Word: Perhaps\n"
                              "X-Virus: infected (eicar)\n"
                              "X-Two: none\n"
                              "X-Two: 7.0\n"
                              "X-Dot: 3.\n"
                              "\nbody\n";

static const char *const *settings; /* pairs of a case, NULL at the end */

static const char *
setting(void *arg, const char *name)
{
    (void)arg;
    for (const char *const *s = settings; s[0] != NULL; s += 2)
        if (strcmp(s[0], name) == 0)
            return s[1];
    return NULL;
}

#define HEADER "sieve_spamtest_status_header"
#define TYPE "sieve_spamtest_status_type"
#define MAX "sieve_spamtest_score_max_value"

static const struct {
    const char *name;
    const char *settings[12];
    const char *test, *value;
} cases[] = {
    {"a score", {HEADER, "X-Score: ([0-9.]+)", TYPE, "score", MAX, "10"}, "spamtest", "5"},
    {"in percent",
     {HEADER, "X-Score: ([0-9.]+)", TYPE, "score", MAX, "10"},
     "spamtest :percent",
     "50"},
    {"the maximum of the message",
     {HEADER, "X-Score: ([0-9.]+)", TYPE, "score", "sieve_spamtest_score_max_header", "X-Max"},
     "spamtest :percent",
     "25"},
    {"no type is a score", {HEADER, "X-Score: ([0-9.]+)", MAX, "5"}, "spamtest", "10"},
    {"no group of that name",
     {HEADER, "X-Score: [0-9.]+", TYPE, "score", MAX, "10"},
     "spamtest",
     "0"},
    {"the whole value is no number",
     {HEADER, "X-Score", TYPE, "score", MAX, "10"},
     "spamtest",
     "0"},
    {"no maximum", {HEADER, "X-Score: ([0-9.]+)", TYPE, "score"}, "spamtest", "0"},
    {"a maximum of nothing",
     {HEADER, "X-Score: ([0-9.]+)", TYPE, "score", MAX, "0"},
     "spamtest",
     "0"},
    {"no settings at all", {NULL}, "spamtest", "0"},
    {"a wrong expression", {HEADER, "X-Score: (", TYPE, "score", MAX, "10"}, "spamtest", "0"},
    {"the field that matches", {HEADER, "X-Two: ([0-9.]+)", MAX, "7"}, "spamtest", "10"},
    {"a number that ends in a point", {HEADER, "X-Dot", MAX, "3"}, "spamtest", "10"},
    {"a row of stars", {HEADER, "X-Stars", TYPE, "strlen", MAX, "10"}, "spamtest :percent", "70"},
    {"a word",
     {HEADER, "X-Word", TYPE, "text", "sieve_spamtest_text_value/4", "Perhaps"},
     "spamtest",
     "4"},
    {"a word that is none",
     {HEADER, "X-Word", TYPE, "text", "sieve_spamtest_text_value/4", "perhaps"},
     "spamtest",
     "0"},
    {"a virus",
     {"sieve_virustest_status_header", "X-Virus: (infected|clean)", "sieve_virustest_status_type",
      "text", "sieve_virustest_text_value/1", "clean", "sieve_virustest_text_value/5", "infected"},
     "virustest",
     "5"},
    {"a virus by score",
     {"sieve_virustest_status_header", "X-Stars", "sieve_virustest_status_type", "strlen",
      "sieve_virustest_score_max_value", "14"},
     "virustest",
     "3"},
};

START_TEST(says)
{
    static const struct sieve_host host = {.setting = setting};
    struct script_world world = {.host = &host};
    char script[256], expected[64];

    settings = cases[_i].settings;
    snprintf(script, sizeof(script),
             "require [\"spamtestplus\", \"virustest\", \"variables\", \"fileinto\"];"
             "if %s :matches \"*\" {fileinto \"${0}\";}",
             cases[_i].test);
    snprintf(expected, sizeof(expected), "fileinto %s", cases[_i].value);
    char *outcome = script_outcome(&world, script, span_of(message));
    ck_assert_msg(strcmp(outcome, expected) == 0, "%s: %s", cases[_i].name, outcome);
    free(outcome);
}
END_TEST

START_TEST(refuses)
{
    static const char *const rows[][2] = {
        {"require \"spamtest\"; if spamtest :percent \"1\" {}",
         "refused 1: tag ':percent' needs: require \"spamtestplus\""},
        {"require [\"spamtest\", \"spamtestplus\"]; if spamtest :percent \"1\" {}", "(keep)"},
        {"require [\"virustest\", \"spamtestplus\"]; if virustest :percent \"1\" {}",
         "refused 1: unknown tag ':percent' of test 'virustest'"},
        {"require \"spamtest\"; if spamtest [\"1\"] {}",
         "refused 1: test 'spamtest' wants a string here"},
        {"require \"spamtest\"; if spamtest {}", "refused 1: test 'spamtest' needs a string more"},
        {"if virustest \"1\" {}", "refused 1: test 'virustest' needs: require \"virustest\""},
    };
    char *outcome = script_outcome(NULL, rows[_i][0], span_of(message));

    ck_assert_str_eq(outcome, rows[_i][1]);
    free(outcome);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve spamtest");
    TCase *t = tcase_create("RFC 5235");
    SRunner *runner = srunner_create(s);

    tcase_add_loop_test(t, says, 0, COUNT(cases));
    tcase_add_loop_test(t, refuses, 0, 6);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
