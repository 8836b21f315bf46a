/* SPDX-License-Identifier: MIT
 *
 * Header fields and their tokens (RFC 5322 2.2, 3.2, 4): every broken line has a meaning.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/field.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(text)                                                                                   \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    const char *name;
    struct span in;
    const char
        *expected; /* "name=value;" a field, "/" its line ends, "!" a broken line, "+n" left */
} blocks[] = {
    {"two fields", IN("A: 1\r\nB: 2\r\n\r\nbody"), "A=1;B=2; +6"},
    {"LF line ends", IN("A: 1\nB: 2\n\nbody"), "A=1;B=2; +5"},
    {"no empty line", IN("A: 1\r\nB: 2\r\n"), "A=1;B=2; +0"},
    {"no line end at the end", IN("A: 1\r\nB: 2"), "A=1;B=2; +0"},
    {"nothing at all", IN(""), " +0"},
    {"only an empty line", IN("\r\n"), " +2"},
    {"folded", IN("A: 1\r\n 2\r\n\t3\r\nB: x\r\n"), "A=1// 2//\t3;B=x; +0"},
    {"folded by a line of white space", IN("A: 1\r\n \r\n 2\r\n"), "A=1// // 2; +0"},
    {"white space around the value", IN("A:  \t1 \t\r\n"), "A=1; +0"},
    {"empty value", IN("A:\r\nB: \r\n"), "A=;B=; +0"},
    {"white space before the colon", IN("A \t: 1\r\n"), "A=1; +0"},
    {"colons in the value", IN("A:b:c\n"), "A=b:c; +0"},
    {"no colon", IN("A 1\r\nB: 2\r\n"), "!B=2; +0"},
    {"a colon only in what continues the line", IN("A\r\n x: 1\r\nB: 2\r\n"), "!B=2; +0"},
    {"white space in the name", IN("From a@b Sun 10:00\nB: 2\n"), "!B=2; +0"},
    {"no name", IN(": 1\nB: 2\n"), "!B=2; +0"},
    {"begins with a continuation", IN(" x: 1\nB: 2\n"), "!B=2; +0"},
    {"control octet in the name", IN("A\x01: 1\nB: 2\n"), "!B=2; +0"},
    {"NUL in the name", IN("A\0: 1\nB: 2\n"), "!B=2; +0"},
    {"carriage return alone", IN("A: 1\rB: 2\nC: 3\n"), "A=1/B: 2;C=3; +0"},
    {"a line of one carriage return", IN("A: 1\n\r"), "A=1;! +0"},
};

static void
print_block(struct span in, struct buf *out)
{
    struct field f;
    enum field_result result;

    while ((result = field_next(&in, &f)) != FIELD_END) {
        if (result == FIELD_BROKEN) {
            ck_assert(buf_append_char(out, '!'));
            continue;
        }
        ck_assert(buf_append_span(out, f.name) && buf_append_char(out, '='));
        for (size_t i = 0; i < f.value.n; i++) {
            bool is_end = f.value.p[i] == '\r' || f.value.p[i] == '\n';
            ck_assert(buf_append_char(out, is_end ? '/' : f.value.p[i]));
        }
        ck_assert(buf_append_char(out, ';'));
    }
    ck_assert(buf_printf(out, " +%zu", in.n));
}

START_TEST(fields_of_a_block)
{
    struct buf out;

    buf_init(&out, 1024);
    print_block(blocks[_i].in, &out);
    ck_assert_msg(strcmp(buf_str(&out), blocks[_i].expected) == 0, "%s: %s", blocks[_i].name,
                  buf_str(&out));
    buf_release(&out);
}
END_TEST

static const struct {
    const char *name;
    struct span in;
    bool found;
    const char *comment; /* NULL: none */
    size_t rest;
} cfws[] = {
    {"nothing", IN("a"), false, NULL, 1},
    {"white space and folds", IN(" \t\r\n a"), true, NULL, 1},
    {"a comment", IN("(c) a"), true, "c", 1},
    {"the last comment counts", IN("(b)(c)a"), true, "c", 1},
    {"comments nest", IN("(a(b)c)d"), true, "a(b)c", 1},
    {"an escaped parenthesis", IN("(a\\)b)c"), true, "a\\)b", 1},
    {"no end", IN("(a(b)"), true, "a(b)", 0},
    {"a backslash at the end", IN("(a\\"), true, "a\\", 0},
    {"a lone parenthesis", IN("("), true, "", 0},
    {"empty comment", IN("()x"), true, "", 1},
};

START_TEST(comments_and_white_space)
{
    struct span s = cfws[_i].in, comment = SPAN_NONE;

    ck_assert_msg(token_skip_cfws(&s, &comment) == cfws[_i].found, "%s", cfws[_i].name);
    ck_assert_msg((comment.p != NULL) == (cfws[_i].comment != NULL), "%s", cfws[_i].name);
    ck_assert_msg(span_equal(comment, span_of(cfws[_i].comment)), "%s", cfws[_i].name);
    ck_assert_msg(s.n == cfws[_i].rest, "%s: %zu left", cfws[_i].name, s.n);
}
END_TEST

static const struct {
    const char *name;
    struct span in;
    const char *expected;
    size_t rest;
} quoted[] = {
    {"empty", IN("\"\"x"), "", 1},
    {"words", IN("\"a b\"x"), "a b", 1},
    {"escapes", IN("\"a\\\"b\\\\c\\d\""), "a\"b\\cd", 0},
    {"folded", IN("\"a\r\n b\""), "a b", 0},
    {"NUL is dropped", IN("\"a\0b\""), "ab", 0},
    {"no end", IN("\"abc"), "abc", 0},
    {"a backslash at the end", IN("\"abc\\"), "abc\\", 0},
    {"a quote alone", IN("\""), "", 0},
};

START_TEST(quoted_strings)
{
    struct span s = quoted[_i].in;
    struct buf out;

    buf_init(&out, 64);
    ck_assert_msg(token_take_quoted(&s, &out), "%s", quoted[_i].name);
    ck_assert_msg(strcmp(buf_str(&out), quoted[_i].expected) == 0, "%s: %s", quoted[_i].name,
                  buf_str(&out));
    ck_assert_msg(s.n == quoted[_i].rest, "%s: %zu left", quoted[_i].name, s.n);
    buf_release(&out);
}
END_TEST

START_TEST(unfolding_drops_line_ends_and_nul)
{
    struct buf out;

    buf_init(&out, 12);
    ck_assert(field_unfold((struct span)IN("a\r\n b\n\tc\rd\0e"), &out));
    ck_assert_str_eq(buf_str(&out), "a b\tcde");
    ck_assert(!field_unfold((struct span)IN("too long"), &out));
    ck_assert_str_eq(buf_str(&out), "a b\tcde");
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("field");
    TCase *cases = tcase_create("field");

    tcase_add_loop_test(cases, fields_of_a_block, 0, COUNT(blocks));
    tcase_add_loop_test(cases, comments_and_white_space, 0, COUNT(cfws));
    tcase_add_loop_test(cases, quoted_strings, 0, COUNT(quoted));
    tcase_add_test(cases, unfolding_drops_line_ends_and_nul);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
