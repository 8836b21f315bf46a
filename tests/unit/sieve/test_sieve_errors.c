/* SPDX-License-Identifier: MIT
 *
 * What is wrong with a script, and where: lexer, parser and checks. Places count characters.
 */
#include <check.h>
#include <stdlib.h>

#include "sieve_case.h"

static const struct {
    const char *name, *script, *expected;
} table[] = {
    {"nothing", "", ""},
    {"only white space and comments", " \t\r\n# a\n/* b\n * c */\n", ""},
    {"a command", "keep;", ""},
    {"names have no case", "KEEP; If TRUE {Stop;}", ""},
    /* lexer */
    {"a comment without end", "keep; /* x", "1:7 comment has no end"},
    {"a string without end", "redirect \"a", "1:10 string has no closing quote"},
    {"a character that nothing begins with", "keep; %", "1:7 unexpected '%'"},
    {"a number that is too big", "if size :over 99999999999999999999 {}", "1:15 number is too big"},
    {"a number with a letter behind", "if size :over 1x {}",
     "1:15 number with something behind it"},
    {"a unit that does not exist", "if size :over 1T {}", "1:15 number with something behind it"},
    {"NUL in a comment", "#\1", ""},
    {"places count characters, not octets", "/* \xc3\xa4\xe2\x82\xac */ %", "1:10 unexpected '%'"},
    {"a tab is one character", "\t%", "1:2 unexpected '%'"},
    {"CRLF is one line end", "keep;\r\n%", "2:1 unexpected '%'"},
    /* parser */
    {"no semicolon", "keep\nstop;", "2:1 'keep' takes no test; is a ';' missing in front of it?"},
    {"no semicolon at the end", "keep", "1:5 unexpected end of script, expected ';' or a block"},
    {"a block without end", "if true { keep;", "1:16 unexpected end of script, expected '}'"},
    {"a brace too many", "keep; } stop;", "1:7 unexpected '}'"},
    {"a string is no command", "\"keep\";", "1:1 unexpected string, expected a command"},
    {"a list without end", "if exists [\"a\" {}", "1:16 unexpected '{', expected ',' or ']'"},
    {"an empty list", "if exists [] {}", "1:12 unexpected ']', expected a string of the list"},
    {"a test list without end", "if anyof(true {}", "1:15 unexpected '{', expected ',' or ')'"},
    {"an empty test list", "if anyof() {}", "1:10 unexpected ')', expected a test"},
    {"two mistakes in one pass", "keep keep;\nstop stop;",
     "1:6 'keep' takes no test; is a ';' missing in front of it?; "
     "2:6 'stop' takes no test; is a ';' missing in front of it?"},
    /* checks */
    {"an unknown command", "filinto \"a\";", "1:1 unknown command 'filinto'"},
    {"it is noted once", "foo; foo; bar;", "1:1 unknown command 'foo'; 1:11 unknown command 'bar'"},
    {"an unknown test", "if foo {}", "1:4 unknown test 'foo'"},
    {"a test is no command", "true;", "1:1 'true' is a test, not a command"},
    {"a command is no test", "if keep {}", "1:4 'keep' is a command, not a test"},
    {"the extension is forgotten", "fileinto \"a\";",
     "1:1 command 'fileinto' needs: require \"fileinto\""},
    {"the extension of a tag is forgotten", "redirect :copy \"a@b.c\";",
     "1:10 tag ':copy' needs: require \"copy\""},
    {"an unknown extension", "require \"foo\";", "1:9 extension 'foo' is not supported"},
    {"each of a list", "require [\"foo\", \"fileinto\", \"bar\"];",
     "1:10 extension 'foo' is not supported; 1:29 extension 'bar' is not supported"},
    {"require comes first", "keep; require \"copy\";",
     "1:7 'require' must come before all other commands"},
    {"too few arguments", "if header \"a\" {}", "1:4 test 'header' needs a string list more"},
    {"too many arguments", "redirect \"a@b.c\" \"d\";",
     "1:18 one argument too many for 'redirect'"},
    {"the wrong type", "redirect 1;", "1:10 command 'redirect' wants a string here"},
    {"a list where a string is wanted", "redirect [\"a@b.c\"];",
     "1:10 command 'redirect' wants a string here"},
    {"a tag behind an argument", "if header \"a\" :is \"b\" {}",
     "1:15 tag ':is' must stand before the other arguments"},
    {"a tag twice", "if header :is :is \"a\" \"b\" {}", "1:15 tag ':is' stands twice"},
    {"two of one kind", "if header :is :contains \"a\" \"b\" {}",
     "1:15 tag ':contains' cannot stand beside ':is'"},
    {"no block", "if true;", "1:1 'if' needs a block: { ... }"},
    {"a block behind a missing semicolon", "keep\nif true { stop; }",
     "2:1 'keep' takes no test; is a ';' missing in front of it?"},
    {"a brace instead of a semicolon", "keep } stop;",
     "1:6 unexpected '}', expected ';' or a block"},
    {"a brace too many", "keep; } stop; }", "1:7 unexpected '}'; 1:15 unexpected '}'"},
    {"a block that nobody wants", "keep {}", "1:1 'keep' takes no block; a ';' is missing"},
    {"an else alone", "else {}", "1:1 'else' must follow an if or elsif"},
    {"an elsif behind an else", "if true {} else {} elsif true {}",
     "1:20 'elsif' must follow an if or elsif"},
    {"a test that is missing", "if {}", "1:1 'if' needs a test"},
    {"a comparator that does not exist", "if header :comparator \"x\" \"a\" \"b\" {}",
     "1:23 comparator 'x' is not supported"},
    {"no substrings of numbers",
     "require \"comparator-i;ascii-numeric\"; if header :contains :comparator \"i;ascii-numeric\" "
     "\"a\" \"1\" {}",
     "1:49 comparator 'i;ascii-numeric' can search no part of a string"},
    {"an address that is none", "redirect \"nobody\";", "1:10 'nobody' is no mail address"},
    /* variables */
    {"an unknown namespace", "require \"variables\"; set \"a\" \"${foo.bar}\";",
     "1:30 unknown namespace 'foo' of variables"},
    {"a match variable that does not exist", "require \"variables\"; set \"a\" \"${33}\";",
     "1:30 match variable ${33} does not exist: the last is ${32}"},
    {"a number that wraps around", "require \"variables\"; set \"a\" \"${18446744073709551617}\";",
     "1:30 match variable ${18446744073709551617} does not exist: the last is ${32}"},
    {"what looks like no variable is none", "require \"variables\"; set \"a\" \"${ x} ${} $x ${\";",
     ""},
    {"no such character",
     "require [\"variables\", \"encoded-character\"]; set \"a\" "
     "\"${unicode:d800}\";",
     "1:53 no such Unicode character in ${unicode:...}"},
};

START_TEST(says_what_is_wrong)
{
    struct sieve_limits limits;
    struct buf out;

    sieve_limits_default(&limits);
    buf_init(&out, 65536);
    case_errors(span_of(table[_i].script), &limits, &out);
    case_check(table[_i].name, &out, table[_i].expected);
    buf_release(&out);
}
END_TEST

START_TEST(the_caret_stands_below_its_character)
{
    struct sieve_limits limits;
    struct sieve_compiler c = {.limits = &limits};
    struct sieve_report *report = malloc(sizeof(*report));
    struct buf out;

    ck_assert_ptr_nonnull(report);
    sieve_limits_default(&limits);
    sieve_report_init(report);
    buf_init(&out, 4096);
    sieve_compile(&c, "x", SPAN("keep;\n\t/* \xc3\xa4 */ foo;\n"), report);
    ck_assert(sieve_report_print(report, &out));
    ck_assert_str_eq(buf_str(&out), "x:2:10: error: unknown command 'foo'\n"
                                    "    \t/* \xc3\xa4 */ foo;\n"
                                    "    \t        ^\n");
    buf_release(&out);
    sieve_report_release(report);
    free(report);
}
END_TEST

/* More are counted than are kept. */
START_TEST(what_is_required_in_vain_is_a_warning)
{
    struct sieve_limits limits;
    struct sieve_compiler c = {.limits = &limits};
    struct sieve_report *report = malloc(sizeof(*report));

    ck_assert_ptr_nonnull(report);
    sieve_limits_default(&limits);
    sieve_report_init(report);
    struct sieve_program *p = sieve_compile(
        &c, "x",
        SPAN("require [\"fileinto\", \"copy\", \"vacation\", \"comparator-i;octet\"];\n"
             "fileinto :copy \"a\";"),
        report);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(report->errors, 0);
    ck_assert_uint_eq(report->warnings, 1);
    ck_assert_str_eq(report->notes[0].text, "extension 'vacation' is required and not used");
    ck_assert_uint_eq(report->notes[0].at.column, 30);
    sieve_program_free(p);
    sieve_report_release(report);
    free(report);
}
END_TEST

START_TEST(a_thousand_errors)
{
    struct sieve_limits limits;
    struct sieve_compiler c = {.limits = &limits};
    struct sieve_report *report = malloc(sizeof(*report));
    struct buf script, out;

    ck_assert_ptr_nonnull(report);
    sieve_limits_default(&limits);
    sieve_report_init(report);
    buf_init(&script, 65536);
    buf_init(&out, (size_t)1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&script, "x%d;\n", i);
    ck_assert_ptr_null(sieve_compile(&c, "x", buf_span(&script), report));
    ck_assert_uint_eq(report->errors, 1000);
    ck_assert_uint_eq(report->count, SIEVE_NOTES_MAX);
    ck_assert(sieve_report_print(report, &out));
    ck_assert_ptr_nonnull(strstr(buf_str(&out), "... and 900 more\n"));
    buf_release(&out);
    buf_release(&script);
    sieve_report_release(report);
    free(report);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sieve errors");
    TCase *cases = tcase_create("sieve errors");

    tcase_add_loop_test(cases, says_what_is_wrong, 0, COUNT(table));
    tcase_add_test(cases, the_caret_stands_below_its_character);
    tcase_add_test(cases, what_is_required_in_vain_is_a_warning);
    tcase_add_test(cases, a_thousand_errors);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
