/* SPDX-License-Identifier: MIT
 *
 * Unit tables for base: spans, buffers, arenas, packing, identifiers, log lines.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/pack.h"
#include "doorstep/span.h"

static const struct {
    const char *name;
    const char *text;
    unsigned long long max;
    bool ok;
    unsigned long long value;
} numbers[] = {
    {"zero", "0", 10, true, 0},
    {"the maximum itself", "10", 10, true, 10},
    {"one more than the maximum", "11", 10, false, 0},
    {"largest of all", "18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"one more than 64 bits hold", "18446744073709551616", UINT64_MAX, false, 0},
    {"many digits", "99999999999999999999999", UINT64_MAX, false, 0},
    {"a sign", "+5", 10, false, 0},
    {"a minus", "-1", 10, false, 0},
    {"empty", "", 10, false, 0},
    {"a space", " 5", 10, false, 0},
    {"letters behind", "5x", 10, false, 0},
    {"leading zeros", "0005", 10, true, 5},
    {"a digit above a small maximum", "7", 5, false, 0},
};

START_TEST(number)
{
    unsigned long long v = 0;
    bool ok = span_parse_u64(span_of(numbers[_i].text), numbers[_i].max, &v);

    ck_assert_msg(ok == numbers[_i].ok && v == numbers[_i].value, "%s", numbers[_i].name);
}
END_TEST

START_TEST(spans_compare)
{
    ck_assert(span_equal(SPAN("a"), span_of("a")));
    ck_assert(!span_equal(SPAN("a"), SPAN("A")));
    ck_assert(span_equal_fold(SPAN("RcPt"), SPAN("rCpT")));
    ck_assert(!span_equal_fold(SPAN("["), SPAN("{")));
    ck_assert(span_equal(SPAN_NONE, SPAN("")));
    ck_assert_uint_eq(span_find(SPAN("abc"), 'z'), 3);
    ck_assert(span_equal(span_trim(SPAN(" \t a b\r\n")), SPAN("a b")));
    ck_assert_uint_eq(span_skip(SPAN("ab"), 5).n, 0);
}
END_TEST

START_TEST(buffer_keeps_its_maximum)
{
    struct buf b;

    buf_init(&b, 5);
    ck_assert(buf_append_str(&b, "abcde"));
    ck_assert(!buf_append_char(&b, 'f'));
    ck_assert(!buf_printf(&b, "%d", 1));
    ck_assert(!buf_reserve(&b, SIZE_MAX));
    ck_assert_str_eq(buf_str(&b), "abcde");
    buf_consume(&b, 3);
    ck_assert_str_eq(buf_str(&b), "de");
    ck_assert(buf_printf(&b, "%03d", 7));
    ck_assert_str_eq(buf_str(&b), "de007");
    buf_consume(&b, 99);
    ck_assert_uint_eq(b.len, 0);
    buf_release(&b);
    ck_assert_str_eq(buf_str(&b), "");
}
END_TEST

START_TEST(arena_is_bounded_and_zeroed)
{
    struct arena a;

    arena_init(&a, 10000);
    char *p = arena_alloc(&a, 9000);
    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < 9000; i++)
        ck_assert_int_eq(p[i], 0);
    ck_assert_ptr_null(arena_alloc(&a, 1001));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_str_eq(arena_copy(&a, SPAN("kept")), "kept");
    arena_release(&a);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1001));
    arena_release(&a);
}
END_TEST

static void
pack_sample(struct buf *b)
{
    struct pack p;

    pack_init(&p, b);
    pack_u8(&p, 1);
    pack_u16(&p, 0xfffe);
    pack_u32(&p, 0x12345678);
    pack_u64(&p, UINT64_MAX - 1);
    pack_str(&p, "text");
    pack_str(&p, NULL);
    pack_span(&p, SPAN("a\0b"));
    ck_assert(!p.full);
}

START_TEST(packed_comes_back)
{
    struct buf b;
    struct unpack u;
    char text[5];

    buf_init(&b, 1000);
    pack_sample(&b);
    unpack_init(&u, buf_span(&b));
    ck_assert_uint_eq(unpack_u8(&u), 1);
    ck_assert_uint_eq(unpack_u16(&u), 0xfffe);
    ck_assert_uint_eq(unpack_u32(&u), 0x12345678);
    ck_assert_uint_eq(unpack_u64(&u), UINT64_MAX - 1);
    unpack_str(&u, text, sizeof text);
    ck_assert_str_eq(text, "text");
    ck_assert_uint_eq(unpack_span(&u, 10).n, 0);
    ck_assert(span_equal(unpack_span(&u, 3), SPAN("a\0b")));
    ck_assert(unpack_done(&u));
    buf_release(&b);
}
END_TEST

/* Every prefix of something packed is broken, and stays broken. */
START_TEST(cut_short_is_broken)
{
    struct buf b;

    buf_init(&b, 1000);
    pack_sample(&b);
    for (size_t n = 0; n < b.len; n++) {
        struct unpack u;
        char text[5];
        unpack_init(&u, (struct span){b.data, n});
        unpack_u8(&u);
        unpack_u16(&u);
        unpack_u32(&u);
        unpack_u64(&u);
        unpack_str(&u, text, sizeof text);
        unpack_span(&u, 10);
        unpack_span(&u, 3);
        ck_assert_msg(!unpack_done(&u), "cut at %zu", n);
        ck_assert_uint_eq(unpack_u64(&u), 0);
    }
    buf_release(&b);
}
END_TEST

START_TEST(strings_with_nul_or_too_long_are_broken)
{
    struct unpack u;
    char text[4];

    unpack_init(&u, SPAN("\3\0\0\0a\0b"));
    unpack_str(&u, text, sizeof text);
    ck_assert(u.broken);
    ck_assert_str_eq(text, "");
    unpack_init(&u, SPAN("\4\0\0\0abcd"));
    unpack_str(&u, text, sizeof text);
    ck_assert(u.broken);
    unpack_init(&u, SPAN("\377\377\377\377abcd"));
    ck_assert_uint_eq(unpack_span(&u, SIZE_MAX).n, 0);
    ck_assert(u.broken);
}
END_TEST

START_TEST(pack_says_when_full)
{
    struct buf b;
    struct pack p;

    buf_init(&b, 6);
    pack_init(&p, &b);
    pack_u32(&p, 1);
    ck_assert(!p.full);
    pack_u32(&p, 1);
    ck_assert(p.full);
    buf_release(&b);
}
END_TEST

START_TEST(identifiers_sort_and_differ)
{
    char last[ID_SIZE] = "", id[ID_SIZE];
    int same_ms = 0;

    for (int i = 0; i < 10000; i++) {
        id_make(id);
        ck_assert_uint_eq(strlen(id), ID_SIZE - 1);
        ck_assert_str_ne(id, last);
        ck_assert_int_ge(strncmp(id, last, 10), 0);
        same_ms += strncmp(id, last, 10) == 0;
        memcpy(last, id, sizeof last);
    }
    ck_assert_int_gt(same_ms, 0); /* the random part was needed */
}
END_TEST

static void
capture(const char *value, char *out, size_t size)
{
    char path[] = "/tmp/doorstep-log-XXXXXX";
    int fd = mkstemp(path), keep = dup(STDERR_FILENO);

    unlink(path);
    dup2(fd, STDERR_FILENO);
    log_event(LOG_LEVEL_INFO, "event", "key", value, NULL);
    log_event(LOG_LEVEL_DEBUG, "dropped", NULL);
    dup2(keep, STDERR_FILENO);
    close(keep);
    ssize_t n = pread(fd, out, size - 1, 0);
    out[n < 0 ? 0 : n] = '\0';
    close(fd);
}

static const struct {
    const char *name;
    const char *value;
    const char *shown;
} logged[] = {
    {"a plain word stands as it is", "ann@example.org", " key=ann@example.org\n"},
    {"spaces are quoted", "a b", " key=\"a b\"\n"},
    {"empty is visible", "", " key=\"\"\n"},
    {"nothing is a dash", NULL, " key=-\n"},
    {"line breaks cannot end a line", "a\r\nb", " key=\"a\\x0d\\x0ab\"\n"},
    {"escapes cannot reach a terminal", "\033[2J", " key=\"\\x1b[2J\"\n"},
    {"quotes and backslashes are escaped", "\"\\", " key=\"\\\"\\\\\"\n"},
    {"bidirectional marks are escaped", "\xe2\x80\xae", " key=\"\\xe2\\x80\\xae\"\n"},
    {"an equals sign is quoted", "a=b", " key=\"a=b\"\n"},
};

START_TEST(log_line)
{
    char line[2 * LOG_LINE_MAX];

    capture(logged[_i].value, line, sizeof line);
    size_t n = strlen(line), want = strlen(logged[_i].shown);
    ck_assert_msg(n > want && strcmp(line + n - want, logged[_i].shown) == 0, "%s: %s",
                  logged[_i].name, line);
    ck_assert_ptr_null(strstr(line, "dropped"));
}
END_TEST

static const struct {
    const char *name;
    const char *value;
    const char *shown;
} as_json[] = {
    {"plain text", "abc", "\"abc\""},
    {"digits that are a text", "12345", "\"12345\""},
    {"empty", "", "\"\""},
    {"quotes and backslashes", "a\"b\\", "\"a\\\"b\\\\\""},
    {"line ends", "a\r\nb", "\"a\\u000d\\u000ab\""},
    {"an escape of a terminal", "\033[31m", "\"\\u001b[31m\""},
    {"a turn of direction", "\xe2\x80\xae", "\"\\u202e\""},
    {"a letter of two octets", "\xc3\xa4", "\"\\u00e4\""},
    {"a character of two units", "\xf0\x9f\x93\xa7", "\"\\ud83d\\udce7\""},
    {"a lone octet", "a\xff!", "\"a\\ufffd!\""},
    {"an overlong slash", "\xc0\xaf", "\"\\ufffd\\ufffd\""},
    {"an overlong letter of three", "\xe0\x81\x81", "\"\\ufffd\""},
    {"half a pair", "\xed\xa0\x80", "\"\\ufffd\""},
    {"a character cut off", "a\xe2\x80", "\"a\\ufffd\\ufffd\""},
    {"delete and next line", "\x7f\xc2\x85", "\"\\u007f\\u0085\""},
};

START_TEST(log_line_is_json)
{
    char line[LOG_LINE_MAX + 100], want[256];

    log_set_json(true);
    capture(as_json[_i].value, line, sizeof line);
    log_set_json(false);
    snprintf(want, sizeof want, "\"level\":\"info\",\"event\":\"event\",\"key\":%s}\n",
             as_json[_i].shown);
    ck_assert_msg(strstr(line, want) != NULL, "%s: %s", as_json[_i].name, line);
    ck_assert_int_eq(line[0], '{');
}
END_TEST

START_TEST(log_line_as_json_has_numbers_and_an_end)
{
    char line[LOG_LINE_MAX + 100], value[LOG_LINE_MAX * 2];

    log_set_json(true);
    capture(log_num(-42), line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, "\"key\":-42}\n"));
    capture(NULL, line, sizeof line);
    ck_assert_ptr_null(strstr(line, "key"));
    for (size_t n = LOG_LINE_MAX - 200; n < LOG_LINE_MAX + 10; n++) {
        memset(value, n % 2 == 0 ? 'x' : 1, n);
        value[n] = '\0';
        capture(value, line, sizeof line);
        ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
        ck_assert_str_eq(line + strlen(line) - 3, "\"}\n");
    }
    log_set_json(false);
}
END_TEST

START_TEST(log_line_is_bounded)
{
    char value[3 * LOG_LINE_MAX], line[4 * LOG_LINE_MAX];

    memset(value, '\n', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    capture(value, line, sizeof line);
    ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
    ck_assert_ptr_nonnull(strstr(line, "...\"\n"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");

    tcase_add_loop_test(t, number, 0, sizeof numbers / sizeof numbers[0]);
    tcase_add_test(t, spans_compare);
    tcase_add_test(t, buffer_keeps_its_maximum);
    tcase_add_test(t, arena_is_bounded_and_zeroed);
    tcase_add_test(t, packed_comes_back);
    tcase_add_test(t, cut_short_is_broken);
    tcase_add_test(t, strings_with_nul_or_too_long_are_broken);
    tcase_add_test(t, pack_says_when_full);
    tcase_add_test(t, identifiers_sort_and_differ);
    tcase_add_loop_test(t, log_line, 0, sizeof logged / sizeof logged[0]);
    tcase_add_test(t, log_line_is_bounded);
    tcase_add_loop_test(t, log_line_is_json, 0, sizeof as_json / sizeof as_json[0]);
    tcase_add_test(t, log_line_as_json_has_numbers_and_an_end);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
