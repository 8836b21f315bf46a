/* SPDX-License-Identifier: MIT
 *
 * RFC 5490, RFC 8579 and RFC 9042: which mailboxes there are, what is written on them, and where a
 * copy goes.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NEEDS                                                                                      \
    "require [\"mailbox\", \"mboxmetadata\", \"servermetadata\", \"special-use\", \"mailboxid\", " \
    "\"fileinto\", \"variables\", \"relational\", \"vacation\", \"fcc\"]; "
#define IF(test) NEEDS "if " test " { discard; }"

static const struct account_mailbox mailboxes[] = {
    {"INBOX", NULL, "F0"}, {"Spam", "\\Junk", "F1"}, {"Sent", "\\Sent", "F2"}, {0}};
static const struct account_annotation annotations[] = {
    {"INBOX", "/private/comment", "mine"},
    {"INBOX", "/shared/empty", ""},
    {"", "/shared/admin", "mailto:root@example.org"},
    {0}};
static const struct account account = {.mailboxes = mailboxes, .annotations = annotations};

static const struct {
    const char *name;
    const char *script;
    const char *expected;
} table[] = {
    {"a mailbox exists", IF("mailboxexists \"Spam\""), "discard"},
    {"one does not", IF("mailboxexists \"None\""), "(keep)"},
    {"all must", IF("mailboxexists [\"INBOX\", \"Spam\", \"None\"]"), "(keep)"},
    {"and do", IF("mailboxexists [\"INBOX\", \"Spam\"]"), "discard"},
    {"what can be no mailbox", IF("mailboxexists \"\""), "(keep)"},
    {":create", NEEDS "fileinto :create \"New\";", "fileinto New create"},
    {":create holds for both of two", NEEDS "fileinto \"New\"; fileinto :create \"New\";",
     "fileinto New create"},
    {":create of keep", NEEDS "keep :create;",
     "refused: script:1: unknown tag ':create' of command 'keep'"},
    {":create needs its extension", "require \"fileinto\"; fileinto :create \"New\";",
     "refused: script:1: tag ':create' needs: require \"mailbox\""},
    {":create of a vacation without a copy", NEEDS "vacation :create \"x\";",
     "refused: script:1: where a copy goes needs ':fcc' here"},
    {"mailboxexists wants a list", NEEDS "if mailboxexists 1 { keep; }",
     "refused: script:1: test 'mailboxexists' wants a string list here"},
    {"metadata", IF("metadata \"INBOX\" \"/private/comment\" \"MINE\""), "discard"},
    {"of another value", IF("metadata \"INBOX\" \"/private/comment\" \"yours\""), "(keep)"},
    {"with a match type", IF("metadata :matches \"INBOX\" \"/private/comment\" [\"x\", \"m*\"]"),
     "discard"},
    {"an empty value exists", IF("metadata \"INBOX\" \"/shared/empty\" \"\""), "discard"},
    {"no value is not empty", IF("metadata \"INBOX\" \"/shared/none\" \"\""), "(keep)"},
    {":count of one", IF("metadata :count \"eq\" \"INBOX\" \"/private/comment\" \"1\""), "discard"},
    {":count of none", IF("metadata :count \"eq\" \"INBOX\" \"/private/none\" \"0\""), "discard"},
    {"no such mailbox", IF("metadata \"None\" \"/private/comment\" \"mine\""), "(keep)"},
    {"what the match has caught",
     NEEDS "if metadata :matches \"INBOX\" \"/private/comment\" \"*\" { fileinto \"${0}\"; }",
     "fileinto mine"},
    {"the server's are not a mailbox's", IF("metadata \"\" \"/shared/admin\" \"*\""), "(keep)"},
    {"no name of an annotation", IF("metadata \"INBOX\" \"comment\" \"*\""), "(keep)"},
    {"metadataexists", IF("metadataexists \"INBOX\" [\"/private/comment\", \"/shared/empty\"]"),
     "discard"},
    {"not all of them", IF("metadataexists \"INBOX\" [\"/private/comment\", \"/shared/none\"]"),
     "(keep)"},
    {"servermetadata", IF("servermetadata :contains \"/shared/admin\" \"root\""), "discard"},
    {"servermetadataexists", IF("servermetadataexists \"/shared/admin\""), "discard"},
    {"of none", IF("servermetadataexists [\"/shared/admin\", \"/shared/none\"]"), "(keep)"},
    {"metadata takes no comparator of numbers as substring",
     "require [\"mboxmetadata\", \"comparator-i;ascii-numeric\"]; if metadata :contains "
     ":comparator \"i;ascii-numeric\" \"INBOX\" \"/private/a\" \"1\" { keep; }",
     "refused: script:1: comparator 'i;ascii-numeric' can search no part of a string"},
    {"metadataexists takes no match type", IF("metadataexists :is \"INBOX\" \"/private/a\""),
     "refused: script:1: unknown tag ':is' of test 'metadataexists'"},
    {"metadata wants three arguments", IF("metadata \"INBOX\" \"/private/a\""),
     "refused: script:1: test 'metadata' needs a string list more"},
    {"the mailbox is one", IF("metadata [\"INBOX\", \"A\"] \"/private/a\" \"b\""),
     "refused: script:1: test 'metadata' wants a string here"},
    {"servermetadata has its own extension",
     "require \"mboxmetadata\"; if servermetadata \"/shared/a\" \"b\" { keep; }",
     "refused: script:1: test 'servermetadata' needs: require \"servermetadata\""},
    {"some mailbox has the use", IF("specialuse_exists \"\\\\junk\""), "discard"},
    {"each use has one", IF("specialuse_exists [\"\\\\Junk\", \"\\\\Sent\"]"), "discard"},
    {"one use has none", IF("specialuse_exists [\"\\\\Junk\", \"\\\\Drafts\"]"), "(keep)"},
    {"this mailbox has it", IF("specialuse_exists \"Spam\" \"\\\\Junk\""), "discard"},
    {"not both", IF("specialuse_exists \"Spam\" [\"\\\\Junk\", \"\\\\Sent\"]"), "(keep)"},
    {"no mailbox of that name", IF("specialuse_exists \"\" \"\\\\Junk\""), "(keep)"},
    {"no form of a use", IF("specialuse_exists \"Junk\""),
     "refused: script:1: 'Junk' is no special use: those begin with a backslash"},
    {"the backslash alone", NEEDS "fileinto :specialuse \"\\\\\" \"A\";",
     "refused: script:1: '\\' is no special use: those begin with a backslash"},
    {":specialuse", NEEDS "fileinto :specialuse \"\\\\Junk\" :create \"Spam\";",
     "fileinto Spam create use=\\Junk"},
    {"a use that turns out to be none", NEEDS "fileinto :specialuse \"${x}\" \"Spam\";",
     "failed: script:1: '' is no special use: those begin with a backslash; (keep)"},
    {"two uses are two places", NEEDS "fileinto :specialuse \"\\\\Junk\" \"A\"; fileinto \"A\";",
     "fileinto A use=\\Junk; fileinto A"},
    {"mailboxidexists", IF("mailboxidexists [\"F1\", \"F2\"]"), "discard"},
    {"not all", IF("mailboxidexists [\"F1\", \"F9\"]"), "(keep)"},
    {"ids have a case", IF("mailboxidexists \"f1\""), "(keep)"},
    {":mailboxid", NEEDS "fileinto :mailboxid \"F1\" :create \"A\";", "fileinto A create id=F1"},
    {":mailboxid beside :specialuse",
     NEEDS "fileinto :specialuse \"\\\\Junk\" :mailboxid \"F1\" \"A\";",
     "refused: script:1: ':mailboxid' cannot stand beside ':specialuse'"},
    {":mailboxid of keep", NEEDS "keep :mailboxid \"F1\";",
     "refused: script:1: unknown tag ':mailboxid' of command 'keep'"},
};

START_TEST(outcome)
{
    char *text = account_outcome(&account, table[_i].script, NULL);

    ck_assert_msg(strcmp(text, table[_i].expected) == 0, "%s: %s", table[_i].name, text);
    free(text);
}
END_TEST

/* RFC 5490 5: what is not known for now is not "no". */
START_TEST(a_store_that_is_down_defers)
{
    static const char *const tests[] = {
        "mailboxexists \"A\"",
        "specialuse_exists \"\\\\Junk\"",
        "mailboxidexists \"F1\"",
        "metadata \"A\" \"/private/a\" \"b\"",
        "metadataexists \"A\" \"/private/a\"",
        "servermetadata \"/private/a\" \"b\"",
        "servermetadataexists \"/private/a\"",
    };
    const struct account down = {.is_down = true};

    for (size_t i = 0; i < COUNT(tests); i++) {
        char script[400];
        snprintf(script, sizeof(script), "%sif %s { discard; }", NEEDS, tests[i]);
        char *text = account_outcome(&down, script, NULL);
        ck_assert_msg(strncmp(text, "deferred: script:1: '", 21) == 0, "%s: %s", tests[i], text);
        free(text);
    }
}
END_TEST

START_TEST(what_cannot_be_is_a_warning)
{
    char *text = account_warnings(
        NULL,
        "require [\"mailbox\", \"mboxmetadata\"]; if anyof (mailboxexists \"\", metadataexists "
        "\"A\" [\"x\", \"/private/a/\"]) { keep; }");

    ck_assert_str_eq(text, "1: '' can be no mailbox | "
                           "1: 'x' can be no annotation: names begin with /private/ or /shared/ | "
                           "1: '/private/a/' can be no annotation: names begin with /private/ or "
                           "/shared/");
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/mailboxes");
    TCase *tc = tcase_create("mailboxes");

    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    tcase_add_test(tc, a_store_that_is_down_defers);
    tcase_add_test(tc, what_cannot_be_is_a_warning);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
