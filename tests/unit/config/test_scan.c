/* SPDX-License-Identifier: MIT
 *
 * Text that is no configuration: each piece gets a clean error, and nothing reaches libconfuse that
 * it would misread.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/config.h"
#include "source_priv.h"

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
    const char *name;
    const char *text;
    size_t length;
    const char *error;
} refused[] = {
    {"NUL", TEXT("workers = 1\n\0"), "t:2: a control character stands here"},
    {"an escape sequence", TEXT("\033[2J"), "t:1: a control character stands here"},
    {"DEL", TEXT("\n\n\x7f"), "t:3: a control character stands here"},
    {"Latin-1", TEXT("# gr\xfc\xdf"), "t:1: this line is not UTF-8"},
    {"an overlong UTF-8 sequence", TEXT("\n\"\xc0\x80\""), "t:2: this line is not UTF-8"},
    {"CR without LF", TEXT("workers = 1\rsorters = 2"), "t:1: a CR stands without LF"},
    {"an open double quote", TEXT("hostname = \"a\n\""),
     "t:1: the string that begins here is not closed"},
    {"an open single quote", TEXT("hostname = 'a\n'"),
     "t:1: the string that begins here is not closed"},
    {"a quote at the end of the file", TEXT("hostname = \""), "t:1: the string that begins here"},
    {"a backslash at the end of the file", TEXT("hostname = \"\\"),
     "t:1: the string that begins here"},
    {"an open comment", TEXT("\n/* *"), "t:2: the comment that begins here has no end"},
    {"a comment that would close itself", TEXT("/*/"),
     "t:1: the comment that begins here has no end"},
    {"a variable that is open in a string", TEXT("hostname = \"${A\""), "t:1: ${ is not closed"},
    {"a variable that is open outside", TEXT("hostname = ${A\n}"), "t:1: ${ is not closed"},
    {"a variable without name", TEXT("hostname = ${}"), "t:1: ${ is not closed"},
    {"NUL spelled in octal", TEXT("hostname = \"a\\0b\""), "t:1: octal and hexadecimal escapes"},
    {"NUL spelled in hexadecimal", TEXT("hostname = \"a\\x00b\""),
     "t:1: octal and hexadecimal escapes"},
    {"a name in quotes", TEXT("\"hostname\" = a"), "t:1: a setting or section was expected"},
    {"a name from the environment", TEXT("${A} = a"), "t:1: a setting or section was expected"},
    {"a name of libconfuse's own grammar", TEXT("limits|errors = 5"),
     "t:1: put this value in quotes"},
    {"a name with an equal sign in it", TEXT("'=' = 5"), "t:1: a setting or section was expected"},
    {"a star outside of quotes", TEXT("state_dir = /a*b"), "t:1: put this value in quotes"},
    {"a plus sign outside of quotes", TEXT("recipient_delimiter = +"),
     "t:1: put this value in quotes"},
    {"two slashes in a value", TEXT("state_dir = /a//b"), "t:1: put this value in quotes"},
    {"a second value", TEXT("hostname = a \"b\""), "t:1: a setting or section was expected"},
    {"only braces", TEXT("{{{{{{{{"), "t:1: unexpected token '{'"},
    {"only closing braces", TEXT("}}}}"), "t:1: unexpected closing brace"},
    {"only signs", TEXT("(),=+=)"), "t:1: unexpected token '('"},
    {"a section in a section", TEXT("limits { limits {"),
     "t:1: unknown setting 'limits' in section"},
    {"a section without title", TEXT("domain {"), "t:1: missing title for section 'domain'"},
    {"a title too many", TEXT("domain a b {"), "t:1: missing opening brace for section 'domain'"},
    {"a list that is not closed", TEXT("listen lmtp { trusted = {\"::1/128\","),
     "t:1: premature end"},
    {"include alone", TEXT("include"), "t:1: include is written"},
    {"include of nothing", TEXT("include()"), "t:1: include is written"},
    {"include that is not closed", TEXT("include(\"x\""), "t:1: include is written"},
    {"include of two", TEXT("include(\"x\", \"y\")"), "t:1: include is written"},
};

/* config_parse() takes C text; NUL and all else comes to the scanner from files. */
START_TEST(refusal)
{
    struct arena arena;
    struct source source;
    struct buf out;
    struct source_errors errors = {.out = &out};
    char text[256];

    arena_init(&arena, 1 << 20);
    buf_init(&out, 65536);
    source_init(&source, &arena);
    if (source_scan(&source, (struct span){refused[_i].text, refused[_i].length}, "t", &errors)) {
        memcpy(text, refused[_i].text, refused[_i].length);
        text[refused[_i].length] = '\0';
        ck_assert_msg(config_parse(text, "t", &out) == NULL, "%s: was taken", refused[_i].name);
    }
    ck_assert_msg(strncmp(buf_str(&out), refused[_i].error, strlen(refused[_i].error)) == 0,
                  "%s: %s", refused[_i].name, buf_str(&out));
    source_release(&source);
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(comments_of_every_length_go)
{
    char text[300];

    for (size_t n = 0; n < 100; n++) {
        struct buf errors;
        struct config *c;
        size_t at = 0;

        text[at++] = '#';
        memset(text + at, 'x', n);
        strcpy(text + at + n, "\n//\n/**/ /* * / */ domain a.example /*\n*/ {} #");
        buf_init(&errors, 1000);
        c = config_parse(text, "t", &errors);
        ck_assert_msg(c != NULL, "%s", buf_str(&errors));
        config_free(c);
        buf_release(&errors);
    }
}
END_TEST

START_TEST(lines_may_end_in_crlf)
{
    struct buf errors;
    struct config *c;

    buf_init(&errors, 1000);
    c = config_parse("domain a.example {\r\n  quota = 5M # five\r\n}\r\nworkers = 2\r\n", "t",
                     &errors);
    ck_assert_msg(c != NULL, "%s", buf_str(&errors));
    ck_assert_uint_eq(config_settings(c)->workers, 2);
    config_free(c);
    buf_release(&errors);
}
END_TEST

/* Much of the same ends in time, in memory, and in an error. */
static void
expect_failure(const char *piece, size_t size)
{
    char *text = malloc(size + 1);
    struct buf errors;

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < size; i++)
        text[i] = piece[i % strlen(piece)];
    text[size] = '\0';
    buf_init(&errors, 1000);
    ck_assert_ptr_null(config_parse(text, "t", &errors));
    ck_assert_uint_gt(errors.len, 0);
    buf_release(&errors);
    free(text);
}

START_TEST(large_texts_end)
{
    static const char *const pieces[] = {"a",
                                         " ",
                                         "\n",
                                         "{",
                                         "domain a.example{}\n",
                                         "store x{}",
                                         "limits {}\n",
                                         "\"a\" ",
                                         "/**/",
                                         "'a'",
                                         "listen lmtp{address={\"127.0.0.1:1\"}}",
                                         "\"\\\n",
                                         "${A}",
                                         "edges=1 ",
                                         "#\n"};

    expect_failure(pieces[_i], SOURCE_SIZE_MAX / 8);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config scan");
    TCase *tcase = tcase_create("scan");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, refusal, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tcase, comments_of_every_length_go);
    tcase_add_test(tcase, lines_may_end_in_crlf);
    tcase_add_loop_test(tcase, large_texts_end, 0, 15);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
