/* SPDX-License-Identifier: MIT
 *
 * RFC 5293: what is added and deleted, who sees it, what may not be touched; and edits in floods.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define EDIT "require \"editheader\"; "
#define ALL                                                                                        \
    "require [\"editheader\", \"variables\", \"encoded-character\", \"fileinto\", "                \
    "\"relational\", "                                                                             \
    "\"comparator-i;ascii-numeric\", \"copy\", \"reject\"]; "
#define THREE "X-A: one\nX-A: two\nX-A: three\n\nbody\n"

static const struct account_pair settings[] = {
    {"sieve_editheader_protected", "subject x-guarded"},
    {"sieve_editheader_forbid_add", "X-Kept"},
    {"sieve_editheader_header", "x-one other"},
    {"sieve_editheader_header/x-one/forbid_delete", "yes"},
    {"sieve_editheader_header/other/name", "X-Two"},
    {"sieve_editheader_header/other/forbid_add", "yes"},
    {0}};

static const struct {
    const char *name;
    const char *script;
    const char *message;
    const char *expected;
} table[] = {
    {"in front", EDIT "addheader \"X-A\" \"b\";", "S: x\n\nbody\n",
     "(keep)\nX-A: b\nS: x\n\nbody\n"},
    {"behind", EDIT "addheader :last \"X-A\" \"b\";", "S: x\n\nbody\n",
     "(keep)\nS: x\nX-A: b\n\nbody\n"},
    {"with the message's own line ends", EDIT "addheader \"X-A\" \"b\";", "S: x\r\n\r\nbody\r\n",
     "(keep)\nX-A: b\r\nS: x\r\n\r\nbody\r\n"},
    {"a header without its end", EDIT "addheader :last \"X-A\" \"b\";", "S: x",
     "(keep)\nS: x\r\nX-A: b\r\n\r\n"},
    {"no header at all", EDIT "addheader \"X-A\" \"b\";", "\nbody\n", "(keep)\nX-A: b\n\nbody\n"},
    {"no message at all", EDIT "addheader \"X-A\" \"b\";", "", "(keep)\nX-A: b\r\n\r\n"},
    {"not between a line that is no field and what it goes on in", EDIT "addheader \"X-A\" \"b\";",
     "From a b\nS: x\n\n", "(keep)\nFrom a b\nX-A: b\nS: x\n\n"},
    {"nor in front of a blank", EDIT "addheader \"X-A\" \"b\";", " odd\nS: x\n\n",
     "(keep)\n odd\nX-A: b\nS: x\n\n"},
    {"spaces around a value go", EDIT "addheader \"X-A\" \"  b  \";", "S: x\n\n",
     "(keep)\nX-A: b\nS: x\n\n"},
    {"an empty value", EDIT "addheader \"X-A\" \"\"; if header \"x-a\" \"\" { discard; }",
     "S: x\n\n", "discard\nX-A: \nS: x\n\n"},
    {"a line end does not end the field", EDIT "addheader \"X-A\" \"b\r\nX-B: c\";", "S: x\n\n",
     "(keep)\nX-A: b X-B: c\nS: x\n\n"},
    {"nor does an encoded one", ALL "addheader \"X-A\" \"b${hex:0a}${hex:0d}${hex:00}c\";",
     "S: x\n\n", "(keep)\nX-A: b   c\nS: x\n\n"},
    {"a value that is folded already", EDIT "addheader \"X-A\" \"b\r\n c\";", "S: x\n\n",
     "(keep)\nX-A: b c\nS: x\n\n"},
    {"what is not ASCII is encoded", EDIT "addheader \"X-A\" \"gr\xc3\xbc\xc3\x9f\";", "S: x\n\n",
     "(keep)\nX-A: =?utf-8?B?Z3LDvMOf?=\nS: x\n\n"},
    {"what is no UTF-8 either",
     ALL "addheader \"X-A\" \"a${hex:ff}\"; if header \"x-a\" "
         "\"a\xef\xbf\xbd\" { discard; }",
     "S: x\n\n", "discard\nX-A: =?utf-8?B?Ye+/vQ==?=\nS: x\n\n"},
    {"a long value is folded at its blanks",
     EDIT "addheader \"X-A\" \"0123456789012345678901234567890123456789 "
          "0123456789012345678901234567890123456789 c\";",
     "S: x\n\n",
     "(keep)\nX-A: 0123456789012345678901234567890123456789\n "
     "0123456789012345678901234567890123456789 c\nS: x\n\n"},
    {"all of a name go", EDIT "deleteheader \"x-a\";", "A: 1\n" THREE, "(keep)\nA: 1\n\nbody\n"},
    {"a folded field goes whole", EDIT "deleteheader \"x-a\";", "X-A: a\n b\n\tc\nS: x\n\n",
     "(keep)\nS: x\n\n"},
    {"a field with a blank in front of its colon", EDIT "deleteheader \"x-a\";",
     "X-A : a\nS: x\n\n", "(keep)\nS: x\n\n"},
    {"none, nothing is changed", EDIT "deleteheader \"x-b\";", THREE, "(keep)"},
    {"by value", EDIT "deleteheader \"x-a\" [\"two\", \"none\"];", THREE,
     "(keep)\nX-A: one\nX-A: three\n\nbody\n"},
    {"by part of it", EDIT "deleteheader :contains \"x-a\" \"E\";", THREE,
     "(keep)\nX-A: two\n\nbody\n"},
    {"by a pattern and comparator",
     EDIT "deleteheader :matches :comparator \"i;octet\" \"x-a\" \"?n*\";", THREE,
     "(keep)\nX-A: two\nX-A: three\n\nbody\n"},
    {"by index", EDIT "deleteheader :index 2 \"x-a\";", THREE,
     "(keep)\nX-A: one\nX-A: three\n\nbody\n"},
    {"from the end", EDIT "deleteheader :index 1 :last \"x-a\";", THREE,
     "(keep)\nX-A: one\nX-A: two\n\nbody\n"},
    {"counted before it is compared", EDIT "deleteheader :index 1 \"x-a\" \"two\";", THREE,
     "(keep)"},
    {"an index too large", EDIT "deleteheader :index 4 \"x-a\";", THREE, "(keep)"},
    {"the first and the third",
     EDIT "deleteheader :index 1 \"x-a\"; deleteheader :index 2 \"x-a\";", THREE,
     "(keep)\nX-A: two\n\nbody\n"},
    {"a match type without values is ignored", EDIT "deleteheader :contains \"x-a\";", THREE,
     "(keep)\n\nbody\n"},
    {":count holds for all",
     ALL "deleteheader :count \"ge\" :comparator \"i;ascii-numeric\" "
         "\"x-a\" \"3\";",
     THREE, "(keep)\n\nbody\n"},
    {"or for none", ALL "deleteheader :count \"ge\" :comparator \"i;ascii-numeric\" \"x-a\" \"4\";",
     THREE, "(keep)"},
    {"added and deleted", EDIT "addheader \"X-A\" \"b\"; deleteheader :index 1 \"x-a\";", THREE,
     "(keep)\n" THREE},
    {"Received stays", EDIT "deleteheader \"RECEIVED\"; deleteheader :index 1 \"received\";",
     "Received: x\n\n", "(keep)"},
    {"Auto-Submitted stays", EDIT "deleteheader \"auto-submitted\" \"no\";",
     "Auto-Submitted: no\n\n", "(keep)"},
    {"tests see the edit",
     EDIT "addheader \"X-B\" \"c\"; if allof (exists \"x-b\", header \"x-b\" "
          "\"c\") { discard; } deleteheader \"x-b\"; if exists \"x-b\" { "
          "keep; }",
     "S: x\n\n", "discard\nX-B: c\nS: x\n\n"},
    {"an action keeps what it saw", ALL "fileinto :copy \"A\"; addheader \"X-B\" \"c\"; discard;",
     "S: x\n\n", "fileinto A copy; discard\nX-B: c\nS: x\n\n"},
    {"two keeps are one", EDIT "keep; addheader \"X-B\" \"c\"; keep;", "S: x\n\n", "keep"},
    {"what fails leaves the message", ALL "addheader \"X-B\" \"c\"; keep; reject \"x\";",
     "S: x\n\n", "failed: script:1: a message cannot be refused and delivered; (keep)"},
    {"no name of a field", EDIT "addheader \"a b\" \"c\";", NULL,
     "refused: script:1: 'a b' is no name of a header field"},
    {"a colon", EDIT "addheader \"a:\" \"c\";", NULL,
     "refused: script:1: 'a:' is no name of a header field"},
    {"not ASCII", EDIT "deleteheader \"\xc3\xa4\";", NULL,
     "refused: script:1: '\xc3\xa4' is no name of a header field"},
    {"the empty name", EDIT "deleteheader \"\";", NULL,
     "refused: script:1: '' is no name of a header field"},
    {"a wrong name at run time", ALL "addheader \"a${x} b\" \"c\";", NULL,
     "failed: script:1: 'a b' is no name of a header field; (keep)"},
    {"deleted at run time", ALL "deleteheader \"${x}\";", NULL,
     "failed: script:1: '' is no name of a header field; (keep)"},
    {":last without :index", EDIT "deleteheader :last \"a\";", NULL,
     "refused: script:1: ':last' needs ':index'"},
    {":index 0", EDIT "deleteheader :index 0 \"a\";", NULL,
     "refused: script:1: ':index' counts from 1"},
    {":index in words", EDIT "deleteheader :index \"1\" \"a\";", NULL,
     "refused: script:1: tag ':index' takes a number"},
    {":index of addheader", EDIT "addheader :index 1 \"a\" \"b\";", NULL,
     "refused: script:1: unknown tag ':index' of command 'addheader'"},
    {"no value", EDIT "addheader \"a\";", NULL,
     "refused: script:1: command 'addheader' needs a string more"},
    {"two values", EDIT "addheader \"a\" [\"b\", \"c\"];", NULL,
     "refused: script:1: command 'addheader' wants a string here"},
    {"two names", EDIT "deleteheader [\"a\", \"b\"];", NULL,
     "refused: script:1: command 'deleteheader' wants a string here"},
    {"three arguments", EDIT "deleteheader \"a\" \"b\" \"c\";", NULL,
     "refused: script:1: one argument too many for 'deleteheader'"},
    {"no argument", EDIT "deleteheader;", NULL,
     "refused: script:1: command 'deleteheader' needs a string more"},
    {"two match types", EDIT "deleteheader :is :contains \"a\" \"b\";", NULL,
     "refused: script:1: tag ':contains' cannot stand beside ':is'"},
    {"it is no test", EDIT "if addheader \"a\" \"b\" { keep; }", NULL,
     "refused: script:1: 'addheader' is a command, not a test"},
    {"without require", "addheader \"a\" \"b\";", NULL,
     "refused: script:1: command 'addheader' needs: require \"editheader\""},
};

static void
expect(const struct account *a, const char *name, const char *script, const char *message,
       const char *expected)
{
    char *text = account_outcome(a, script, message);

    ck_assert_msg(strcmp(text, expected) == 0, "%s: %s", name, text);
    free(text);
}

START_TEST(outcome)
{
    expect(NULL, table[_i].name, table[_i].script, table[_i].message, table[_i].expected);
}
END_TEST

START_TEST(settings_protect_fields)
{
    const struct account a = {.settings = settings};
    static const struct {
        const char *script, *message, *expected;
    } rows[] = {
        {"addheader \"X-Guarded\" \"a\"; deleteheader \"x-guarded\";", "X-Guarded: b\n\n",
         "(keep)"},
        {"addheader \"x-kept\" \"a\"; deleteheader \"x-kept\";", "X-Kept: b\n\n", "(keep)\n\n"},
        {"deleteheader \"x-one\"; addheader \"x-one\" \"a\";", "X-One: b\n\n",
         "(keep)\nx-one: a\nX-One: b\n\n"},
        {"addheader \"x-two\" \"a\"; deleteheader \"x-two\";", "X-Two: b\n\n", "(keep)\n\n"},
        {"deleteheader \"subject\"; addheader \"Subject\" \"a\";", "Subject: b\n\n",
         "(keep)\nSubject: a\n\n"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char script[200];
        snprintf(script, sizeof(script), EDIT "%s", rows[i].script);
        expect(&a, rows[i].script, script, rows[i].message, rows[i].expected);
    }
}
END_TEST

/* A copy of many fields for an edit behind an action. */
START_TEST(a_large_header_behind_an_action)
{
    struct buf message;
    buf_init(&message, 1024 * 1024);
    for (unsigned i = 0; i < 5000; i++)
        buf_printf(&message, "X-%u: %u\n", i, i);
    buf_append_str(&message, "\nbody\n");
    char *text = account_outcome(NULL,
                                 ALL "fileinto :copy \"A\"; addheader \"B\" \"c\"; "
                                     "deleteheader \"X-4000\"; keep;",
                                 buf_str(&message));

    ck_assert_int_eq(strncmp(text, "fileinto A copy; keep\nB: c\nX-0: 0\n", 33), 0);
    ck_assert(strstr(text, "X-3999: 3999\nX-4001: 4001\n") != NULL);
    ck_assert(strstr(text, "X-4999: 4999\n\nbody\n") != NULL);
    free(text);
    buf_release(&message);
}
END_TEST

/* Fields past what anybody has are kept, and a message full of them can still be edited. */
START_TEST(a_message_of_nothing_but_fields)
{
    struct buf message;
    buf_init(&message, 1024 * 1024);
    for (unsigned i = 0; i < 60000; i++)
        buf_printf(&message, "X-%u: a\n", i);
    buf_append_str(&message, "\nbody\n");
    char *text = account_outcome(NULL,
                                 EDIT "addheader :last \"B\" \"c\"; if exists \"X-59999\" { "
                                      "discard; } if exists \"X-1000\" { keep; }",
                                 buf_str(&message));

    ck_assert_int_eq(strncmp(text, "keep\nX-0: a\nX-1: a\n", 19), 0);
    ck_assert(strstr(text, "X-59998: a\nX-59999: a\nB: c\n\nbody\n") != NULL);
    free(text);
    buf_release(&message);
}
END_TEST

/* Ten thousand edits either fit into the budgets or end the run; they are never quadratic for
 * nothing. */
START_TEST(a_flood_of_edits_is_bounded)
{
    static const char *const edits[] = {"addheader \"X-A\" \"b\";",
                                        "addheader :last \"X-A\" \"b\";",
                                        "addheader \"X-A\" \"b\"; deleteheader \"x-a\";"};

    for (size_t i = 0; i < COUNT(edits); i++) {
        struct buf script;
        buf_init(&script, 1024 * 1024);
        buf_append_str(&script, EDIT);
        for (unsigned n = 0; n < 10000; n++)
            buf_append_str(&script, edits[i]);
        char *text = account_outcome(NULL, buf_str(&script), "S: x\n\n");
        ck_assert_msg(strncmp(text, "(keep)\n", 7) == 0 ||
                          strcmp(text, "failed: script:1: the script compares too much for one "
                                       "message; (keep)") == 0,
                      "%.100s", text);
        free(text);
        buf_release(&script);
    }
}
END_TEST

START_TEST(a_field_has_a_longest_length)
{
    char value[4000], script[10000], expected[200];

    memset(value, 'a', sizeof(value));
    value[2044] = '\0'; /* with "X-A: " one octet too long */
    snprintf(script, sizeof(script), EDIT "addheader \"X-A\" \"%s\";", value);
    expect(NULL, "constant", script, NULL,
           "refused: script:1: the header field is longer than 2048 octets");
    snprintf(script, sizeof(script), ALL "set \"x\" \"%s\"; addheader \"X-A\" \"${x}\";", value);
    snprintf(expected, sizeof(expected),
             "failed: script:1: the header field is longer than 2048 octets; (keep)");
    expect(NULL, "at run time", script, NULL, expected);
    value[2043] = '\0';
    snprintf(script, sizeof(script),
             EDIT "addheader \"X-A\" \"%s\"; if header \"x-a\" \"%s\" { discard; }", value, value);
    char *text = account_outcome(NULL, script, "S: x\n\n");
    ck_assert_msg(strncmp(text, "discard\nX-A: =?utf-8?B?YWFh", 27) == 0, "%.60s", text);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        ck_assert_uint_le(strcspn(line, "\n"), 76);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/editheader");
    TCase *tc = tcase_create("editheader");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    tcase_add_test(tc, settings_protect_fields);
    tcase_add_test(tc, a_large_header_behind_an_action);
    tcase_add_test(tc, a_message_of_nothing_but_fields);
    tcase_add_test(tc, a_flood_of_edits_is_bounded);
    tcase_add_test(tc, a_field_has_a_longest_length);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
