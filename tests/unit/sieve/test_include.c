/* SPDX-License-Identifier: MIT
 *
 * RFC 6609: where scripts are looked for, what they share, what may not be; and bombs.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define INCLUDE "require \"include\"; "
#define ALL                                                                                        \
    "require [\"include\", \"variables\", \"fileinto\", \"editheader\", \"imap4flags\", "          \
    "\"copy\"]; "

static const struct account_pair scripts[] = {
    {"personal/a", "require \"fileinto\"; fileinto \"personal\";"},
    {"global/a", "require \"fileinto\"; fileinto \"global\";"},
    {"personal/both", INCLUDE "include \"a\"; include :global \"a\";"},
    {"personal/none", ""},
    {"personal/stops", "stop;"},
    {"personal/returns", INCLUDE "return; discard;"},
    {"personal/nested return", INCLUDE "include \"returns\"; discard;"},
    {"personal/returns from a block", INCLUDE "if true { if true { return; } } discard;"},
    {"personal/self", INCLUDE "include \"self\";"},
    {"personal/self once", INCLUDE "include :once \"self once\"; keep;"},
    {"personal/circle 1", INCLUDE "include \"circle 2\";"},
    {"personal/circle 2", INCLUDE "keep;\n include \"circle 1\";"},
    {"personal/wrong", "keep;\nkeep \"x\";\nnonsense;"},
    {"personal/wrong grammar", "keep"},
    {"personal/twice wrong", INCLUDE "include \"wrong\"; include \"wrong\";"},
    {"personal/without require", "fileinto \"x\";"},
    {"personal/fails", "require [\"ihave\"];\nerror \"no\";"},
    {"personal/sets", "require \"variables\"; set \"v\" \"inner\";"},
    {"personal/sets global", ALL "global \"v\"; set \"v\" \"inner\";"},
    {"personal/sets by name", ALL "set \"global.v\" \"inner\";"},
    {"personal/shows", ALL "fileinto \"v=${v}\";"},
    {"personal/shows global", ALL "global [\"V\"]; fileinto :copy \"v=${v}\";"},
    {"personal/appends", ALL "global \"v\"; set \"v\" \"${v}x\";"},
    {"personal/edits", ALL "if exists \"x-before\" { addheader \"X-Inner\" \"1\"; } "
                           "deleteheader \"subject\";"},
    {"personal/flags", ALL "addflag \"inner\";"},
    {"personal/elses", ALL "if false { } else { keep; }"},
    {"personal/subject_tests",
     "require [\"include\", \"variables\"]; global [\"test\", \"test_mailbox\"]; "
     "if header :contains \"Subject\" \"${test}\" { set \"test_mailbox\" \"spam-${test}\"; }"},
    {"personal/part",
     "require [\"include\", \"variables\", \"body\", \"mime\", \"foreverypart\"]; global \"v\"; "
     "if exists \"subject\" { set \"v\" \"${v} message\"; } "
     "if header :matches \"x-part\" \"*\" { set \"v\" \"${v} ${1}\"; } "
     "if body :raw :contains \"inner\" { set \"v\" \"${v} raw\"; } "
     "if body :text :contains \"inner\" { set \"v\" \"${v} text\"; } "
     "if size :under 60 { set \"v\" \"${v} small\"; } "
     "foreverypart { set \"v\" \"${v}.\"; } "
     "foreverypart { if header :mime :subtype \"content-type\" \"html\" { set \"v\" \"${v} html\"; "
     "break; } } return; set \"v\" \"never\";"},
    {"personal/d1", INCLUDE "include \"d2\";"},
    {"personal/d2", INCLUDE "include \"d3\";"},
    {"personal/d3", "keep;"},
    {"personal/sie\xc3\xb6", "discard;"},
    {0}};

static const struct {
    const char *name;
    const char *script;
    const char *expected;
} table[] = {
    {"a personal one", INCLUDE "include \"a\";", "fileinto personal"},
    {"said so", INCLUDE "include :personal \"a\";", "fileinto personal"},
    {"a global one", INCLUDE "include :global \"a\";", "fileinto global"},
    {"both, two levels", INCLUDE "include \"both\";", "fileinto personal; fileinto global"},
    {"an empty one", INCLUDE "include \"none\";", "(keep)"},
    {"a name in UTF-8", INCLUDE "include \"sie\xc3\xb6\";", "discard"},
    {"in a block", INCLUDE "if false { include \"a\"; } else { include :global \"a\"; }",
     "fileinto global"},
    {"the else behind it knows its if", INCLUDE "if true { include \"elses\"; } else { discard; }",
     "keep"},
    {"and the elsif", INCLUDE "if false { } elsif true { include \"elses\"; } else { discard; }",
     "keep"},
    {"what drafts called global",
     ALL "export \"v\"; include \"appends\"; import \"v\"; fileinto \"${v}\";", "fileinto x"},
    {"twice", ALL "global \"v\"; include \"appends\"; include \"appends\"; fileinto \"${v}\";",
     "fileinto xx"},
    {"once",
     ALL "global \"v\"; include :once \"appends\"; include :once \"appends\"; "
         "fileinto \"${v}\";",
     "fileinto x"},
    {"once, after it was included",
     ALL "global \"v\"; include \"appends\"; include :once "
         "\"appends\"; fileinto \"${v}\";",
     "fileinto x"},
    {"once in a branch that is not taken counts not",
     ALL "global \"v\"; if false { include \"appends\"; } include :once \"appends\"; "
         "fileinto \"${v}\";",
     "fileinto x"},
    {"once of the other place", INCLUDE "include :once \"a\"; include :once :global \"a\";",
     "fileinto personal; fileinto global"},
    {"once of itself is no error", INCLUDE "include \"self once\";", "keep"},
    {"once of the script that runs", INCLUDE "include :once \"script\"; discard;", "discard"},
    {"optional and missing", INCLUDE "include :optional \"missing\"; discard;", "discard"},
    {"optional and there", INCLUDE "include :optional :once \"a\";", "fileinto personal"},
    {"stop ends all", INCLUDE "include \"stops\"; discard;", "(keep)"},
    {"return does not", INCLUDE "include \"returns\"; keep;", "keep"},
    {"return out of blocks", INCLUDE "include \"returns from a block\"; keep;", "keep"},
    {"return goes one level back", INCLUDE "include \"nested return\";", "discard"},
    {"return of the first script is stop", INCLUDE "return; discard;", "(keep)"},
    {"variables are private", ALL "set \"v\" \"outer\"; include \"sets\"; fileinto \"${v}\";",
     "fileinto outer"},
    {"in both directions", ALL "set \"v\" \"outer\"; include \"shows\";", "fileinto v="},
    {"a global one is shared", ALL "global \"v\"; include \"sets global\"; fileinto \"${v}\";",
     "fileinto inner"},
    {"by its namespace too", ALL "global \"v\"; include \"sets by name\"; fileinto \"${v}\";",
     "fileinto inner"},
    {"read by its namespace", ALL "include \"sets global\"; fileinto \"${global.v}\";",
     "fileinto inner"},
    {"names have no case",
     ALL "set \"GLOBAL.V\" \"x\"; include \"shows global\"; fileinto "
         "\"${Global.v}\";",
     "fileinto v=x copy; fileinto x"},
    {"a private one of the same name",
     ALL "set \"v\" \"mine\"; include \"sets global\"; fileinto \"${v}-${global.v}\";",
     "fileinto mine-inner"},
    {"one that is not set is empty", ALL "global \"v\"; fileinto \"a${v}b${global.w}\";",
     "fileinto ab"},
    {"declared twice",
     ALL "global \"v\"; global [\"v\", \"V\"]; set \"v\" \"x\"; fileinto \"${v}\";", "fileinto x"},
    {"declared after it was read",
     ALL "if string \"${v}\" \"\" { } global \"v\"; set \"v\" \"x\"; "
         "fileinto \"${global.v}\";",
     "fileinto x"},
    {"flags in a global variable",
     ALL "addflag \"global.f\" \"a b\"; if hasflag \"global.f\" \"B\" { discard; }", "discard"},
    {"the RFC's example",
     "require [\"fileinto\", \"include\", \"variables\", \"relational\"]; global \"test\"; "
     "global \"test_mailbox\"; set \"test\" \"$$\"; include \"subject_tests\"; "
     "set \"test\" \"hell\"; include \"subject_tests\"; "
     "if string :count \"eq\" \"${test_mailbox}\" \"1\" { fileinto \"${test_mailbox}\"; stop; }",
     "fileinto spam-hell"},
    {"edits go in and come out",
     ALL
     "addheader \"X-Before\" \"1\"; include \"edits\"; if allof (exists \"x-inner\", not exists "
     "\"subject\") { discard; }",
     "discard\nX-Inner: 1\nX-Before: 1\nFrom: Ann <ann@example.org>\nTo: bob@example.net\n"
     "Message-ID: <1@example.org>\n\nText.\n"},
    {"the internal flags are the message's", ALL "include \"flags\"; keep;", "keep {inner}"},
    {"missing", INCLUDE "keep;\ninclude \"missing\";",
     "refused: script:2: there is no personal script 'missing' to include"},
    {"missing in the other place", INCLUDE "include :global \"both\";",
     "refused: script:1: there is no global script 'both' to include"},
    {"itself", INCLUDE "include \"self\";",
     "refused: self:1: script 'self' includes itself | script:1: the included script 'self' has "
     "errors"},
    {"the script that runs", INCLUDE "include \"script\";",
     "refused: script:1: script 'script' includes itself"},
    {"a circle", INCLUDE "include \"circle 1\";",
     "refused: circle 2:2: script 'circle 1' includes itself | circle 1:1: the included script "
     "'circle 2' has errors | script:1: the included script 'circle 1' has errors"},
    {"errors stand in their script", INCLUDE "include \"wrong\"; nonsense;",
     "refused: wrong:2: one argument too many for 'keep' | wrong:3: unknown command 'nonsense' | "
     "script:1: the included script 'wrong' has errors | "
     "script:1: unknown command 'nonsense'"},
    {"once for a script", INCLUDE "include \"twice wrong\";",
     "refused: wrong:2: one argument too many for 'keep' | wrong:3: unknown command 'nonsense' | "
     "twice wrong:1: the included script 'wrong' has errors | script:1: the included script 'twice "
     "wrong' has errors"},
    {"what is required is not passed on", ALL "include \"without require\";",
     "refused: without require:1: command 'fileinto' needs: require \"fileinto\" | script:1: the "
     "included script 'without require' has errors"},
    {"a failure stands in its script", INCLUDE "include \"fails\";", "failed: fails:2: no; (keep)"},
    {"a path", INCLUDE "include \"./../..//etc/passwd\";",
     "refused: script:1: './../..//etc/passwd' is no name of a script"},
    {"a shell", INCLUDE "include \"foo$(`rm star`)\";",
     "refused: script:1: 'foo$(`rm star`)' is no name of a script"},
    {"the parent", INCLUDE "include \"..\";", "refused: script:1: '..' is no name of a script"},
    {"no name", INCLUDE "include \"\";", "refused: script:1: '' is no name of a script"},
    {"a control character", INCLUDE "include \"a\tb\";",
     "refused: script:1: 'a\tb' is no name of a script"},
    {"a name that is not constant", ALL "include \"${x}\";",
     "refused: script:1: the name of a script must be constant"},
    {"a list", INCLUDE "include [\"a\", \"both\"];",
     "refused: script:1: command 'include' wants a string here"},
    {"no argument", INCLUDE "include;", "refused: script:1: command 'include' needs a string more"},
    {"two places", INCLUDE "include :personal :global \"a\";",
     "refused: script:1: tag ':global' cannot stand beside ':personal'"},
    {"a place twice", INCLUDE "include :global :global \"a\";",
     "refused: script:1: tag ':global' stands twice"},
    {"another tag", INCLUDE "include :copy \"a\";",
     "refused: script:1: unknown tag ':copy' of command 'include'"},
    {"return with an argument", INCLUDE "return \"x\";",
     "refused: script:1: one argument too many for 'return'"},
    {"global without variables", INCLUDE "global \"v\";",
     "refused: script:1: command 'global' needs: require \"variables\""},
    {"global without include", "require \"variables\"; global \"v\";",
     "refused: script:1: command 'global' needs: require \"include\""},
    {"its namespace without include", "require \"variables\"; set \"global.v\" \"x\";",
     "refused: script:1: unknown namespace 'global' of variables"},
    {"read without include", "require [\"variables\", \"fileinto\"]; fileinto \"${global.v}\";",
     "refused: script:1: unknown namespace 'global' of variables"},
    {"global of what was set", ALL "set \"v\" \"x\";\nglobal \"v\";",
     "refused: script:2: variable 'v' was set before it is declared global"},
    {"global of no name", ALL "global \"a-b\";",
     "refused: script:1: 'a-b' is no name of a variable"},
    {"of a match variable", ALL "global \"1\";", "refused: script:1: '1' is no name of a variable"},
    {"of a namespace", ALL "global \"global.v\";",
     "refused: script:1: 'global.v' is no name of a variable"},
    {"of a value", ALL "global \"${v}\";",
     "refused: script:1: the name of a variable must be constant"},
    {"a namespace in the namespace", ALL "set \"global.data.from\" \"x\";",
     "refused: script:1: 'global.data.from' is no name of a variable"},
    {"a number in it", ALL "set \"global.12\" \"x\";",
     "refused: script:1: 'global.12' is no name of a variable"},
    {"a number read", ALL "fileinto \"${global.12}\";",
     "refused: script:1: 'global.12' is no name of a variable"},
};

static void
expect(const struct account *a, const char *name, const char *script, const char *expected)
{
    char *text = account_outcome(a, script, NULL);

    ck_assert_msg(strcmp(text, expected) == 0, "%s: %s", name, text);
    free(text);
}

START_TEST(outcome)
{
    const struct account account = {.scripts = scripts};

    expect(&account, table[_i].name, table[_i].script, table[_i].expected);
}
END_TEST

START_TEST(what_cannot_be_had_defers)
{
    const struct account down = {.scripts = scripts, .is_down = true};

    expect(&down, "needed", INCLUDE "include \"a\";",
           "deferred: script:1: script 'a' cannot be had now; (keep)");
    expect(&down, "not needed", INCLUDE "if false { include \"a\"; }", "(keep)");
}
END_TEST

/* 3.5: in a loop over parts, the part is the message of what is included. */
START_TEST(a_part_is_a_message)
{
    static const char message[] = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n"
                                  "--b\nContent-Type: text/html\nX-Part: one\n\n<p>inner</p>\n"
                                  "--b\nContent-Type: text/plain\n\nouter\n--b--\n";
    const struct account account = {.scripts = scripts};
    char *text = account_outcome(
        &account,
        "require [\"include\", \"variables\", \"foreverypart\", \"fileinto\"]; global \"v\"; "
        "foreverypart { include \"part\"; set \"v\" \"${v};\"; } "
        "if exists \"subject\" { fileinto \"${v}\"; }",
        message);

    ck_assert_str_eq(text, "fileinto  message raw text... html; one raw text small. html; small.;");
    free(text);
}
END_TEST

START_TEST(limits)
{
    struct sieve_limits l;
    sieve_limits_default(&l);
    const struct account account = {.scripts = scripts, .limits = &l};

    l.include_depth_max = 3;
    expect(&account, "three levels", INCLUDE "include \"d1\";", "keep");
    l.include_depth_max = 2;
    expect(&account, "one too deep", INCLUDE "include \"d1\";",
           "refused: d2:1: scripts include one another more than 2 deep | d1:1: the included "
           "script 'd2' has errors | script:1: the included script 'd1' has errors");
    expect(&account, "too deep where it is met again", INCLUDE "include \"d2\"; include \"d1\";",
           "failed: d2:1: scripts include one another more than 2 deep; (keep)");
    l.include_depth_max = 10;
    l.includes_max = 3;
    expect(&account, "three scripts", INCLUDE "include \"d1\";", "keep");
    l.includes_max = 2;
    expect(&account, "one too many", INCLUDE "include \"d1\";",
           "refused: d2:1: more than 2 scripts are included | d1:1: the included script 'd2' has "
           "errors | script:1: the included script 'd1' has errors");
    l.variables_max = 1;
    expect(&account, "too many global variables", ALL "global [\"x\", \"y\"];",
           "refused: script:1: more than 1 global variables");
    l.script_max = 130;
    expect(&account, "too long", INCLUDE "include \"edits\";",
           "refused: script:1: script 'edits' is longer than 130 octets");
}
END_TEST

/* Ten levels of a hundred each: the steps of a run end it. */
START_TEST(a_bomb_runs_out_of_steps)
{
    struct account_pair bomb[11] = {{0}};
    static const char *const names[] = {"personal/b0", "personal/b1", "personal/b2", "personal/b3",
                                        "personal/b4", "personal/b5", "personal/b6", "personal/b7",
                                        "personal/b8", "personal/b9"};
    struct buf texts[10];

    for (unsigned i = 0; i < 10; i++) {
        buf_init(&texts[i], 8192);
        buf_append_str(&texts[i], INCLUDE);
        for (unsigned n = 0; i < 9 && n < 100; n++)
            buf_printf(&texts[i], "include \"b%u\";\n", i + 1);
        bomb[i] = (struct account_pair){names[i], buf_str(&texts[i])};
    }
    const struct account account = {.scripts = bomb};
    char *text = account_outcome(&account, INCLUDE "include \"b0\";", NULL);
    ck_assert_msg(strstr(text, "the script takes too many steps for one message; (keep)") != NULL,
                  "%s", text);
    free(text);
    for (unsigned i = 0; i < 10; i++)
        buf_release(&texts[i]);
}
END_TEST

START_TEST(what_follows_return_is_never_reached)
{
    char *text = account_warnings(NULL, INCLUDE "if true { return;\nkeep; }");

    ck_assert_str_eq(text, "2: this is never reached");
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/include");
    TCase *tc = tcase_create("include");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    tcase_add_test(tc, what_cannot_be_had_defers);
    tcase_add_test(tc, a_part_is_a_message);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, a_bomb_runs_out_of_steps);
    tcase_add_test(tc, what_follows_return_is_never_reached);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
