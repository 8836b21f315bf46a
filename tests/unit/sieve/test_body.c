/* SPDX-License-Identifier: MIT
 *
 * RFC 5173: what the body test compares, to the octet; the messages' line ends are LF or CRLF.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char message[] = "From: ann@example.org\n"
                              "Content-Type: multipart/mixed; boundary=b\n"
                              "\n"
                              "pro\n"
                              "logue\n"
                              "\n"
                              "--b\n"
                              "Content-Type: text/plain\n"
                              "\n"
                              "one\n"
                              "two\n"
                              "--b\n"
                              "Content-Type: text/html; charset=iso-8859-1\n"
                              "Content-Transfer-Encoding: base64\n"
                              "\n"
                              "PHA+VPxyICZhbXA7\n" /* <p>T\xfcr &amp; */
                              "PGI+VG9yPC9iPg==\n" /* <b>Tor</b> */
                              "--b\n"
                              "Content-Type: message/rfc822\n"
                              "\n"
                              "Subject: inner\n"
                              "X: y\n"
                              "\n"
                              "inner body\n"
                              "--b\n"
                              "Content-Type: application/octet-stream\n"
                              "Content-Transfer-Encoding: base64\n"
                              "\n"
                              "YQBi\n" /* a NUL b */
                              "--b\n"
                              "\n"
                              "--b--\n"
                              "epi\n"
                              "logue\n";

static const struct {
    const char *name, *test, *expected;
} cases[] = {
    {"the prologue without the boundary's line end",
     "body :content \"multipart\" :is \"pro\r\nlogue\r\n\"", "true"},
    {"the epilogue to the end", "body :content \"multipart\" :is \"epi\r\nlogue\r\n\"", "true"},
    {"a part without the boundary's line end", "body :content \"text/plain\" :is \"one\r\ntwo\"",
     "true"},
    {"a part that is decoded and in UTF-8",
     "body :content \"text/html\" :is \"<p>T\xc3\xbcr &amp;<b>Tor</b>\"", "true"},
    {"of HTML only the text", "body :text :contains \"T\xc3\xbcr &Tor\"", "true"},
    {"no tags in the text", "body :text :contains \"<p>\"", "false"},
    {"a message's header without the empty line",
     "body :content \"message/rfc822\" :is \"Subject: inner\r\nX: y\r\n\"", "true"},
    {"the body of the message inside", "body :content \"text/plain\" :is \"inner body\"", "true"},
    {"a NUL does not end anything", "body :content \"application\" :contains \"b\"", "true"},
    {"octets that are no text are not in the text", "body :text :is [\"a\", \"b\"]", "false"},
    {"an empty part", "body :content \"text/plain\" :is \"\"", "true"},
    {"strings are counted", "body :count \"eq\" :content \"multipart\" \"2\"", "true"},
    {"relations", "body :value \"gt\" :content \"text/plain\" \"inner\"", "true"},
    {"regex", "body :regex :content \"text\" \"^two$\"", "true"},
    {"raw is one string", "body :raw :matches \"pro*--b*epi\r\nlogue\r\n\"", "true"},
    {"comparators", "body :raw :comparator \"i;octet\" :contains \"ONE\"", "false"},

    {"two transforms", "body :raw :text \"a\"",
     "refused 1: tag ':text' cannot stand beside ':raw'"},
    {"content needs types", "body :content :contains \"a\"",
     "refused 1: tag ':content' takes a string list"},
    {"no keys", "body :raw", "refused 1: test 'body' needs a string list more"},
    {"too much", "body \"text\" \"a\"", "refused 1: one argument too many for 'body'"},
    {"index is not for bodies", "body :index 1 \"a\"",
     "refused 1: unknown tag ':index' of test 'body'"},
};

static char *
truth_of(const char *test, struct span text)
{
    return script_truth(NULL, "\"body\", \"relational\", \"regex\", \"index\"", test, text);
}

START_TEST(says)
{
    char *truth = truth_of(cases[_i].test, span_of(message));

    ck_assert_msg(strcmp(truth, cases[_i].expected) == 0, "%s: %s", cases[_i].name, truth);
    free(truth);
}
END_TEST

START_TEST(says_the_same_with_crlf)
{
    struct buf crlf;
    buf_init(&crlf, 2 * sizeof(message));
    for (const char *p = message; *p != '\0'; p++)
        buf_printf(&crlf, *p == '\n' ? "\r\n" : "%c", *p);
    char *truth = truth_of(cases[_i].test, buf_span(&crlf));

    ck_assert_msg(strcmp(truth, cases[_i].expected) == 0, "%s: %s", cases[_i].name, truth);
    free(truth);
    buf_release(&crlf);
}
END_TEST

/* RFC 5173 6, 4. */
static const struct {
    const char *name, *script, *message, *expected;
} scripts[] = {
    {"matches sets no match variables",
     "if header :matches \"x\" \"*-*\" {} if body :raw :matches \"*o*\" {fileinto \"${1}\";}",
     "X: a-b\n\none", "fileinto a"},
    {"nor does regex",
     "if header :matches \"x\" \"*-*\" {} if body :raw :regex \"(o)\" {fileinto \"${1}\";}",
     "X: a-b\n\none", "fileinto a"},
    {"variables in keys and types",
     "set \"a\" \"one\"; set \"b\" \"text\"; if body :content \"${b}\" :contains \"${a}\" "
     "{discard;}",
     "X: a-b\n\none", "discard"},
    {"no empty line, no body", "if body :raw :contains \"\" {discard;}", "X: a-b\n", "(keep)"},
    {"no octets at all", "if body :contains \"\" {discard;}", "", "(keep)"},
    {"no header, but a body", "if body :raw :is \"a\" {discard;}", "\na", "discard"},
    {"count of no body", "if body :count \"eq\" \"0\" {discard;}", "X: a-b\n", "discard"},
    {"a multipart without boundaries is its prologue",
     "if body :content \"multipart\" :is \"all\" {discard;}",
     "Content-Type: multipart/mixed; boundary=b\n\nall", "discard"},
    {"a multipart that is cut has an empty epilogue",
     "if body :content \"multipart\" :is \"\" {discard;}",
     "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext", "discard"},
    {"an unknown charset is guessed", "if body :content \"text\" :is \"\xc3\xa4\" {discard;}",
     "Content-Type: text/plain; charset=unknown\n\n\xe4", "discard"},
};

START_TEST(comes_to)
{
    char script[512];

    snprintf(script, sizeof(script),
             "require [\"body\", \"variables\", \"regex\", \"fileinto\", \"relational\"]; %s",
             scripts[_i].script);
    char *outcome = script_outcome(NULL, script, span_of(scripts[_i].message));
    ck_assert_msg(strcmp(outcome, scripts[_i].expected) == 0, "%s: %s", scripts[_i].name, outcome);
    free(outcome);
}
END_TEST

/* The work is paid for: twice as much text, twice as much work, and nothing is made twice. */
START_TEST(large_bodies_take_linear_work)
{
    static const char header[] = "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n";
    size_t n = 8 * 1024 * 1024;
    struct sieve_limits limits;
    struct script_world world = {.limits = &limits};
    char *text = malloc(n + sizeof(header));

    memcpy(text, header, sizeof(header));
    for (size_t i = 0; i < n; i += 64)
        memcpy(text + sizeof(header) - 1 + i,
               "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\n\r\n", 64);
    struct span message_span = {text, sizeof(header) - 1 + n};
    sieve_limits_default(&limits);
    limits.work_max = 10 * n;
    char *outcome = script_outcome(&world,
                                   "require \"body\"; if body :contains [\"b\", \"c\"] {discard;}"
                                   "if body :contains \"d\" {discard;}",
                                   message_span);
    ck_assert_str_eq(outcome, "(keep)");
    free(outcome);
    limits.work_max = n;
    outcome = script_outcome(&world, "require \"body\"; if body :contains \"b\" {discard;}",
                             message_span);
    ck_assert_str_eq(outcome, "failed: the script compares too much for one message");
    free(outcome);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve body");
    TCase *t = tcase_create("RFC 5173");
    SRunner *runner = srunner_create(s);

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, says, 0, COUNT(cases));
    tcase_add_loop_test(t, says_the_same_with_crlf, 0, COUNT(cases));
    tcase_add_loop_test(t, comes_to, 0, COUNT(scripts));
    tcase_add_test(t, large_bodies_take_linear_work);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
