/* SPDX-License-Identifier: MIT
 *
 * Values of unstructured fields: what is written is read back the same, in lines that fit, and no
 * text ends its field.
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
    {"nothing", "", ""},
    {"blanks alone", " \t ", ""},
    {"plain text", "hello  world", "hello  world"},
    {"a tab stays", "a\tb", "a\tb"},
    {"a line end", "a\nb\r\nc\rd", "a b c d"},
    {"a fold becomes its blank", "a\r\n b\n\tc", "a b\tc"},
    {"an escape", "a\x1b[b", "a [b"},
    {"UTF-8", "\xc3\xa4", "=?utf-8?B?w6Q=?="},
    {"no UTF-8", "\xff", "=?utf-8?B?77+9?="},
    {"an encoded word stays", "=?utf-8?q?a?=", "=?utf-8?q?a?="},
};

START_TEST(prints)
{
    struct buf out;

    buf_init(&out, 1024);
    ck_assert(words_print(span_of(table[_i].in), 9, "\r\n", &out));
    ck_assert_msg(strcmp(buf_str(&out), table[_i].expected) == 0, "%s: %s", table[_i].name,
                  buf_str(&out));
    buf_release(&out);
}
END_TEST

/* Every line fits, and goes on with a blank. */
static void
check_lines(const char *text, size_t column, size_t max)
{
    for (const char *line = text;; line += 2) {
        size_t n = strcspn(line, "\r\n");
        ck_assert_uint_le(column + n, max);
        line += n;
        column = 0;
        if (*line == '\0')
            return;
        ck_assert(line[0] == '\r' && line[1] == '\n' && line[2] == ' ');
    }
}

START_TEST(what_is_read_is_what_was_written)
{
    static const char *const letters[] = {
        "a", "bcd", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x93\xa7", " ", "  x"};
    struct charsets *set = charsets_new();

    srandom(1);
    for (unsigned round = 0; round < 500; round++) {
        struct buf in, out, back;
        buf_init(&in, 4096);
        buf_init(&out, 65536);
        buf_init(&back, 65536);
        for (unsigned n = (unsigned)random() % 200; n > 0; n--)
            buf_append_str(&in, letters[(unsigned)random() % (round % 2 == 0 ? 2 : 7)]);
        struct span text = span_trim(buf_span(&in));
        size_t column = (size_t)random() % 200;
        ck_assert(words_print(text, column, "\r\n", &out));
        ck_assert(words_decode(set, buf_span(&out), &back));
        ck_assert(span_equal(span_trim(buf_span(&back)), text));
        check_lines(buf_str(&out), column, utf8_is_ascii(text) ? 1000 : column < 38 ? 76 : 200);
        buf_release(&back);
        buf_release(&out);
        buf_release(&in);
    }
    charsets_free(set);
}
END_TEST

START_TEST(what_has_no_blank_is_encoded)
{
    struct charsets *set = charsets_new();
    struct buf in, out, back;

    buf_init(&in, 4096);
    buf_init(&out, 8192);
    buf_init(&back, 8192);
    for (unsigned i = 0; i < 3000; i++)
        buf_append_char(&in, 'a');
    ck_assert(words_print(buf_span(&in), 5, "\r\n", &out));
    check_lines(buf_str(&out), 5, 76);
    ck_assert(words_decode(set, buf_span(&out), &back));
    ck_assert(span_equal(buf_span(&back), buf_span(&in)));
    buf_release(&back);
    buf_release(&out);
    buf_release(&in);
    charsets_free(set);
}
END_TEST

START_TEST(a_full_buffer_stays_as_it_is)
{
    for (size_t max = 1; max < 20; max++) {
        struct buf out;
        buf_init(&out, max);
        buf_append_char(&out, 'x');
        ck_assert(!words_print(SPAN("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), 2, "\n", &out));
        ck_assert_uint_eq(out.len, 1);
        buf_release(&out);
    }
}
END_TEST

/* Octets of one kind as one word, after a first one: no line is longer than 998, and nothing but
 * folds is added. */
START_TEST(a_value_that_no_line_holds_is_cut)
{
    static const char octets[] = {'x', '\xa4', '\xc3'}; /* ASCII, and what is no UTF-8 */
    static char value[5000];
    struct buf out;
    size_t column = 4, kept = 0;

    memset(value, octets[_i], sizeof value);
    memcpy(value, "a ", 2);
    buf_init(&out, 10000);
    ck_assert(words_fold((struct span){value, sizeof value}, column, "\r\n", &out));
    for (size_t i = 0; i < out.len; i++) {
        bool is_fold = out.len - i > 2 && memcmp(out.data + i, "\r\n ", 3) == 0;
        column = is_fold ? 1 : column + 1;
        ck_assert_uint_le(column, 998);
        kept += out.data[i] == octets[_i];
        i += is_fold ? 2 : 0;
    }
    ck_assert_uint_eq(kept, sizeof value - 2);
    buf_release(&out);
}
END_TEST

START_TEST(a_value_is_folded_at_its_blanks)
{
    struct buf out;

    buf_init(&out, 1000);
    ck_assert(
        words_fold(SPAN("<aaaaaaaaaaaaaaaaaaaa@example.org> <bbbbbbbbbbbbbbbbbbbb@example.org>"),
                   12, "\r\n", &out));
    ck_assert_str_eq(out.data, "<aaaaaaaaaaaaaaaaaaaa@example.org>\r\n"
                               " <bbbbbbbbbbbbbbbbbbbb@example.org>");
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("words_print");
    TCase *cases = tcase_create("words_print");

    tcase_add_loop_test(cases, prints, 0, COUNT(table));
    tcase_add_test(cases, what_is_read_is_what_was_written);
    tcase_add_test(cases, what_has_no_blank_is_encoded);
    tcase_add_test(cases, a_full_buffer_stays_as_it_is);
    tcase_add_loop_test(cases, a_value_that_no_line_holds_is_cut, 0, 3);
    tcase_add_test(cases, a_value_is_folded_at_its_blanks);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
