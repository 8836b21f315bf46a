/* SPDX-License-Identifier: MIT
 *
 * RFC 5232: the examples of the RFC, each of its MUSTs, and sets that are too large.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FLAGS "require \"imap4flags\"; "
#define ALL                                                                                        \
    "require [\"imap4flags\", \"variables\", \"fileinto\", \"relational\", "                       \
    "\"comparator-i;ascii-numeric\"]; "
#define HAS(test) ALL "if " test " { discard; }"

static const char *const stored[] = {"\\Seen", "$Junk"};

static const struct {
    const char *name;
    const char *script;
    const char *expected;
} table[] = {
    {"nothing said, nothing set", FLAGS, "(keep)"},
    {"setflag reaches the implicit keep", FLAGS "setflag \"\\\\Seen\";", "(keep) {\\Seen}"},
    {"and keep", FLAGS "setflag \"\\\\Seen\"; keep;", "keep {\\Seen}"},
    {"and fileinto", ALL "setflag \"\\\\Seen\"; fileinto \"A\";", "fileinto A {\\Seen}"},
    {"setflag replaces", FLAGS "setflag \"a b\"; setflag \"c\";", "(keep) {c}"},
    {"setflag with nothing empties", FLAGS "setflag \"a\"; setflag \"\"; keep;", "keep {}"},
    {"addflag adds", FLAGS "addflag \"a\"; addflag [\"b\", \"c d\"];", "(keep) {a b c d}"},
    {"a flag stands once, whatever its case", FLAGS "setflag [\"a\", \"A b\", \"B\"];",
     "(keep) {a b}"},
    {"removeflag removes, whatever the case", FLAGS "setflag \"a b c\"; removeflag \"B A\";",
     "(keep) {c}"},
    {"removing what is not there is no error", FLAGS "removeflag \"x\";", "(keep) {}"},
    {"spaces everywhere", FLAGS "setflag \"  a   b  \";", "(keep) {a b}"},
    {"empty strings are ignored", FLAGS "setflag [\"\", \"a\", \"  \"];", "(keep) {a}"},
    {":flags instead of the internal variable",
     ALL "setflag \"a\"; keep :flags [\"b\", \"\\\\flagged\"];", "keep {b \\flagged}"},
    {":flags with nothing takes all away", ALL "setflag \"a\"; keep :flags \"\";", "keep {}"},
    {"the last flags of two equal actions win", ALL "keep :flags \"a\"; keep :flags \"b\";",
     "keep {b}"},
    {"of two fileinto too", ALL "setflag \"a\"; fileinto \"A\"; removeflag \"a\"; fileinto \"A\";",
     "fileinto A {}"},
    {"flags that cannot be set are ignored",
     FLAGS "setflag [\"\\\\Recent\", \"\\\\Other\", \"b\\\\c\", \"d\xc3\xa4\", \"e(\", \"f*\", "
           "\"g%\", \"{\", \"]\", \"h\\\"\", \"\\\\\", \"ok\"];",
     "(keep) {ok}"},
    {"all system flags and keywords of use",
     FLAGS "setflag \"\\\\ANSWERED \\\\Flagged \\\\Deleted \\\\Seen \\\\Draft $Forwarded [x\";",
     "(keep) {\\ANSWERED \\Flagged \\Deleted \\Seen \\Draft $Forwarded [x}"},
    {"a tab is no space", FLAGS "setflag \"a\tb c\";", "(keep) {c}"},
    {"a variable, in three ways",
     ALL "addflag \"v\" \"\\\\Deleted\"; addflag \"v\" \"\\\\Answered\"; "
         "keep :flags \"${v}\";",
     "keep {\\Deleted \\Answered}"},
    {"variables do not touch the internal one", ALL "addflag \"v\" \"a\";", "(keep)"},
    {"set and removeflag",
     ALL "set \"v\" \"a A b a\"; removeflag \"v\" \"a\"; keep :flags \"${v}\";", "keep {b}"},
    {"names of variables have no case", ALL "setflag \"V\" \"a\"; keep :flags \"${v}\";",
     "keep {a}"},
    {"flags out of a variable", ALL "set \"v\" \"a b\"; setflag \"${v} c\";", "(keep) {a b c}"},
    {"hasflag, the RFC's first example",
     HAS("true") " setflag \"A B\"; if not hasflag :is \"b A\" { stop; } keep;",
     "discard; keep {A B}"},
    {"a list of the same", ALL "setflag \"A B\"; if hasflag [\"x\",\"A\"] { discard; }", "discard"},
    {":contains in a variable",
     ALL "set \"MyVar\" \"NonJunk Junk gnus-forward $Forwarded\"; "
         "if allof (hasflag :contains \"MyVar\" \"Junk\", hasflag :contains \"MyVar\" \"forward\", "
         "hasflag :contains \"MyVar\" [\"label\", \"forward\"], "
         "hasflag :contains \"MyVar\" \"junk forward\", "
         "hasflag :contains \"MyVar\" \"label forward\", "
         "not hasflag :contains \"MyVar\" \"label\", "
         "not hasflag :contains \"MyVar\" [\"label1\", \"label2\"]) { discard; }",
     "discard"},
    {":count counts distinct flags",
     ALL "set \"MyFlags\" \"A B a\"; if hasflag :count \"eq\" :comparator \"i;ascii-numeric\" "
         "\"MyFlags\" \"2\" { discard; }",
     "discard"},
    {":count of several variables is their sum",
     ALL "set \"v\" \"A B\"; set \"w\" \"A\"; if hasflag :count \"eq\" "
         ":comparator \"i;ascii-numeric\" [\"v\", \"w\", \"none\"] \"3\" { discard; }",
     "discard"},
    {":count of the empty internal variable",
     ALL "if hasflag :count \"eq\" :comparator \"i;ascii-numeric\" \"0\" { discard; }", "discard"},
    {":matches", ALL "setflag \"$Label1 x\"; if hasflag :matches \"$label?\" { discard; }",
     "discard"},
    {"an empty key is ignored", ALL "setflag \"a\"; if hasflag :contains \"\" { discard; }",
     "(keep) {a}"},
    {"no flag, no match", HAS("hasflag \"a\""), "(keep)"},
    {"any of the variables", ALL "set \"w\" \"b\"; if hasflag [\"v\", \"w\"] \"B\" { discard; }",
     "discard"},
    {"a name needs variables", FLAGS "setflag \"v\" \"a\";",
     "refused: script:1: the name of a variable needs: require \"variables\""},
    {"in hasflag too", FLAGS "if hasflag \"v\" \"a\" { keep; }",
     "refused: script:1: the name of a variable needs: require \"variables\""},
    {"no name of a variable", ALL "setflag \"a-b\" \"c\";",
     "refused: script:1: 'a-b' is no name of a variable"},
    {"a name that is not constant", ALL "setflag \"${x}\" \"c\";",
     "refused: script:1: the name of a variable must be constant"},
    {"a match variable", ALL "addflag \"1\" \"c\";",
     "refused: script:1: '1' is no name of a variable"},
    {"no flags at all", FLAGS "setflag;",
     "refused: script:1: command 'setflag' needs a string list more"},
    {"three lists", ALL "setflag \"a\" \"b\" \"c\";",
     "refused: script:1: one argument too many for 'setflag'"},
    {"a list of names", ALL "setflag [\"a\", \"b\"] \"c\";",
     "refused: script:1: command 'setflag' wants a string here"},
    {"a number", FLAGS "addflag 1;",
     "refused: script:1: command 'addflag' wants a string list here"},
    {":flags without its list", FLAGS "keep :flags;",
     "refused: script:1: tag ':flags' takes a string list"},
    {":flags twice", FLAGS "keep :flags \"a\" :flags \"b\";",
     "refused: script:1: tag ':flags' stands twice"},
    {":flags of a redirect", FLAGS "redirect :flags \"a\" \"b@example.org\";",
     "refused: script:1: unknown tag ':flags' of command 'redirect'"},
    {"without require", "setflag \"a\";",
     "refused: script:1: command 'setflag' needs: require \"imap4flags\""},
    {"what came before the RFC", "require \"imapflags\"; mark; addflag \"a\"; keep;",
     "keep {\\Flagged a}"},
    {"and back", "require \"imapflags\"; mark; unmark;", "(keep) {}"},
    {"what fails sets no flags", FLAGS "setflag \"a\"; redirect \"b@example.org\"; reject \"x\";",
     "refused: script:1: command 'reject' needs: require \"reject\""},
    {"at run time neither",
     "require [\"imap4flags\", \"reject\"]; setflag \"a\"; keep; reject \"x\";",
     "failed: script:1: a message cannot be refused and delivered; (keep)"},
};

START_TEST(outcome)
{
    char *text = account_outcome(NULL, table[_i].script, NULL);

    ck_assert_msg(strcmp(text, table[_i].expected) == 0, "%s: %s", table[_i].name, text);
    free(text);
}
END_TEST

START_TEST(a_stored_message_brings_its_flags)
{
    const struct account a = {.flags = {stored, COUNT(stored)}};
    char *text = account_outcome(&a, ALL "if hasflag \"$junk\" { addflag \"x\"; } keep;", NULL);

    ck_assert_str_eq(text, "keep {\\Seen $Junk x}");
    free(text);
}
END_TEST

START_TEST(what_is_no_flag_is_a_warning)
{
    char *text = account_warnings(NULL, FLAGS "setflag [\"a\",\n\"\\\\Foo c(\", \"b(\"];");

    ck_assert_str_eq(text, "2: '\\Foo' is no flag that can be set: it is ignored | "
                           "2: 'b(' is no flag that can be set: it is ignored");
    free(text);
}
END_TEST

/* A set stays as long as a variable may be, and no flag is cut. */
START_TEST(a_flood_of_flags_is_bounded)
{
    struct buf script;

    buf_init(&script, 1024 * 1024);
    buf_append_str(&script, FLAGS "addflag \"");
    for (unsigned i = 0; i < 60000; i++)
        buf_printf(&script, "flag%06u ", i);
    buf_append_str(&script, "\"; keep;");
    char *text = account_outcome(NULL, buf_str(&script), NULL);
    ck_assert_msg(strncmp(text, "keep {flag000000 flag000001 ", 28) == 0, "%.60s", text);
    ck_assert(strlen(text) < 4096 + 10);
    ck_assert_str_eq(text + strlen(text) - 12, " flag000371}");
    free(text);
    buf_release(&script);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/flags");
    TCase *tc = tcase_create("flags");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    tcase_add_test(tc, a_stored_message_brings_its_flags);
    tcase_add_test(tc, what_is_no_flag_is_a_warning);
    tcase_add_test(tc, a_flood_of_flags_is_bounded);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
