/* SPDX-License-Identifier: MIT
 *
 * What a message becomes on the wire: every form of line ends, dots and NULs that has been used to
 * put a second message into a first one (VU#302671), for servers that take all of it for line ends.
 */
#include <check.h>
#include <stdlib.h>

#include "content_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct text {
    struct span octets;
    size_t read_max; /* octets a read */
};

static ssize_t
read_text(void *arg, uint64_t at, void *out, size_t n)
{
    const struct text *t = arg;

    if (at >= t->octets.n)
        return 0;
    if (n > t->octets.n - at)
        n = t->octets.n - (size_t)at;
    if (n > t->read_max)
        n = t->read_max;
    memcpy(out, t->octets.p + at, n);
    return (ssize_t)n;
}

/* The octets that go out, without the end of data. */
static void
print(struct span message, size_t read_max, enum content_form form, struct buf *out)
{
    struct text text = {message, read_max};
    struct relay_job job = {.octets = message.n};
    struct source source = {&job, read_text, &text};
    struct content content;
    struct buf piece;

    buf_init(out, 1 << 20);
    buf_init(&piece, CONTENT_PIECE_MAX);
    content_init(&content, &source, NULL, form);
    while (!content.is_over) {
        buf_reset(&piece);
        ck_assert(content_next(&content, &piece));
        ck_assert(buf_append_span(out, buf_span(&piece)));
    }
    buf_release(&piece);
}

static void
check(struct span message, enum content_form form, struct span expected)
{
    static const size_t reads[] = {1, 2, 3, 65536};

    for (size_t i = 0; i < COUNT(reads); i++) {
        struct buf out;
        print(message, reads[i], form, &out);
        ck_assert_msg(span_equal(buf_span(&out), expected), "%s", buf_str(&out));
        buf_release(&out);
    }
}

static const struct {
    struct span message, by_data, by_bdat;
} contents[] = {
    {SPAN(""), SPAN(""), SPAN("")},
    {SPAN("a"), SPAN("a\r\n"), SPAN("a\r\n")},
    {SPAN("."), SPAN("..\r\n"), SPAN(".\r\n")},
    {SPAN("a\nb\n"), SPAN("a\r\nb\r\n"), SPAN("a\r\nb\r\n")},
    {SPAN("a\rb"), SPAN("a b\r\n"), SPAN("a b\r\n")},
    {SPAN("a\r"), SPAN("a \r\n"), SPAN("a \r\n")},
    {SPAN("\r"), SPAN(" \r\n"), SPAN(" \r\n")},
    {SPAN("a\r\r\nb"), SPAN("a \r\nb\r\n"), SPAN("a \r\nb\r\n")},
    {SPAN("a\n\r.\r\n"), SPAN("a\r\n .\r\n"), SPAN("a\r\n .\r\n")},
    {SPAN("a\0b\0"), SPAN("a b \r\n"), SPAN("a b \r\n")},
    {SPAN("\r\n\0.\r\n"), SPAN("\r\n .\r\n"), SPAN("\r\n .\r\n")},
    {SPAN("\r\n.\r\n.\r\n"), SPAN("\r\n..\r\n..\r\n"), SPAN("\r\n.\r\n.\r\n")},
};

START_TEST(line_ends_are_put_right)
{
    check(contents[_i].message, CONTENT_DATA, contents[_i].by_data);
    check(contents[_i].message, CONTENT_LINES, contents[_i].by_bdat);
    check(contents[_i].message, CONTENT_RAW, contents[_i].message);
}
END_TEST

/* ------------------------------------------------------------------ smuggling */

static const struct span around_dots[] = {
    SPAN("\r\n"),     SPAN("\n"),           SPAN("\r"),     SPAN("\r\r\n"), SPAN("\n\r"),
    SPAN("\r\n\0"),   SPAN("\0\r\n"),       SPAN("\r\n "),  SPAN("\v"),     SPAN("\f"),
    SPAN("\xc2\x85"), SPAN("\xe2\x80\xa8"), SPAN("\r\n\r"), SPAN(" \r\n"),  SPAN("\0"),
    SPAN("\n\0"),     SPAN("\0\n"),         SPAN(""),
};

/* A server that forgets NULs and takes CR, LF and CRLF for line ends: does it see a line that is a
 * dot? */
static bool
has_end_of_data(struct span wire)
{
    size_t length = 0;
    bool is_dot = false;

    for (size_t i = 0; i < wire.n; i++) {
        char c = wire.p[i];
        if (c == '\0')
            continue;
        if (c == '\r' || c == '\n') {
            if (length == 1 && is_dot)
                return true;
            length = 0;
            continue;
        }
        is_dot = c == '.';
        length++;
    }
    return length == 1 && is_dot;
}

START_TEST(such_a_server_would_see_one)
{
    ck_assert(has_end_of_data(SPAN("first\r\n.\r\nMAIL")));
    ck_assert(has_end_of_data(SPAN("first\n.\rMAIL")));
    ck_assert(has_end_of_data(SPAN("first\r\n\0.\r\0\nMAIL")));
    ck_assert(!has_end_of_data(SPAN("first\r\n..\r\nMAIL.\r\n")));
}
END_TEST

static void
check_smuggling(struct span before, struct span after)
{
    static const size_t reads[] = {1, 2, 3, 5, 8, 21, 34};
    struct buf message, out;

    buf_init(&message, 1024);
    buf_append_str(&message, "Subject: a\r\n\r\nfirst");
    buf_append_span(&message, before);
    buf_append_char(&message, '.');
    buf_append_span(&message, after);
    buf_append_str(&message, "MAIL FROM:<evil@example.org>\r\nDATA\r\n");
    for (size_t i = 0; i < COUNT(reads); i++) {
        print(buf_span(&message), reads[i], CONTENT_DATA, &out);
        ck_assert(!has_end_of_data(buf_span(&out)));
        ck_assert(span_find(buf_span(&out), '\0') == out.len);
        ck_assert(memcmp(out.data + out.len - 2, "\r\n", 2) == 0);
        buf_release(&out);
    }
    buf_release(&message);
}

START_TEST(no_server_sees_an_end_of_data_inside)
{
    for (size_t i = 0; i < COUNT(around_dots); i++)
        check_smuggling(around_dots[_i], around_dots[i]);
}
END_TEST

/* A dot at each place around the ends of reads and pieces. */
START_TEST(dots_at_the_ends_of_pieces)
{
    struct buf message, out;

    buf_init(&message, 1 << 20);
    for (size_t n = CONTENT_READ - 4; n < CONTENT_READ + 4; n++) {
        buf_reset(&message);
        while (message.len < n)
            buf_append_char(&message, 'x');
        buf_append_str(&message, "\r\n.\r\n\n.\n");
        print(buf_span(&message), SIZE_MAX, CONTENT_DATA, &out);
        ck_assert_uint_eq(out.len, n + 12);
        ck_assert_str_eq(out.data + n, "\r\n..\r\n\r\n..\r\n");
        buf_release(&out);
    }
    buf_release(&message);
}
END_TEST

START_TEST(a_piece_is_never_larger_than_it_may_be)
{
    static const char *const worst[] = {"\n", ".\n", "\r", "\r\n.", "\n."};
    struct buf message, out;

    buf_init(&message, 1 << 20);
    for (size_t i = 0; i < COUNT(worst); i++) {
        buf_reset(&message);
        while (message.len < 3 * CONTENT_READ)
            buf_append_str(&message, worst[i]);
        print(buf_span(&message), SIZE_MAX, CONTENT_DATA, &out);
        buf_release(&out);
    }
    buf_release(&message);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay_client_content");
    TCase *tc = tcase_create("content");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tc, line_ends_are_put_right, 0, COUNT(contents));
    tcase_add_loop_test(tc, no_server_sees_an_end_of_data_inside, 0, COUNT(around_dots));
    tcase_add_test(tc, such_a_server_would_see_one);
    tcase_add_test(tc, dots_at_the_ends_of_pieces);
    tcase_add_test(tc, a_piece_is_never_larger_than_it_may_be);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
