/* SPDX-License-Identifier: MIT
 *
 * base64 and quoted-printable (RFC 2045 6.7, 6.8): the same octets however the input is split.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/decode.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    enum decode_kind kind;
    const char *in;
    const char *expected;
} table[] = {
    {"nothing encoded", DECODE_NONE, "a=41 b\r\n", "a=41 b\r\n"},
    {"base64", DECODE_BASE64, "aGVsbG8=", "hello"},
    {"base64 over lines", DECODE_BASE64, "aGVs\r\nbG8=\r\n", "hello"},
    {"base64 without padding", DECODE_BASE64, "aGVsbG8", "hello"},
    {"base64 with junk inside", DECODE_BASE64, "a-G*V s!b.G8=", "hello"},
    {"base64 in chunks of their own", DECODE_BASE64, "aGU=bGxv", "hello"},
    {"base64 with one digit too many", DECODE_BASE64, "aGVsbG8=a", "hello"},
    {"base64 of nothing", DECODE_BASE64, "====", ""},
    {"quoted-printable", DECODE_QUOTED_PRINTABLE, "h=65llo=20w=C3=B6rld", "hello w\xc3\xb6rld"},
    {"lower case digits", DECODE_QUOTED_PRINTABLE, "=c3=b6", "\xc3\xb6"},
    {"soft line break", DECODE_QUOTED_PRINTABLE, "hel=\r\nlo", "hello"},
    {"soft line break with LF", DECODE_QUOTED_PRINTABLE, "hel=\nlo", "hello"},
    {"soft line break with white space before", DECODE_QUOTED_PRINTABLE, "hel= \t\r\nlo", "hello"},
    {"white space at a line's end", DECODE_QUOTED_PRINTABLE, "a \t \r\nb  \nc ", "a\r\nb\nc"},
    {"white space in a line", DECODE_QUOTED_PRINTABLE, "a \t b", "a \t b"},
    {"equals without digits", DECODE_QUOTED_PRINTABLE, "a=b c=zz=4x d= e", "a=b c=zz=4x d= e"},
    {"equals before another", DECODE_QUOTED_PRINTABLE, "==41", "=A"},
    {"equals at the end", DECODE_QUOTED_PRINTABLE, "a=", "a"},
    {"one digit at the end", DECODE_QUOTED_PRINTABLE, "a=4", "a=4"},
    {"equals before a bare carriage return", DECODE_QUOTED_PRINTABLE, "a=\rb", "ab"},
};

static void
decode_in_pieces(size_t i, size_t piece, struct buf *out)
{
    struct decode d;
    struct span in = span_of(table[i].in);

    decode_init(&d, table[i].kind);
    while (in.n > 0) {
        struct span now = {in.p, in.n < piece ? in.n : piece};
        ck_assert(decode_feed(&d, now, out));
        in = span_skip(in, now.n);
    }
    ck_assert(decode_finish(&d, out));
}

START_TEST(decodes_however_it_is_split)
{
    for (size_t piece = 1; piece < 40; piece++) {
        struct buf out;
        buf_init(&out, 256);
        decode_in_pieces((size_t)_i, piece, &out);
        ck_assert_msg(strcmp(buf_str(&out), table[_i].expected) == 0, "%s, pieces of %zu: %s",
                      table[_i].name, piece, buf_str(&out));
        buf_release(&out);
    }
}
END_TEST

START_TEST(white_space_longer_than_a_line_is_kept)
{
    struct decode d;
    struct buf out;
    char spaces[300];

    memset(spaces, ' ', sizeof spaces);
    buf_init(&out, 1000);
    decode_init(&d, DECODE_QUOTED_PRINTABLE);
    ck_assert(decode_feed(&d, (struct span){spaces, sizeof spaces}, &out));
    ck_assert(decode_feed(&d, SPAN("x"), &out));
    ck_assert_uint_eq(out.len, sizeof spaces + 1);
    buf_release(&out);
}
END_TEST

START_TEST(full_output_is_told)
{
    static const enum decode_kind kinds[] = {DECODE_NONE, DECODE_BASE64, DECODE_QUOTED_PRINTABLE};

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct decode d;
        struct buf out;
        buf_init(&out, 2);
        decode_init(&d, kinds[i]);
        ck_assert(!decode_feed(&d, SPAN("aGVsbG8="), &out));
        ck_assert_uint_le(out.len, 2);
        buf_release(&out);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    enum decode_kind kind;
} kinds_of[] = {
    {"base64", "base64", DECODE_BASE64},
    {"any case", "Quoted-PRINTABLE", DECODE_QUOTED_PRINTABLE},
    {"7bit", "7bit", DECODE_NONE},
    {"empty", "", DECODE_NONE},
    {"unknown", "x-uuencode", DECODE_NONE},
};

START_TEST(names)
{
    ck_assert_msg(decode_kind_of(span_of(kinds_of[_i].in)) == kinds_of[_i].kind, "%s",
                  kinds_of[_i].name);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("decode");
    TCase *cases = tcase_create("decode");

    tcase_add_loop_test(cases, decodes_however_it_is_split, 0, COUNT(table));
    tcase_add_test(cases, white_space_longer_than_a_line_is_kept);
    tcase_add_test(cases, full_output_is_told);
    tcase_add_loop_test(cases, names, 0, COUNT(kinds_of));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
