/* SPDX-License-Identifier: MIT
 *
 * RFC 5051: i;unicode-casemap, and what its match variables show.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name, *tags, *value, *key, *expected;
} cases[] = {
    {"case", ":is", "\xc3\x84PFEL", "\xc3\xa4pfel", "true"},
    {"Greek", ":is", "\xce\xa3", "\xcf\x83", "true"},
    {"the final sigma", ":is", "\xce\xa3", "\xcf\x82", "true"},
    {"composed and decomposed", ":is", "\xc3\xa9", "e\xcc\x81", "true"},
    {"compatibility", ":is", "\xef\xac\x81", "\xef\xac\x81", "true"},
    {"a wide letter", ":is", "\xef\xbc\xa1", "a", "true"},
    {"titlecase of a digraph", ":is", "\xc7\x84", "\xc7\x86", "true"},
    {"no other letter", ":is", "\xc3\xa4", "a", "false"},
    {"a letter is found without its mark", ":contains", "\xc3\xa4", "a", "true"},
    {"contains", ":contains", "Gro\xc3\x9f\xc3\x84rger", "\xc3\x9f\xc3\xa4r", "true"},
    {"Hangul", ":is", "\xea\xb0\x80", "\xe1\x84\x80\xe1\x85\xa1", "true"},
    {"order", ":value \"lt\"", "\xc3\xa4", "\xc3\x96", "true"},
    {"order of equals", ":value \"eq\"", "\xc3\xa4", "\xc3\x84", "true"},
    {"a prefix stands in front", ":value \"lt\"", "\xc3\xa4",
     "\xc3\x84"
     "b",
     "true"},
    {"octets that are no UTF-8", ":is", "${hex: ff 61}", "${hex: ff 61}", "true"},
    {"they are compared as they are", ":is", "${hex: ff 61}", "${hex: ff 41}", "false"},
    {"their letters too", ":contains", "${hex: ff} \xc3\xa4", "\xc3\xa4", "false"},
    {"overlong forms are no UTF-8", ":is", "${hex: c1 81}", "a", "false"},
    {"order with them", ":value \"gt\"", "${hex: ff}", "\xc3\xa4", "true"},
    {"order of what is left as it is", ":value \"gt\"", "a${hex: ff}", "B", "true"},
    {"other octets", ":is", "${hex: ff}", "${hex: fe}", "false"},
    {"empty", ":is", "", "", "true"},
    {"something is no nothing", ":is", "a", "", "false"},
    {"regex", ":regex", "\xc3\x84rger", "^\xc3\xa4[[:alpha:]]+$", "true"},
    {"regex, letters of Unicode", ":regex", "\xc3\xb6", "^[[:alpha:]]$", "true"},
    {"regex, ranges", ":regex", "\xce\xa9", "^[\xce\xb1-\xcf\x89]$", "true"},
};

START_TEST(says)
{
    char test[256];

    snprintf(test, sizeof(test), "string %s :comparator \"i;unicode-casemap\" \"%s\" \"%s\"",
             cases[_i].tags, cases[_i].value, cases[_i].key);
    char *truth = script_truth(NULL,
                               "\"variables\", \"regex\", \"relational\", \"encoded-character\", "
                               "\"comparator-i;unicode-casemap\"",
                               test, SPAN(""));
    ck_assert_msg(strcmp(truth, cases[_i].expected) == 0, "%s: %s", cases[_i].name, truth);
    free(truth);
}
END_TEST

START_TEST(comes_to)
{
    static const char *const rows[][2] = {
        {"if string :matches :comparator \"i;unicode-casemap\" "
         "\"xx\xc3\xa4\xc3\xb6yy\xef\xac\x81zz\" "
         "\"*\xc3\x84*Y*\xef\xac\x81*\" {fileinto \"${1}|${2}|${3}|${4}\";}",
         "fileinto xx|\xc3\xb6|y|zz"},
        {"if string :matches :comparator \"i;unicode-casemap\" \"\xc3\xa4\" \"*\" "
         "{fileinto \"${0}${1}\";}",
         "fileinto \xc3\xa4\xc3\xa4"},
        {"if string :matches :comparator \"i;unicode-casemap\" \"a\xff!\" \"?*!\" "
         "{fileinto \"${1}\";}",
         "fileinto a"},
    };
    char script[512];

    snprintf(script, sizeof(script),
             "require [\"variables\", \"fileinto\", \"comparator-i;unicode-casemap\"]; %s",
             rows[_i][0]);
    char *outcome = script_outcome(NULL, script, SPAN(""));
    ck_assert_str_eq(outcome, rows[_i][1]);
    free(outcome);
}
END_TEST

START_TEST(must_be_required)
{
    char *truth = script_truth(NULL, "\"variables\"",
                               "string :comparator \"i;unicode-casemap\" \"a\" \"a\"", SPAN(""));

    ck_assert_str_eq(truth, "refused 1: comparator 'i;unicode-casemap' needs: require "
                            "\"comparator-i;unicode-casemap\"");
    free(truth);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve unicode");
    TCase *t = tcase_create("RFC 5051");
    SRunner *runner = srunner_create(s);

    tcase_add_loop_test(t, says, 0, COUNT(cases));
    tcase_add_loop_test(t, comes_to, 0, 3);
    tcase_add_test(t, must_be_required);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
