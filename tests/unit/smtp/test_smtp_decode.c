/* SPDX-License-Identifier: MIT
 *
 * The decoder against a second one that is written for the eye, octet by octet over the whole
 * message; against every separator that was ever used to smuggle a message; split in every way.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/smtp/decode_priv.h"
#include "doorstep/buf.h"
#include "dense.h"

static void
collect(void *arg, struct span octets)
{
    DENSE_CHECK(buf_append_span(arg, octets));
}

/* --- the second opinion --- */

static bool
at(struct span in, size_t i, const char *text)
{
    size_t n = strlen(text);

    return in.n - i >= n && memcmp(in.p + i, text, n) == 0;
}

/* Content of in; *used: octets up to and with the end of data, or 0 when it is not there. */
static void
reference(struct span in, enum bare_newline bare, struct buf *out, size_t *used, bool *saw_bare)
{
    bool line_start = true;

    *used = 0;
    *saw_bare = false;
    for (size_t i = 0; i < in.n;) {
        if (line_start && at(in, i, ".\r\n")) {
            *used = i + 3;
            return;
        }
        if (line_start && in.p[i] == '.') {
            i++;
            line_start = false;
            continue; /* the octet behind a stuffed dot begins no line */
        }
        line_start = at(in, i, "\r\n");
        if (line_start) {
            buf_append_str(out, "\r\n");
            i += 2;
        } else if (in.p[i] == '\r' || in.p[i] == '\n') {
            *saw_bare = true;
            if (bare == BARE_NORMALIZE)
                buf_append_str(out, "\r\n");
            else
                buf_append_char(out, in.p[i]);
            i++;
        } else {
            buf_append_char(out, in.p[i++]);
        }
    }
}

/* Feed in pieces: all of `split`, or of random size when it is 0. Returns octets used. */
static size_t
decode(struct smtp_decode *d, struct span in, size_t split, uint64_t *seed, struct buf *out)
{
    const struct decode_sink sink = {collect, out};
    size_t used = 0;

    while (used < in.n && d->state != DECODE_END) {
        size_t n = split > 0 ? split : 1 + random_below(seed, 9);

        if (n > in.n - used)
            n = in.n - used;
        used += smtp_decode_feed(d, (struct span){in.p + used, n}, &sink);
    }
    return used;
}

struct scratch { /* kept from one comparison to the next: there are a great many */
    struct buf got, expected;
};

static void
compare(struct scratch *s, struct span in, enum bare_newline bare, size_t split, uint64_t *seed)
{
    struct smtp_decode d;
    size_t used, expected_used;
    bool saw_bare;

    buf_reset(&s->got);
    buf_reset(&s->expected);
    reference(in, bare, &s->expected, &expected_used, &saw_bare);
    smtp_decode_init(&d, bare, true);
    used = decode(&d, in, split, seed, &s->got);
    DENSE_CHECK((d.state == DECODE_END) == (expected_used > 0));
    if (expected_used > 0) { /* only then has the reference seen all that it needs */
        DENSE_CHECK(used == expected_used);
        DENSE_CHECK(s->got.len == s->expected.len);
        DENSE_CHECK(s->got.len == 0 || memcmp(s->got.data, s->expected.data, s->got.len) == 0);
        if (bare != BARE_KEEP)
            DENSE_CHECK(d.saw_bare == saw_bare);
    }
}

/* --- smuggling --- */

static const struct span around[] = {
    {"\r\n", 2},     {"\n", 1},           {"\r", 1},     {"\r\r\n", 3}, {"\n\r", 2},
    {"\r\n\0", 3},   {"\0\r\n", 3},       {"\r\n ", 3},  {"\v", 1},     {"\f", 1},
    {"\xc2\x85", 2}, {"\xe2\x80\xa8", 3}, {"\r\n\r", 3}, {" \r\n", 3},  {"", 0},
};

#define AROUND (sizeof(around) / sizeof(around[0]))

static bool
contains(struct span in, const char *text)
{
    return memmem(in.p, in.n, text, strlen(text)) != NULL;
}

/* PRE "." POST inside a message: the message must reach to its true end. */
START_TEST(nothing_but_crlf_dot_crlf_ends_data)
{
    struct scratch scratch;
    unsigned forms = 0;

    buf_init(&scratch.got, 1000);
    buf_init(&scratch.expected, 1000);

    for (size_t i = 0; i < AROUND * AROUND; i++) {
        struct span pre = around[i / AROUND], post = around[i % AROUND];
        struct buf in;
        size_t length;

        buf_init(&in, 1000);
        buf_append_char(&in, 'a');
        buf_append_span(&in, pre);
        buf_append_char(&in, '.');
        buf_append_span(&in, post);
        if (contains(buf_span(&in), "\r\n.\r\n")) {
            buf_release(&in);
            continue;
        }
        forms++;
        buf_append_str(&in, "MAIL FROM:<evil>\r\n.\r\n");
        length = in.len;
        buf_append_str(&in, "QUIT\r\n");
        for (int bare = BARE_KEEP; bare <= BARE_NORMALIZE; bare++) {
            for (size_t split = 1; split <= in.len; split++) {
                struct smtp_decode d;

                buf_reset(&scratch.got);
                smtp_decode_init(&d, (enum bare_newline)bare, true);
                DENSE_CHECK(decode(&d, buf_span(&in), split, NULL, &scratch.got) == length);
                DENSE_CHECK(d.state == DECODE_END);
                compare(&scratch, buf_span(&in), (enum bare_newline)bare, split, NULL);
            }
        }
        buf_release(&in);
    }
    DENSE_CHECK(forms == 209);
    buf_release(&scratch.got);
    buf_release(&scratch.expected);
}
END_TEST

/* --- any split, any content --- */

/* Line ends and dots in every order, with a true end somewhere or at the end. */
static void
random_message(uint64_t *seed, struct buf *in)
{
    static const struct span parts[] = {{"\r", 1},    {"\n", 1},     {".", 1},   {"\r\n", 2},
                                        {"\r\n.", 3}, {"x", 1},      {"\0", 1},  {"\xff", 1},
                                        {"..", 2},    {"\r\n..", 4}, {"text", 4}};
    unsigned n = random_below(seed, 24);

    buf_reset(in);
    for (unsigned i = 0; i < n; i++)
        buf_append_span(in, parts[random_below(seed, sizeof(parts) / sizeof(parts[0]))]);
    buf_append_str(in, "\r\n.\r\n");
}

START_TEST(a_hundred_thousand_random_splits_decode_alike)
{
    uint64_t seed = 20020806;
    struct scratch scratch;
    struct buf in;

    buf_init(&in, 1000);
    buf_init(&scratch.got, 1000);
    buf_init(&scratch.expected, 1000);
    for (int i = 0; i < 100000; i++) {
        random_message(&seed, &in);
        compare(&scratch, buf_span(&in), (enum bare_newline)(i % 3), 0, &seed);
    }
    buf_release(&in);
    buf_release(&scratch.got);
    buf_release(&scratch.expected);
}
END_TEST

static const struct {
    const char *name, *in, *out;
    enum bare_newline bare;
} cases[] = {
    {"empty", ".\r\n", "", BARE_KEEP},
    {"one line", "a\r\n.\r\n", "a\r\n", BARE_KEEP},
    {"stuffed dots", "..\r\n...\r\n..a\r\n.\r\n", ".\r\n..\r\n.a\r\n", BARE_KEEP},
    {"a dot that was not stuffed", ".a\r\n.\r\n", "a\r\n", BARE_KEEP},
    {"dot, CR, no LF", ".\rb\r\n.\r\n", "\rb\r\n", BARE_KEEP},
    {"dot, CR, CRLF", ".\r\r\n.\r\n", "\r\r\n", BARE_KEEP},
    {"bare LF kept", "a\nb\n.\nc\r\n.\r\n", "a\nb\n.\nc\r\n", BARE_KEEP},
    {"bare LF made whole", "a\nb\r\n.\r\n", "a\r\nb\r\n", BARE_NORMALIZE},
    {"bare CR made whole", "a\rb\r\r\n.\r\n", "a\r\nb\r\n\r\n", BARE_NORMALIZE},
    {"a normalised line end starts no line of the protocol", "a\n.\r\nb\r\n.\r\n",
     "a\r\n.\r\nb\r\n", BARE_NORMALIZE},
};

START_TEST(decodes)
{
    for (size_t split = 1; split < 30; split++) {
        struct smtp_decode d;
        struct buf out;

        buf_init(&out, 1000);
        smtp_decode_init(&d, cases[_i].bare, true);
        decode(&d, span_of(cases[_i].in), split, NULL, &out);
        ck_assert_msg(strcmp(buf_str(&out), cases[_i].out) == 0, "%s", cases[_i].name);
        DENSE_CHECK(d.state == DECODE_END);
        buf_release(&out);
    }
}
END_TEST

START_TEST(chunks_have_no_dots_and_may_end_anywhere)
{
    static const struct {
        const char *out;
        enum bare_newline bare;
    } rows[] = {{".\r\n.\r\n.a\n\r", BARE_KEEP}, {".\r\n.\r\n.a\r\n\r\n", BARE_NORMALIZE}};

    for (int i = 0; i < 2; i++) {
        for (size_t split = 1; split < 12; split++) {
            struct smtp_decode d;
            struct buf out;
            const struct decode_sink sink = {collect, &out};

            buf_init(&out, 1000);
            smtp_decode_init(&d, rows[i].bare, false);
            decode(&d, SPAN(".\r\n.\r\n.a\n\r"), split, NULL, &out);
            DENSE_CHECK(d.state != DECODE_END);
            smtp_decode_finish(&d, &sink);
            ck_assert_str_eq(buf_str(&out), rows[i].out);
            buf_release(&out);
        }
    }
}
END_TEST

static void
count_pieces(void *arg, struct span octets)
{
    (void)octets;
    (*(unsigned *)arg)++;
}

START_TEST(plain_text_goes_through_in_one_piece)
{
    unsigned pieces = 0;
    const struct decode_sink sink = {count_pieces, &pieces};
    struct smtp_decode d;
    struct buf in;

    buf_init(&in, 1 << 20);
    for (int i = 0; i < 150; i++)
        buf_append_str(&in,
                       "seventy octets of text, as a line of a message has, are quite enough.\r\n");
    buf_append_str(&in, ".\r\n");
    smtp_decode_init(&d, BARE_KEEP, true);
    DENSE_CHECK(smtp_decode_feed(&d, buf_span(&in), &sink) == in.len);
    DENSE_CHECK(d.state == DECODE_END);
    DENSE_CHECK(pieces == 1);
    buf_release(&in);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("decode");
    TCase *all = tcase_create("decode");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, all);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, decodes, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(all, nothing_but_crlf_dot_crlf_ends_data);
    tcase_add_test(all, a_hundred_thousand_random_splits_decode_alike);
    tcase_add_test(all, chunks_have_no_dots_and_may_end_anywhere);
    tcase_add_test(all, plain_text_goes_through_in_one_piece);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
