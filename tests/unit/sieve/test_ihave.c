/* SPDX-License-Identifier: MIT
 *
 * RFC 5463: what is there may be used once an ihave has said so, what is missing refuses nothing
 * until it is reached; error.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IHAVE "require \"ihave\"; "

static const struct {
    const char *name;
    const char *script;
    const char *expected;
} table[] = {
    {"what is there", IHAVE "if ihave \"fileinto\" { fileinto \"A\"; }", "fileinto A"},
    {"what is not", IHAVE "if ihave \"nonsense\" { nonsense :a \"b\" { c; } } else { discard; }",
     "discard"},
    {"the base language's comparators", IHAVE "if ihave \"comparator-i;octet\" { discard; }",
     "discard"},
    {"a comparator that is brought",
     IHAVE "if ihave \"comparator-i;ascii-numeric\" { if header :comparator \"i;ascii-numeric\" "
           "\"x\" \"1\" { } discard; }",
     "discard"},
    {"a comparator that nobody has",
     IHAVE "if ihave \"comparator-i;x\" { if header :comparator \"i;x\" \"a\" \"b\" { stop; } } "
           "discard;",
     "discard"},
    {"all must be there", IHAVE "if ihave [\"fileinto\", \"nonsense\"] { fileinto \"A\"; }",
     "(keep)"},
    {"none of them is enabled then",
     IHAVE "if ihave [\"fileinto\", \"nonsense\"] { } fileinto \"A\";",
     "failed: script:1: command 'fileinto' is not available in this form; (keep)"},
    {"to the end of the script", IHAVE "if ihave \"fileinto\" { } fileinto \"A\";", "fileinto A"},
    {"not before it", IHAVE "fileinto \"A\"; if ihave \"fileinto\" { }",
     "refused: script:1: command 'fileinto' needs: require \"fileinto\""},
    {"a test that is not reached brings nothing",
     IHAVE "if allof (false, ihave \"fileinto\") { } fileinto \"A\";",
     "failed: script:1: 'fileinto' is used in a form that no ihave has found; (keep)"},
    {"nor its tags", IHAVE "if anyof (true, ihave \"copy\") { redirect :copy \"a@example.org\"; }",
     "failed: script:1: 'redirect' is used in a form that no ihave has found; (keep)"},
    {"nor its comparator",
     IHAVE "if anyof (true, ihave \"comparator-i;ascii-numeric\") { if header :comparator "
           "\"i;ascii-numeric\" \"x\" \"1\" { } }",
     "failed: script:1: 'header' is used in a form that no ihave has found; (keep)"},
    {"the rest of the command does not ask",
     IHAVE "if anyof (true, ihave \"copy\") { redirect \"a@example.org\"; }",
     "redirect a@example.org"},
    {"what it brings along",
     IHAVE "if ihave \"vnd.dovecot.environment\" { if environment :contains \"host\" \"\" { "
           "discard; } }",
     "discard"},
    {"asked twice, met once",
     IHAVE "if ihave \"copy\" { } if ihave \"copy\" { redirect :copy \"a@example.org\"; }",
     "redirect a@example.org copy; (keep)"},
    {"required and asked",
     "require [\"ihave\", \"fileinto\"]; fileinto \"A\"; if not ihave "
     "\"fileinto\" { discard; }",
     "fileinto A"},
    {"not: the script goes on without it",
     IHAVE "if not ihave \"nonsense\" { discard; stop; } nonsense \"x\";", "discard"},
    {"not: and fails where it is reached", IHAVE "if not ihave \"nonsense\" { } nonsense \"x\";",
     "failed: script:1: command 'nonsense' is not available in this form; (keep)"},
    {"an unknown test", IHAVE "if not ihave \"nonsense\" { } if not nonsense { keep; }",
     "failed: script:1: test 'nonsense' is not available in this form; (keep)"},
    {"an unknown tag", IHAVE "if not ihave \"nonsense\" { } keep :nonsense;",
     "failed: script:1: command 'keep' is not available in this form; (keep)"},
    {"in an elsif",
     IHAVE "if true { keep; } elsif ihave \"nonsense\" { nonsense; } else { "
           "nonsense; }",
     "keep"},
    {"in a list of tests",
     IHAVE "if anyof (allof (ihave \"nonsense\", nonsense \"a\"), true) { "
           "discard; }",
     "discard"},
    {"what is known is checked all the same", IHAVE "if ihave \"nonsense\" { } keep \"x\";",
     "refused: script:1: one argument too many for 'keep'"},
    {"in front of the test too", IHAVE "nonsense; if ihave \"nonsense\" { }",
     "refused: script:1: unknown command 'nonsense'"},
    {"variables cannot be had this way",
     IHAVE "if ihave \"variables\" { set \"a\" \"b\"; } else { discard; }", "discard"},
    {"nor encoded characters", IHAVE "if ihave \"encoded-character\" { keep; } else { discard; }",
     "discard"},
    {"unless they are required",
     "require [\"ihave\", \"variables\"]; if ihave \"variables\" { discard; }", "discard"},
    {"names have a case", IHAVE "if ihave \"FILEINTO\" { discard; }", "(keep)"},
    {"the empty name", IHAVE "if ihave \"\" { discard; }", "(keep)"},
    {"a name that is not constant",
     "require [\"ihave\", \"variables\"]; if ihave \"${x}\" { keep; }",
     "refused: script:1: the name of an extension must be constant"},
    {"a match type", IHAVE "if ihave :is \"fileinto\" { keep; }",
     "refused: script:1: unknown tag ':is' of test 'ihave'"},
    {"without require", "if ihave \"fileinto\" { keep; }",
     "refused: script:1: test 'ihave' needs: require \"ihave\""},
    {"error", IHAVE "keep;\nerror \"no \xc3\xa4 here\";",
     "failed: script:2: no \xc3\xa4 here; (keep)"},
    {"error wants a text", IHAVE "error;",
     "refused: script:1: command 'error' needs a string more"},
    {"error is part of ihave", "error \"x\";",
     "refused: script:1: command 'error' needs: require \"ihave\""},
};

START_TEST(outcome)
{
    char *text = account_outcome(NULL, table[_i].script, NULL);

    ck_assert_msg(strcmp(text, table[_i].expected) == 0, "%s: %s", table[_i].name, text);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/ihave");
    TCase *tc = tcase_create("ihave");

    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
