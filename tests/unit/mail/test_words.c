/* SPDX-License-Identifier: MIT
 *
 * Encoded words (RFC 2047, RFC 2231 5): the RFC's own examples, what broken programs send, and
 * floods.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/words.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    const char *in;
    const char *expected;
} table[] = {
    {"plain text", "hello world", "hello world"},
    {"Q", "=?iso-8859-1?q?this=20is=20some=20text?=", "this is some text"},
    {"B", "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXM=?=", "If you can read this"},
    {"underscores", "=?utf-8?Q?a_b=5Fc?=", "a b_c"},
    {"text around", "Re: =?utf-8?q?=C3=A4?= ok", "Re: \xc3\xa4 ok"},
    {"neighbours", "=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
    {"neighbours over a fold", "=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"},
    {"neighbours without space", "=?utf-8?q?a?==?utf-8?q?b?=", "ab"},
    {"a word between", "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"},
    {"neighbours of two charsets", "=?iso-8859-1?q?=E4?= =?utf-8?q?=C3=B6?=", "\xc3\xa4\xc3\xb6"},
    {"a character cut between two words", "=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "\xc3\xa4"},
    {"cut between B and Q", "=?utf-8?B?4oI=?= =?UTF-8?q?=AC?=", "\xe2\x82\xac"},
    {"padding in the first of two words",
     "=?utf-8?B?RWluIGzDpG5nZXI=?=\r\n =?utf-8?B?IEJldHJlZmY=?=", "Ein l\xc3\xa4nger Betreff"},
    {"Japanese shifts in each word",
     "=?iso-2022-jp?B?GyRCJiIbKEI=?= =?iso-2022-jp?B?GyRCJiIbKEI=?=", "\xce\x92\xce\x92"},
    {"a language", "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
    {"without space around", "a=?utf-8?q?b?=c", "abc"},
    {"unknown charset", "=?x-none?q?a=41?= z", "=?x-none?q?a=41?= z"},
    {"unknown encoding", "=?utf-8?x?a?=", "=?utf-8?x?a?="},
    {"no end", "=?utf-8?q?abc", "=?utf-8?q?abc"},
    {"no text", "=?utf-8?q?\?= x", " x"},
    {"no encoding", "=?utf-8?=", "=?utf-8?="},
    {"only the beginning", "=?", "=?"},
    {"a question mark in the text", "=?utf-8?q?a?b?=", "a?b"},
    {"spaces in the text", "=?utf-8?q?a b?=", "a b"},
    {"wrong digits", "=?utf-8?q?=4=zz?=", "=4=zz"},
    {"raw UTF-8", "l\xc3\xa4nger", "l\xc3\xa4nger"},
    {"raw Latin-1", "l\xe4nger", "l\xc3\xa4nger"},
    {"folded", "a\r\n b\r\n\tc", "a b c"},
    {"a line end inside a word", "=?utf-8?q?a=0D=0Ab?=", "a  b"},
    {"NUL and escape inside a word", "=?utf-8?q?a=00=1Bb?=", "a b"},
    {"wrong UTF-8 in a word", "=?utf-8?q?a=FFb?=",
     "a\xef\xbf\xbd"
     "b"},
};

START_TEST(decodes)
{
    struct charsets *set = charsets_new();
    struct buf out;

    buf_init(&out, 1024);
    ck_assert_msg(words_decode(set, span_of(table[_i].in), &out), "%s", table[_i].name);
    ck_assert_msg(strcmp(buf_str(&out), table[_i].expected) == 0, "%s: %s", table[_i].name,
                  buf_str(&out));
    buf_release(&out);
    charsets_free(set);
}
END_TEST

START_TEST(full_output_keeps_a_right_beginning)
{
    struct charsets *set = charsets_new();
    struct span in = SPAN("a \xc3\xa4 =?utf-8?q?=E2=82=AC=E2=82=AC?= z");

    for (size_t max = 0; max < 13; max++) {
        struct buf out;
        buf_init(&out, max);
        ck_assert(!words_decode(set, in, &out));
        ck_assert(utf8_is_valid(buf_span(&out)));
        ck_assert_int_eq(strncmp(buf_str(&out), "a \xc3\xa4 \xe2\x82\xac\xe2\x82\xac z", out.len),
                         0);
        buf_release(&out);
    }
    charsets_free(set);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("words");
    TCase *cases = tcase_create("words");

    tcase_add_loop_test(cases, decodes, 0, COUNT(table));
    tcase_add_test(cases, full_output_keeps_a_right_beginning);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
