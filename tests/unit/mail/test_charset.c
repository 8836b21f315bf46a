/* SPDX-License-Identifier: MIT
 *
 * Charsets behind their allow-list, and UTF-8 (RFC 3629): whatever comes, valid UTF-8 goes out.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/charset.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    const char *charset;
    const char *in;
    const char *expected; /* NULL: the charset is not known */
} table[] = {
    {"UTF-8", "utf-8", "\xc3\xa4", "\xc3\xa4"},
    {"any case", "Utf-8", "\xc3\xa4", "\xc3\xa4"},
    {"a wrong octet in UTF-8", "utf-8", "a\xe4z", "a\xef\xbf\xbdz"},
    {"a cut character", "utf-8", "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
    {"a surrogate", "utf-8", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"ASCII that is UTF-8", "us-ascii", "\xc3\xa4", "\xc3\xa4"},
    {"ASCII that is Latin-1", "us-ascii", "\xe4", "\xc3\xa4"},
    {"Latin-1", "iso-8859-1", "\xe4\x80", "\xc3\xa4\xe2\x82\xac"},
    {"Latin-9", "ISO-8859-15", "\xa4", "\xe2\x82\xac"},
    {"Windows", "windows-1251", "\xcf\xf0", "\xd0\x9f\xd1\x80"},
    {"KOI8", "koi8-r", "\xf0\xd2", "\xd0\x9f\xd1\x80"},
    {"Chinese", "gb2312", "\xd6\xd0", "\xe4\xb8\xad"},
    {"Japanese with shifts", "iso-2022-jp", "\x1b$B&\"\x1b(B", "\xce\x92"},
    {"Shift JIS", "shift_jis", "\x83\x40", "\xe3\x82\xa1"},
    {"Korean", "euc-kr", "\xb0\xa1", "\xea\xb0\x80"},
    {"UTF-7", "utf-7", "+AOQ-", "\xc3\xa4"},
    {"a language behind the name", "utf-8*de", "\xc3\xa4", "\xc3\xa4"},
    {"a character that is none", "shift_jis", "a\x81\x20z", "a\xef\xbf\xbd z"},
    {"a character cut at the end", "gb2312", "a\xd6", "a\xef\xbf\xbd"},
    {"not on the list", "iso-2022-cn-ext", "a", NULL},
    {"no name", "", "a", NULL},
    {"transliteration is not asked for", "ascii//TRANSLIT", "a", NULL},
};

START_TEST(to_utf8)
{
    struct charsets *set = charsets_new();
    struct buf out;

    buf_init(&out, 256);
    bool known = charset_to_utf8(set, span_of(table[_i].charset), span_of(table[_i].in), &out);
    ck_assert_msg(known == (table[_i].expected != NULL), "%s", table[_i].name);
    ck_assert_msg(charset_is_known(span_of(table[_i].charset)) == known, "%s", table[_i].name);
    if (known)
        ck_assert_msg(strcmp(buf_str(&out), table[_i].expected) == 0, "%s: %s", table[_i].name,
                      buf_str(&out));
    else
        ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
    charsets_free(set);
}
END_TEST

/* Random octets in every charset: what comes out is UTF-8, also from a set that was opened at once.
 */
START_TEST(any_octets_become_utf8)
{
    static const char *const names[] = {
        "utf-8",  "us-ascii", "iso-8859-1",  "iso-8859-8", "gb2312", "iso-2022-jp", "shift_jis",
        "euc-kr", "big5",     "iso-2022-kr", "utf-7",      "utf-16", "koi8-u",      "windows-1255"};
    struct charsets *set = charsets_new();
    unsigned random = 1;

    charsets_open_all(set);
    for (unsigned round = 0; round < 200; round++) {
        char octets[97];
        for (size_t i = 0; i < sizeof octets; i++)
            octets[i] = (char)((random = random * 1103515245u + 12345u) >> 16);
        for (size_t i = 0; i < COUNT(names); i++) {
            struct buf out;
            buf_init(&out, 1024);
            ck_assert(charset_to_utf8(set, span_of(names[i]), (struct span){octets, sizeof octets},
                                      &out));
            ck_assert_msg(utf8_is_valid(buf_span(&out)), "%s", names[i]);
            buf_release(&out);
        }
    }
    charsets_free(set);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    bool is_valid;
} utf8[] = {
    {"empty", "", true},
    {"ASCII", "hello, world", true},
    {"every length", "a\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80", true},
    {"the last code point", "\xf4\x8f\xbf\xbf", true},
    {"behind the last code point", "\xf4\x90\x80\x80", false},
    {"five octets", "\xf8\x88\x80\x80\x80", false},
    {"overlong slash", "\xc0\xaf", false},
    {"overlong in three", "\xe0\x80\xaf", false},
    {"overlong in four", "\xf0\x80\x80\xaf", false},
    {"surrogate", "\xed\xbf\xbf", false},
    {"continuation alone", "a\x80", false},
    {"cut", "\xe2\x82", false},
    {"late in a long text", "0123456789abcdef0123456789abcdef\xff", false},
};

START_TEST(validity)
{
    ck_assert_msg(utf8_is_valid(span_of(utf8[_i].in)) == utf8[_i].is_valid, "%s", utf8[_i].name);
}
END_TEST

START_TEST(a_cut_splits_no_character)
{
    struct span s = SPAN("a\xc3\xa4\xe2\x82\xac");
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6};

    for (size_t n = 0; n < COUNT(expected); n++)
        ck_assert_uint_eq(utf8_cut(s, n).n, expected[n]);
}
END_TEST

START_TEST(full_output_keeps_a_right_beginning)
{
    struct charsets *set = charsets_new();

    for (size_t max = 0; max < 8; max++) {
        struct buf out;
        buf_init(&out, max);
        ck_assert(
            charset_to_utf8(set, SPAN("utf-8"), SPAN("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), &out));
        ck_assert(utf8_is_valid(buf_span(&out)));
        buf_release(&out);
    }
    charsets_free(set);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("charset");
    TCase *cases = tcase_create("charset");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, to_utf8, 0, COUNT(table));
    tcase_add_test(cases, any_octets_become_utf8);
    tcase_add_loop_test(cases, validity, 0, COUNT(utf8));
    tcase_add_test(cases, a_cut_splits_no_character);
    tcase_add_test(cases, full_output_keeps_a_right_beginning);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
