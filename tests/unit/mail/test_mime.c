/* SPDX-License-Identifier: MIT
 *
 * The MIME scanner (RFC 2045, 2046): structure and offsets, the same however the input is split and
 * for CRLF and LF; limits; and time that grows with the input alone, counted in steps.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/mime.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIG (64 * 1024 * 1024)

struct recorder { /* what the events said: a line an event */
    struct mime *mime;
    struct buf log;
    bool is_quiet;
    uint32_t ends;
};

static bool
on_header(void *arg, uint32_t part, const struct mime_header *h)
{
    struct recorder *r = arg;
    uint32_t count;
    const struct mime_part *row = &mime_parts(r->mime, &count)[part];

    if (!r->is_quiet)
        ck_assert(buf_printf(&r->log, "%u in %d: %.*s/%.*s %d\n", part, (int)row->parent,
                             (int)h->type.n, h->type.p, (int)h->subtype.n, h->subtype.p,
                             (int)row->kind));
    return !r->is_quiet && row->kind == MIME_LEAF;
}

static bool
on_body(void *arg, uint32_t part, struct span octets)
{
    struct recorder *r = arg;
    (void)part;

    bool fits = true;
    for (size_t i = 0; i < octets.n; i++) /* line ends are left out: they differ by design */
        if (octets.p[i] != '\r' && octets.p[i] != '\n')
            fits = buf_append_char(&r->log, octets.p[i]) && fits;
    ck_assert(fits);
    return true;
}

static void
on_end(void *arg, uint32_t part)
{
    struct recorder *r = arg;
    uint32_t count;
    const struct mime_part *row = &mime_parts(r->mime, &count)[part];

    r->ends++;
    if (!r->is_quiet)
        ck_assert(
            buf_printf(&r->log, "\n%u: header %llu body %llu+%llu lines %llu after %llu\n", part,
                       (unsigned long long)row->header_start, (unsigned long long)row->body_start,
                       (unsigned long long)row->body_octets, (unsigned long long)row->body_lines,
                       (unsigned long long)row->lines_before));
}

static const struct mime_events events = {
    .on_header = on_header,
    .on_body = on_body,
    .on_end = on_end,
};

static void
start(struct recorder *r, bool is_quiet)
{
    *r = (struct recorder){.is_quiet = is_quiet};
    buf_init(&r->log, BIG);
    r->mime = mime_new(&events, r);
    ck_assert_ptr_nonnull(r->mime);
}

static void
stop(struct recorder *r)
{
    mime_free(r->mime);
    buf_release(&r->log);
}

static const struct {
    const char *name;
    const char *in;        /* with LF */
    const char *structure; /* "(" and ")" around the children of a multipart, "<" and ">" around a
                            * message; per leaf body_start+octets/lines as CRLF */
} table[] = {
    {"empty", "", "0+0/0"},
    {"only an empty line", "\n", "2+0/0"},
    {"header only", "A: b\n", "6+0/0"},
    {"header without its line end", "A: b", "4+0/0"},
    {"body", "A: b\n\nbody\n", "8+6/1"},
    {"body without its line end", "A: b\n\nbody", "8+4/0"},
    {"one part", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x--\n", "(52+2/0)"},
    {"two parts", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x\n\nyou\n\n--x--\n",
     "(52+2/0 63+5/1)"},
    {"preamble and epilogue",
     "Content-Type: multipart/mixed; boundary=x\n\npre\n--x\n\nhi\n--x--\nepi\n--x\n", "(57+2/0)"},
    {"no part", "Content-Type: multipart/mixed; boundary=x\n\nhi\n", "()"},
    {"part without a header", "Content-Type: multipart/mixed; boundary=x\n\n--x\n--x--\n",
     "(50+0/0)"},
    {"part without a body", "Content-Type: multipart/mixed; boundary=x\n\n--x\nA: b\n--x--\n",
     "(54+0/0)"},
    {"part without an end", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n", "(52+4/1)"},
    {"boundary at the very end", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x",
     "(52+2/0 59+0/0)"},
    {"boundary with more behind it",
     "Content-Type: multipart/mixed; boundary=x\n\n--xyz\n\nhi\n--x--z\n", "(54+2/0)"},
    {"not quite boundaries",
     "Content-Type: multipart/mixed; boundary=xyz\n\n--xyz\n\n-\n--\n--x\n--xy\n -- xyz\n--xyz--\n",
     "(56+25/4)"},
    {"inner boundary begins with the outer one",
     "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; "
     "boundary=xx\n\n"
     "--xx\n\na\n--xx--\n--x\n\nb\n--x--\n",
     "((104+1/0) 122+1/0)"},
    {"inner part ended by the outer boundary",
     "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; "
     "boundary=y\n\n"
     "--y\n\na\n--x--\n",
     "((102+1/0))"},
    {"the same boundary twice",
     "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; "
     "boundary=x\n\n"
     "--x\n\na\n--x--\n--x\n\nb\n--x--\n",
     "((102+1/0) 119+1/0)"},
    {"a message",
     "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\nA: "
     "b\n\nhi\n--x--\n",
     "(<90+2/0>)"},
    {"a message that a boundary cuts in its header",
     "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\nA: "
     "b\n--x--\n",
     "(<86+0/0>)"},
    {"a message that is cut in the header around it",
     "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n--x--\n",
     "(<78+0/0>)"},
    {"a message in a digest",
     "Content-Type: multipart/digest; boundary=x\n\n--x\n\nA: b\n\nhi\n--x--\n", "(<61+2/0>)"},
    {"a digest's part that says what it is",
     "Content-Type: multipart/digest; boundary=x\n\n--x\nContent-Type: text/plain\n\nhi\n--x--\n",
     "(79+2/0)"},
    {"no boundary parameter", "Content-Type: multipart/mixed\n\nhi\n", "33+4/1"},
    {"an empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\nhi\n", "46+8/2"},
    {"white space in a boundary",
     "Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b\n\nhi\n--a b--\n", "(58+2/0)"},
};

/* The structure as the table has it, from the rows alone. */
static void
print_rows(struct recorder *r, struct buf *out)
{
    uint32_t count;
    const struct mime_part *rows = mime_parts(r->mime, &count);
    uint32_t open = MIME_NO_PART;
    static const char begin[] = " (<", end[] = " )>";

    for (uint32_t i = 0; i < count; i++) {
        while (open != rows[i].parent) {
            if (rows[open].kind != MIME_LEAF)
                ck_assert(buf_append_char(out, end[rows[open].kind]));
            open = rows[open].parent;
        }
        if (rows[i].number > 1)
            ck_assert(buf_append_char(out, ' '));
        if (rows[i].kind != MIME_LEAF)
            ck_assert(buf_append_char(out, begin[rows[i].kind]));
        else
            ck_assert(buf_printf(out, "%llu+%llu/%llu", (unsigned long long)rows[i].body_start,
                                 (unsigned long long)rows[i].body_octets,
                                 (unsigned long long)rows[i].body_lines));
        open = i;
    }
    for (; open != MIME_NO_PART; open = rows[open].parent)
        if (rows[open].kind != MIME_LEAF)
            ck_assert(buf_append_char(out, end[rows[open].kind]));
}

START_TEST(structure)
{
    struct recorder r;
    struct buf out;
    uint32_t count;

    start(&r, false);
    buf_init(&out, 1024);
    mime_feed(r.mime, span_of(table[_i].in));
    mime_finish(r.mime);
    print_rows(&r, &out);
    ck_assert_msg(strcmp(buf_str(&out), table[_i].structure) == 0, "%s: %s", table[_i].name,
                  buf_str(&out));
    mime_parts(r.mime, &count);
    ck_assert_uint_eq(r.ends, count);
    ck_assert(!mime_is_truncated(r.mime));
    buf_release(&out);
    stop(&r);
}
END_TEST

/* in with every LF as CRLF. */
static void
to_crlf(const char *in, struct buf *out)
{
    for (; *in != '\0'; in++) {
        if (*in == '\n')
            ck_assert(buf_append_char(out, '\r'));
        ck_assert(buf_append_char(out, *in));
    }
}

static void
feed_in_pieces(struct recorder *r, struct span in, size_t piece)
{
    while (in.n > 0) {
        size_t n = in.n < piece ? in.n : piece;
        char *copy = malloc(n); /* so that the sanitizer sees a read beyond the piece */
        memcpy(copy, in.p, n);
        mime_feed(r->mime, (struct span){copy, n});
        free(copy);
        in = span_skip(in, n);
    }
    mime_finish(r->mime);
}

START_TEST(same_events_for_crlf_and_lf_however_split)
{
    struct recorder whole;
    struct buf crlf;

    buf_init(&crlf, 4096);
    to_crlf(table[_i].in, &crlf);
    start(&whole, false);
    mime_feed(whole.mime, buf_span(&crlf));
    mime_finish(whole.mime);
    for (size_t piece = 1; piece < 60; piece++) {
        for (int with_lf = 0; with_lf < 2; with_lf++) {
            struct recorder r;
            start(&r, false);
            feed_in_pieces(&r, with_lf ? span_of(table[_i].in) : buf_span(&crlf), piece);
            ck_assert_msg(strcmp(buf_str(&r.log), buf_str(&whole.log)) == 0,
                          "%s: pieces of %zu, %s:\n%s\nwhole:\n%s", table[_i].name, piece,
                          with_lf ? "LF" : "CRLF", buf_str(&r.log), buf_str(&whole.log));
            ck_assert_uint_eq(mime_octets(r.mime), crlf.len);
            ck_assert_uint_eq(mime_lines(r.mime), mime_lines(whole.mime));
            stop(&r);
        }
    }
    stop(&whole);
    buf_release(&crlf);
}
END_TEST

START_TEST(a_scanner_can_be_used_again)
{
    struct recorder r;

    start(&r, false);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf out;
        buf_init(&out, 1024);
        mime_feed(r.mime, span_of(table[i].in));
        mime_finish(r.mime);
        print_rows(&r, &out);
        ck_assert_msg(strcmp(buf_str(&out), table[i].structure) == 0, "%s: %s", table[i].name,
                      buf_str(&out));
        buf_release(&out);
        mime_reset(r.mime);
    }
    stop(&r);
}
END_TEST

START_TEST(counting_of_lines)
{
    static const struct {
        const char *in;
        uint64_t octets, lines;
    } counts[] = {
        {"", 0, 0},     {"a", 1, 1},          {"a\n", 3, 1},    {"a\r\n", 3, 1},
        {"a\nb", 4, 2}, {"\n\n", 4, 2},       {"a\rb\n", 5, 1}, {"a\r\r\nb\n", 7, 2},
        {"\r", 1, 1},   {"a\n\rb\r\n", 7, 2},
    };

    for (size_t i = 0; i < COUNT(counts); i++) {
        struct recorder r;
        start(&r, true);
        mime_feed(r.mime, span_of(counts[i].in));
        mime_finish(r.mime);
        ck_assert_msg(mime_octets(r.mime) == counts[i].octets, "%zu", i);
        ck_assert_msg(mime_lines(r.mime) == counts[i].lines, "%zu", i);
        stop(&r);
    }
}
END_TEST

/* Limits. */

/* One assertion behind the loop: each costs as much as thousands of appends. */
static void
append_times(struct buf *out, size_t times, const char *piece)
{
    bool fits = true;

    for (size_t i = 0; i < times; i++)
        fits = buf_append_str(out, piece) && fits;
    ck_assert(fits);
}

static void
append_up_to(struct buf *out, size_t octets, const char *piece)
{
    append_times(out, (octets - out->len + strlen(piece) - 1) / strlen(piece), piece);
}

static uint32_t
scan(struct recorder *r, const struct buf *in, bool *is_truncated)
{
    uint32_t count;

    start(r, true);
    mime_feed(r->mime, buf_span(in));
    mime_finish(r->mime);
    mime_parts(r->mime, &count);
    ck_assert_uint_eq(r->ends, count);
    *is_truncated = mime_is_truncated(r->mime);
    return count;
}

static void
nested_multiparts(struct buf *out, unsigned depth)
{
    bool fits = true;

    for (unsigned i = 0; i < depth; i++)
        fits =
            buf_printf(out, "Content-Type: multipart/mixed; boundary=b%05u\n\n--b%05u\n", i, i) &&
            fits;
    ck_assert(fits);
}

START_TEST(depth_limit)
{
    static const char *const kinds[] = {"multipart", "message"};
    static const unsigned depths[] = {MIME_DEPTH_MAX - 1, MIME_DEPTH_MAX + 1, 20000};

    for (size_t k = 0; k < COUNT(kinds); k++) {
        for (size_t d = 0; d < COUNT(depths); d++) {
            struct recorder r;
            struct buf in;
            bool is_truncated;
            buf_init(&in, BIG);
            if (k == 0)
                nested_multiparts(&in, depths[d]);
            else
                append_times(&in, depths[d], "Content-Type: message/rfc822\n\n");
            uint32_t count = scan(&r, &in, &is_truncated);
            ck_assert_msg(count <= MIME_DEPTH_MAX + 1, "%s %u: %u parts", kinds[k], depths[d],
                          count);
            ck_assert_msg(is_truncated == (d > 0), "%s %u", kinds[k], depths[d]);
            stop(&r);
            buf_release(&in);
        }
    }
}
END_TEST

START_TEST(parts_limit)
{
    static const unsigned parts[] = {MIME_PARTS_MAX - 1, MIME_PARTS_MAX, 100000};

    for (size_t i = 0; i < COUNT(parts); i++) {
        struct recorder r;
        struct buf in;
        bool is_truncated;
        buf_init(&in, BIG);
        ck_assert(buf_append_str(&in, "Content-Type: multipart/mixed; boundary=x\n\n"));
        append_times(&in, parts[i], "--x\n\nhi\n");
        uint32_t count = scan(&r, &in, &is_truncated);
        ck_assert_uint_eq(count, i == 0 ? parts[i] + 1 : MIME_PARTS_MAX);
        ck_assert(is_truncated == (i > 0));
        stop(&r);
        buf_release(&in);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *head, *piece; /* the piece again and again, up to octets */
    size_t octets;
    bool is_truncated;
} headers[] = {
    {"fields up to the block's limit", "", "A: b\n", MIME_HEADER_MAX - 10, false},
    {"fields past the block's limit", "", "A: b\n", MIME_HEADER_MAX + 10, true},
    {"a header flood", "", "A: b\n", 8 * 1024 * 1024, true},
    {"a folded field up to its limit", "A: b\n", " 23456789\n", MIME_FIELD_MAX - 10, false},
    {"a folded field past its limit", "A: b\n", " 23456789\n", 2 * MIME_FIELD_MAX, true},
    {"a field of one line past its limit", "A:", "b", MIME_FIELD_MAX + 10, true},
    {"a line of 16 MiB", "A:", "b", 16 * 1024 * 1024, true},
    {"a flood of white space", "A: b\n", " \n", 1024 * 1024, true},
};

START_TEST(header_limits)
{
    struct recorder r;
    struct buf in;
    bool is_truncated;
    uint32_t count;

    buf_init(&in, BIG);
    ck_assert(buf_append_str(&in, headers[_i].head));
    append_up_to(&in, headers[_i].octets, headers[_i].piece);
    ck_assert(
        buf_append_str(&in, "\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x--\n"));
    start(&r, true);
    feed_in_pieces(&r, buf_span(&in), 40000);
    is_truncated = mime_is_truncated(r.mime);
    mime_parts(r.mime, &count);
    ck_assert_msg(is_truncated == headers[_i].is_truncated, "%s", headers[_i].name);
    bool ends_block = headers[_i].piece[1] == '\0'; /* else the empty line ended the header */
    ck_assert_msg(count == (ends_block ? 2 : 1), "%s: %u parts", headers[_i].name, count);
    stop(&r);
    buf_release(&in);
}
END_TEST

/* Steps of boundary matching per octet stay about the same when the input doubles, however many
 * boundaries are open. */
static uint64_t
work_of(unsigned depth, const char *line, size_t octets)
{
    struct recorder r;
    struct buf in;

    buf_init(&in, BIG);
    nested_multiparts(&in, depth);
    append_up_to(&in, octets, line);
    start(&r, true);
    feed_in_pieces(&r, buf_span(&in), 65536);
    uint64_t work = mime_work(r.mime);
    stop(&r);
    buf_release(&in);
    return work;
}

START_TEST(boundary_matching_is_linear)
{
    static const char *const lines[] = {"--c\n", "--b\n", "--b0000x0000x0000x0000x0000\n", "-\n",
                                        "a\n"};

    for (size_t i = 0; i < COUNT(lines); i++) {
        uint64_t once = work_of(1000, lines[i], 1024 * 1024);
        uint64_t twice = work_of(1000, lines[i], 2 * 1024 * 1024);
        ck_assert_msg(twice <= once * 22 / 10 + 1000, "%s", lines[i]);
        ck_assert_msg(twice <= 2 * 1024 * 1024 * 4, "%s: %llu steps", lines[i],
                      (unsigned long long)twice);
    }
}
END_TEST

START_TEST(many_open_boundaries_cost_no_more_than_one)
{
    uint64_t one = work_of(1, "--b0000x456789\n", 1024 * 1024);
    uint64_t many = work_of(100, "--b0000x456789\n", 1024 * 1024);

    ck_assert_uint_ge(one, 1);
    ck_assert_msg(many <= one * 4, "%llu steps against %llu", (unsigned long long)many,
                  (unsigned long long)one);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("mime");
    TCase *cases = tcase_create("mime");

    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, structure, 0, COUNT(table));
    tcase_add_loop_test(cases, same_events_for_crlf_and_lf_however_split, 0, COUNT(table));
    tcase_add_test(cases, a_scanner_can_be_used_again);
    tcase_add_test(cases, counting_of_lines);
    tcase_add_test(cases, depth_limit);
    tcase_add_test(cases, parts_limit);
    tcase_add_loop_test(cases, header_limits, 0, COUNT(headers));
    tcase_add_test(cases, boundary_matching_is_linear);
    tcase_add_test(cases, many_open_boundaries_cost_no_more_than_one);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
