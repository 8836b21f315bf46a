/* SPDX-License-Identifier: MIT
 *
 * Previews (RFC 8970) and base subjects (RFC 5256 2.1), by way of whole messages.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/sort.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HTML "Content-Type: text/html; charset=utf-8\n\n"
#define PLAIN "Content-Type: text/plain; charset=utf-8\n\n"
#define ALTERNATIVE "Content-Type: multipart/alternative; boundary=x\n\n--x\n"
#define MIXED "Content-Type: multipart/mixed; boundary=x\n\n--x\n"
#define NEXT "\n--x\n"
#define END "\n--x--\n"

static void
scan(const char *in, struct arena *arena, struct facts *out)
{
    struct sort_scan *s = sort_scan_new();

    arena_init(arena, 4 * SORT_FACTS_MAX);
    sort_scan_feed(s, in, strlen(in));
    ck_assert(sort_scan_finish(s, arena, out));
    sort_scan_free(s);
}

static const struct {
    const char *name;
    const char *in;
    const char *expected;
} previews[] = {
    {"text", "\nHello,\n\n  world!  \n", "Hello, world!"},
    {"no text", "\n \n\t\n", ""},
    {"quoted-printable Latin-1",
     "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
     "Sch=F6ne=\n Welt\n",
     "Sch\xc3\xb6ne Welt"},
    {"base64",
     "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nSGVsbG8h\n",
     "Hello!"},
    {"unknown charset", "Content-Type: text/plain; charset=x-none\n\nSch\xf6n\n", "Sch\xc3\xb6n"},
    {"a reply below the quote", "\nOn Sunday Zoe wrote:\n> hello\n> there\n\nGood idea.\n",
     "Good idea."},
    {"a reply above the quote", "\nYes.\n\nZoe wrote:\n> hello\n", "Yes."},
    {"nothing but a quote", "\n> hello\n> there\n", "> hello > there"},
    {"a colon without a quote", "\nTo do:\nsleep\n", "To do: sleep"},
    {"control and invisible characters",
     PLAIN "a\x07"
           "b\xe2\x80\x8b"
           "c\xe2\x80\xae"
           "d\xc2\xad"
           "e\xef\xbb\xbf\xc2\xa0"
           "f\n",
     "a bcde f"},
    {"joiners inside a word and beside spaces",
     PLAIN "a\xe2\x80\x8c"
           "b \xe2\x80\x8c\xc2\xa0\xe2\x80\x8c c\n",
     "a\xe2\x80\x8c"
     "b c"},
    {"HTML", HTML "<html><body><p>Hello,<br>wor<b>ld</b>!</p><p>Bye</p></body></html>\n",
     "Hello, world! Bye"},
    {"HTML with styles and scripts",
     HTML "<head><title>no</title><style>p { a: b }</style></head><SCRIPT>x('<p>')</SCRIPT>yes\n",
     "yes"},
    {"HTML comments", HTML "a<!-- <p>no -->b<!DOCTYPE x>c\n", "ab c"},
    {"HTML entities", HTML "&lt;&auml;&euro;&#8364;&#x20AC;&nbsp;&amp;amp; &bogus; &#xD800; & x\n",
     "<\xc3\xa4\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac &amp; &bogus; &#xD800; & x"},
    {"HTML attributes with brackets", HTML "a<img alt=\"x > y\">b\n", "a b"},
    {"HTML quotes", HTML "Yes.<blockquote>no <blockquote>no</blockquote></blockquote>Bye\n",
     "Yes. Bye"},
    {"HTML without an end of anything", HTML "a<b class=\"x", "a"},
    {"less than", HTML "1 < 2\n", "1 < 2"},
    {"HTML that is nothing but a quote", HTML "<blockquote>hello</blockquote>\n", "hello"},
    {"plain text among alternatives", ALTERNATIVE PLAIN "plain" NEXT HTML "html" END, "plain"},
    {"plain text behind HTML", ALTERNATIVE HTML "html" NEXT PLAIN "plain" END, "plain"},
    {"empty plain text before HTML", ALTERNATIVE PLAIN "" NEXT HTML "html" END, "html"},
    {"empty plain text behind HTML", ALTERNATIVE HTML "html" NEXT PLAIN " " END, "html"},
    {"HTML and then a footer", MIXED HTML "html" NEXT PLAIN "footer" END, "html"},
    {"a file before the text",
     MIXED "Content-Disposition: attachment\n\nfile" NEXT PLAIN "text" END, "text"},
    {"no text at all", "Content-Type: image/png\n\nPNG\n", ""},
    {"inside a forwarded message", "Content-Type: message/rfc822\n\nSubject: s\n\ninner\n",
     "inner"},
};

START_TEST(preview)
{
    struct arena arena;
    struct facts f;

    scan(previews[_i].in, &arena, &f);
    ck_assert_msg(strcmp(f.preview, previews[_i].expected) == 0, "%s: %s", previews[_i].name,
                  f.preview);
    arena_release(&arena);
}
END_TEST

START_TEST(two_hundred_characters)
{
    struct arena arena;
    struct facts f;
    struct buf in;

    buf_init(&in, 100000);
    ck_assert(buf_append_str(&in, PLAIN));
    for (int i = 0; i < 300; i++)
        ck_assert(buf_append_str(&in, "\xc3\xa4"));
    scan(buf_str(&in), &arena, &f);
    ck_assert_uint_eq(strlen(f.preview), 400);
    arena_release(&arena);
    buf_release(&in);
}
END_TEST

START_TEST(html_behind_a_long_style)
{
    struct arena arena;
    struct facts f;
    struct buf in;

    buf_init(&in, 100000);
    ck_assert(buf_append_str(&in, HTML "<style>"));
    for (int i = 0; i < 1500; i++)
        ck_assert(buf_append_str(&in, "td { a: b }\n"));
    ck_assert(buf_append_str(&in, "</style><p>here</p>\n"));
    scan(buf_str(&in), &arena, &f);
    ck_assert_str_eq(f.preview, "here");
    arena_release(&arena);
    buf_release(&in);
}
END_TEST

static const struct {
    const char *subject;
    const char *base;
} subjects[] = {
    {"hello", "HELLO"},
    {"Re: hello", "HELLO"},
    {"RE: re: Fwd: FW: hello", "HELLO"},
    {"Re [2]: hello", "HELLO"},
    {"Re  : hello", "HELLO"},
    {"[list] hello", "HELLO"},
    {"[list] Re: [list] hello", "HELLO"},
    {"Re: [a] [b] hello", "HELLO"},
    {"hello (fwd)", "HELLO"},
    {"hello (FWD) (fwd) ", "HELLO"},
    {"[fwd: hello]", "HELLO"},
    {"[Fwd: Re: [list] hello (fwd)]", "HELLO"},
    {"[fwd: [fwd: hello]]", "HELLO"},
    {"[list]", "[LIST]"},
    {"[a] [b]", "[B]"},
    {"Re:", ""},
    {"(fwd)", ""},
    {"Regarding: hello", "REGARDING: HELLO"},
    {"fwdhello", "FWDHELLO"},
    {"a   b\t c", "A B C"},
    {"\xc3\xa4\xc3\xb6", "\xc3\x84\xc3\x96"},
    {"=?utf-8?q?Re=3A_x?=", "X"},
    {"[unclosed", "[UNCLOSED"},
    {"[a[b]] c", "[A[B]] C"},
};

START_TEST(base_subject)
{
    struct arena arena;
    struct facts f;
    struct buf in;

    buf_init(&in, 1024);
    ck_assert(buf_printf(&in, "Subject: %s\n\n", subjects[_i].subject));
    scan(buf_str(&in), &arena, &f);
    ck_assert_msg(strcmp(f.base_subject, subjects[_i].base) == 0, "%s: %s", subjects[_i].subject,
                  f.base_subject);
    arena_release(&arena);
    buf_release(&in);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("preview");
    TCase *cases = tcase_create("preview");

    tcase_add_loop_test(cases, preview, 0, COUNT(previews));
    tcase_add_test(cases, two_hundred_characters);
    tcase_add_test(cases, html_behind_a_long_style);
    tcase_add_loop_test(cases, base_subject, 0, COUNT(subjects));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
