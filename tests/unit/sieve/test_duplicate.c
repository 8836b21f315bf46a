/* SPDX-License-Identifier: MIT
 *
 * RFC 7352: what identifies a message, what is remembered, and when.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NEEDS "require [\"duplicate\", \"variables\", \"encoded-character\", \"reject\"]; "
#define IF(test) NEEDS "if " test " { discard; }"

static const char *const seen[] = {"duplicate :<1@example.org>", "duplicate 1:h:<1@example.org>",
                                   "duplicate :Hello", "duplicate :", NULL};

static const struct {
    const char *name;
    const char *script;
    const char *message;
    const char *expected;
} table[] = {
    {"a message that was seen", IF("duplicate"), NULL, "discard"},
    {"one that was not", IF("duplicate"), "Message-ID: <2@example.org>\n\n",
     "duplicate duplicate :<2@example.org> 43200; (keep)"},
    {"the field by its name is the same", IF("duplicate :header \"message-id\""), NULL, "discard"},
    {"so is the given one", IF("duplicate :uniqueid \"<1@example.org>\""), NULL, "discard"},
    {"IDs have a case", IF("duplicate :uniqueid \"<1@EXAMPLE.org>\""), NULL,
     "duplicate duplicate :<1@EXAMPLE.org> 43200; (keep)"},
    {"a handle tells tests apart", IF("duplicate :handle \"h\""), NULL, "discard"},
    {"another handle", IF("duplicate :handle \"x\""), NULL,
     "duplicate duplicate 1:x:<1@example.org> 43200; (keep)"},
    {"an empty handle is one", IF("duplicate :handle \"\""), NULL,
     "duplicate duplicate 0::<1@example.org> 43200; (keep)"},
    {"no message id, no duplicate", IF("duplicate"), "Subject: x\n\n", "(keep)"},
    {"nothing in it neither", IF("duplicate"), "Message-ID:  \n\n", "(keep)"},
    {"another field", IF("duplicate :header \"Subject\""), NULL, "discard"},
    {"of several fields the first", IF("duplicate :header \"Subject\""),
     "Subject: Hello\nSubject: x\n\n", "discard"},
    {"not the second", IF("duplicate :header \"Subject\""), "Subject: x\nSubject: Hello\n\n",
     "duplicate duplicate :x 43200; (keep)"},
    {"unfolded, decoded, trimmed", IF("duplicate :header \"Subject\""),
     "Subject: =?utf-8?q?He?=\n =?utf-8?q?llo?=  \n\n", "discard"},
    {"no name of a field is no error", IF("duplicate :header \"a b:\""), NULL, "(keep)"},
    {"none at run time neither", IF("duplicate :header \"${x}\""), NULL, "(keep)"},
    {"an ID of a variable",
     NEEDS "set \"x\" \"Hello\"; if duplicate :uniqueid \"${x}\" { discard; }", NULL, "discard"},
    {"an empty ID that is given", IF("duplicate :uniqueid \"\""), NULL, "discard"},
    {"a NUL does not end it", IF("duplicate :uniqueid \"Hello${hex:00}x%\""), NULL,
     "duplicate duplicate :Hello%00x%25 43200; (keep)"},
    {"seconds of the test", IF("duplicate :seconds 60 :uniqueid \"x\""), NULL,
     "duplicate duplicate :x 60; (keep)"},
    {"too many seconds are cut", IF("duplicate :seconds 10G :uniqueid \"x\""), NULL,
     "duplicate duplicate :x 172800; (keep)"},
    {"no seconds, no duplicate", IF("duplicate :seconds 0"), NULL, "(keep)"},
    {"with :last the time begins anew", IF("duplicate :last"), NULL,
     "duplicate duplicate :<1@example.org> 43200; discard"},
    {"twice the same says the same",
     NEEDS "if duplicate :uniqueid \"x\" { discard; } if duplicate :seconds 5 :uniqueid \"x\" { "
           "discard; }",
     NULL, "duplicate duplicate :x 5; (keep)"},
    {"what fails marks nothing", NEEDS "if duplicate :uniqueid \"x\" { } keep; reject \"no\";",
     NULL, "failed: script:1: a message cannot be refused and delivered; (keep)"},
    {"a mark is no conflict", NEEDS "reject \"no\"; if duplicate :uniqueid \"x\" { }", NULL,
     "reject no; duplicate duplicate :x 43200"},
    {"one source of the ID", IF("duplicate :header \"a\" :uniqueid \"b\""), NULL,
     "refused: script:1: tag ':uniqueid' cannot stand beside ':header'"},
    {"the other way round", IF("duplicate :uniqueid \"b\" :header \"a\""), NULL,
     "refused: script:1: tag ':header' cannot stand beside ':uniqueid'"},
    {"one handle", IF("duplicate :handle \"a\" :handle \"b\""), NULL,
     "refused: script:1: tag ':handle' stands twice"},
    {"a handle without its name", IF("duplicate :handle"), NULL,
     "refused: script:1: tag ':handle' takes a string"},
    {"seconds in words", IF("duplicate :seconds \"60\""), NULL,
     "refused: script:1: tag ':seconds' takes a number"},
    {"an argument", IF("duplicate \"x\""), NULL,
     "refused: script:1: one argument too many for 'duplicate'"},
    {"a match type", IF("duplicate :is"), NULL,
     "refused: script:1: unknown tag ':is' of test 'duplicate'"},
    {":index of another extension",
     "require [\"duplicate\", \"index\"]; if duplicate :index 1 { keep; }", NULL,
     "refused: script:1: unknown tag ':index' of test 'duplicate'"},
};

START_TEST(outcome)
{
    const struct account account = {.seen = seen};
    char *text = account_outcome(&account, table[_i].script, table[_i].message);

    ck_assert_msg(strcmp(text, table[_i].expected) == 0, "%s: %s", table[_i].name, text);
    free(text);
}
END_TEST

START_TEST(a_store_that_is_down_defers)
{
    const struct account down = {.is_down = true};
    char *text = account_outcome(&down, IF("duplicate"), NULL);

    ck_assert_str_eq(text, "deferred: script:1: 'duplicate' cannot be answered for now; (keep)");
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/duplicate");
    TCase *tc = tcase_create("duplicate");

    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    tcase_add_test(tc, a_store_that_is_down_defers);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
