/* SPDX-License-Identifier: MIT
 *
 * Facts: of one message in full; the same however it is split, with CRLF and with LF; and of
 * messages that were made to hurt.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/sort.h"

#include "facts_check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER
#endif
#endif
#ifdef HAS_SANITIZER
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc ships the function without a header */
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIG (64 * 1024 * 1024)
#define ARENA_MAX (8 * SORT_FACTS_MAX)

static const char sample[] =
    "Return-Path: <bounce@lists.example>\n"
    "Received: from a by b; Sun, 22 Nov 2026 04:00:00 +0100\n"
    "Received: from c by a; Sun, 22 Nov 2026 03:59:59 +0100\n"
    "From: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>, second@example.org\n"
    "To: team: a@b.example, \"C, D\" <c@d.example>;\n"
    "Subject: [team] Re: =?utf-8?B?RWluIGzDpG5nZXI=?=\n =?utf-8?B?IEJldHJlZmY=?= (fwd)\n"
    "Date: Sun, 22 Nov 2026 04:00:00 +0100\n"
    "Message-ID: <1@example.org>\n"
    "References: <0@example.org>\n\t<00@example.org>\n"
    "List-Id: The team <team.lists.example>\n"
    "MIME-Version: 1.0\n"
    "X-Unknown: is not cached\n"
    "Content-Type: multipart/mixed; boundary=x\n"
    "\n"
    "preamble\n"
    "--x\n"
    "Content-Type: text/plain; charset=iso-8859-1\n"
    "Content-Transfer-Encoding: quoted-printable\n"
    "\n"
    "Sch=F6n:\n"
    "> quoted\n"
    "two  lines\n"
    "--x\n"
    "Content-Type: message/rfc822\n"
    "\n"
    "From: inner@example.org\n"
    "Subject: \"inner\"\n"
    "\n"
    "inner body\n"
    "--x\n"
    "Content-Type: application/pdf; name=\"a.pdf\"\n"
    "Content-Transfer-Encoding: base64\n"
    "Content-Disposition: attachment; filename=\"a.pdf\"\n"
    "\n"
    "JVBERg==\n"
    "--x--\n";

struct result {
    struct arena arena;
    struct facts facts;
    struct buf packed;
};

static void
result_release(struct result *r)
{
    arena_release(&r->arena);
    buf_release(&r->packed);
}

/* Finish, check what is true of any facts, and pack. */
static void
finish(struct sort_scan *scan, const char *name, struct result *out)
{
    struct pack p;

    arena_init(&out->arena, ARENA_MAX);
    buf_init(&out->packed, SORT_FACTS_MAX);
    ck_assert_msg(sort_scan_finish(scan, &out->arena, &out->facts), "%s", name);
    const char *wrong = facts_check(&out->facts);
    ck_assert_msg(wrong == NULL, "%s: %s", name, wrong);
    pack_init(&p, &out->packed);
    facts_pack(&out->facts, &p);
}

static void
scan_whole(struct span in, const char *name, struct result *out)
{
    struct sort_scan *scan = sort_scan_new();

    ck_assert_ptr_nonnull(scan);
    sort_scan_feed(scan, in.p, in.n);
    finish(scan, name, out);
    sort_scan_free(scan);
}

START_TEST(facts_of_the_sample)
{
    struct result r;
    const struct facts *f = &r.facts;

    scan_whole(span_of(sample), "sample", &r);
    size_t line_ends = 0;
    for (const char *p = sample; *p != '\0'; p++)
        line_ends += *p == '\n';
    ck_assert_uint_eq(f->flags, FACTS_HAS_ATTACHMENT);
    ck_assert_uint_eq(f->octets, sizeof sample - 1 + line_ends);
    ck_assert_uint_eq(f->lines, line_ends);
    ck_assert_uint_eq(f->received_count, 2);
    ck_assert_str_eq(f->message_id, "<1@example.org>");
    ck_assert_str_eq(f->subject, "[team] Re: Ein l\xc3\xa4nger Betreff (fwd)");
    ck_assert_str_eq(f->base_subject, "EIN L\xc3\x84NGER BETREFF");
    ck_assert_str_eq(f->from, "Zo\xc3\xab <zoe@example.org>");
    ck_assert_str_eq(f->references, "<0@example.org> <00@example.org>");
    ck_assert_str_eq(f->list_id, "team.lists.example");
    ck_assert_str_eq(f->date, "2026-11-22T04:00:00+01:00");
    ck_assert_str_eq(f->preview, "two lines");
    ck_assert_str_eq(
        f->envelope,
        "(\"Sun, 22 Nov 2026 04:00:00 +0100\" "
        "\"[team] Re: =?utf-8?B?RWluIGzDpG5nZXI=?= =?utf-8?B?IEJldHJlZmY=?= (fwd)\" "
        "((\"=?utf-8?q?Zo=C3=AB?=\" NIL \"zoe\" \"example.org\")(NIL NIL \"second\" "
        "\"example.org\")) "
        "((\"=?utf-8?q?Zo=C3=AB?=\" NIL \"zoe\" \"example.org\")(NIL NIL \"second\" "
        "\"example.org\")) "
        "((\"=?utf-8?q?Zo=C3=AB?=\" NIL \"zoe\" \"example.org\")(NIL NIL \"second\" "
        "\"example.org\")) "
        "((NIL NIL \"team\" NIL)(NIL NIL \"a\" \"b.example\")(\"C, D\" NIL \"c\" \"d.example\")"
        "(NIL NIL NIL NIL)) NIL NIL NIL \"<1@example.org>\")");
    ck_assert_str_eq(
        f->bodystructure,
        "((\"text\" \"plain\" (\"charset\" \"iso-8859-1\") NIL NIL \"quoted-printable\" 30 2 "
        "NIL NIL NIL NIL)"
        "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 55 (NIL \"\\\"inner\\\"\" "
        "((NIL NIL \"inner\" \"example.org\")) ((NIL NIL \"inner\" \"example.org\")) "
        "((NIL NIL \"inner\" \"example.org\")) NIL NIL NIL NIL NIL) "
        "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 0 NIL NIL NIL NIL) 3 "
        "NIL NIL NIL NIL)"
        "(\"application\" \"pdf\" (\"name\" \"a.pdf\") NIL NIL \"base64\" 8 NIL "
        "(\"attachment\" (\"filename\" \"a.pdf\")) NIL NIL)"
        " \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)");
    result_release(&r);
}
END_TEST

START_TEST(cached_fields_of_the_sample)
{
    static const char *const expected[] = {"Return-Path",  "From",        "To",         "Subject",
                                           "Date",         "Message-ID",  "References", "List-Id",
                                           "MIME-Version", "Content-Type"};
    struct result r;

    scan_whole(span_of(sample), "sample", &r);
    ck_assert_uint_eq(r.facts.header_count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        ck_assert_str_eq(r.facts.headers[i].name, expected[i]);
    ck_assert_str_eq(r.facts.headers[6].value, "<0@example.org>\t<00@example.org>");
    result_release(&r);
}
END_TEST

START_TEST(part_numbers_of_the_sample)
{
    static const char *const expected[] = {"", "1", "2", "2.TEXT", "2.1", "3"};
    struct result r;

    scan_whole(span_of(sample), "sample", &r);
    ck_assert_uint_eq(r.facts.part_count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        ck_assert_str_eq(r.facts.parts[i].number, expected[i]);
    ck_assert_uint_eq(r.facts.parts[3].header_start, r.facts.parts[2].body_start);
    ck_assert_uint_eq(r.facts.parts[0].body_start, r.facts.header_octets);
    result_release(&r);
}
END_TEST

/* Any split. */

static const char *const splits[] = {
    sample,
    "",
    "\n",
    "Subject: s",
    "Subject: s\n\nbody without an end",
    "Content-Type: multipart/alternative; boundary=\"a b\"\n\n--a b\nContent-Type: text/html\n\n"
    "<style>x</style><p>H&auml;llo &amp; Welt</p>\n--a b\nContent-Type: text/plain\n\n  \n--a "
    "b--\n\n-\n--\n",
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    "SGFsbG8gV\n2VsdCEgw6TDtsO8\n\n",
    "Content-Type: message/rfc822\n\nSubject: i\nContent-Type: multipart/digest; "
    "boundary=x\n\n--x\n\n"
    "Subject: j\n\n--x\n\n--x--\n--x--",
};

static unsigned
next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static void
to_crlf(struct span in, struct buf *out)
{
    bool fits = true;

    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\n')
            fits = buf_append_char(out, '\r') && fits;
        fits = buf_append_char(out, in.p[i]) && fits;
    }
    ck_assert(fits);
}

static void
feed_at_random(struct sort_scan *scan, struct span in, unsigned *state)
{
    while (in.n > 0) {
        size_t n = 1 + next_random(state) % (next_random(state) % 8 == 0 ? 200 : 9);
        if (n > in.n)
            n = in.n;
        char *copy = malloc(n); /* of its own, so that a sanitizer sees what reads beyond it */
        memcpy(copy, in.p, n);
        sort_scan_feed(scan, copy, n);
        free(copy);
        in = span_skip(in, n);
    }
}

START_TEST(same_facts_however_split)
{
    struct sort_scan *scan = sort_scan_new();
    struct result whole;
    struct buf crlf;
    unsigned state = 1 + (unsigned)_i;

    buf_init(&crlf, 8192);
    to_crlf(span_of(splits[_i]), &crlf);
    scan_whole(buf_span(&crlf), splits[_i], &whole);
    for (int round = 0; round < 400; round++) {
        struct result r;
        bool with_lf = round % 2 == 0;
        feed_at_random(scan, with_lf ? span_of(splits[_i]) : buf_span(&crlf), &state);
        finish(scan, splits[_i], &r);
        ck_assert_msg(span_equal(buf_span(&r.packed), buf_span(&whole.packed)),
                      "round %d of:\n%s\n%s %s\n%s %s", round, splits[_i], r.facts.bodystructure,
                      r.facts.preview, whole.facts.bodystructure, whole.facts.preview);
        result_release(&r);
    }
    result_release(&whole);
    buf_release(&crlf);
    sort_scan_free(scan);
}
END_TEST

/* Flags. */

#define PARTS                                                                                      \
    "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nhi\n--x\n"
#define RELATED                                                                                    \
    "Content-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\nhi\n--x\n"

static const struct {
    const char *name;
    const char *in;
    unsigned flags;
} flags[] = {
    {"text", "A: b\n\nhi\n", 0},
    {"a file", PARTS "Content-Type: application/pdf\n\nx\n--x--\n", FACTS_HAS_ATTACHMENT},
    {"a text sent as a file", PARTS "Content-Disposition: attachment; filename=a.txt\n\nx\n--x--\n",
     FACTS_HAS_ATTACHMENT},
    {"a text to be shown", PARTS "Content-Disposition: inline\n\nx\n--x--\n", 0},
    {"a signature", PARTS "Content-Type: application/pgp-signature\n\nx\n--x--\n", 0},
    {"a picture of the HTML", RELATED "Content-Type: image/png\nContent-ID: <1@x>\n\nx\n--x--\n",
     0},
    {"a picture that nothing refers to", RELATED "Content-Type: image/png\n\nx\n--x--\n",
     FACTS_HAS_ATTACHMENT},
    {"a forwarded message", PARTS "Content-Type: message/rfc822\n\nA: b\n\nhi\n--x--\n",
     FACTS_HAS_ATTACHMENT},
    {"a delivery report", PARTS "Content-Type: message/delivery-status\n\nA: b\n--x--\n", 0},
    {"nothing but a file", "Content-Type: application/pdf\n\nx\n", FACTS_HAS_ATTACHMENT},
    {"TLS-Required: No", "tls-required:\t nO \nA: b\n\nhi\n", FACTS_TLS_OPTIONAL},
    {"TLS-Required: Yes", "TLS-Required: Yes\n\nhi\n", 0},
    {"TLS-Required: Nothing", "TLS-Required: No way\n\nhi\n", 0},
    {"TLS-Required: No in the text", "A: b\n\nTLS-Required: No\n", 0},
    {"a line that is no field", "From x\nA: b\n\nhi\n", FACTS_HEADER_BROKEN},
};

START_TEST(what_is_marked)
{
    struct result r;

    scan_whole(span_of(flags[_i].in), flags[_i].name, &r);
    ck_assert_msg(r.facts.flags == flags[_i].flags, "%s: %x", flags[_i].name, r.facts.flags);
    result_release(&r);
}
END_TEST

/* Header values. */

static const struct {
    const char *name;
    const char *in;
    const char *expected; /* message_id|references|list_id|from|date|subject */
} values[] = {
    {"nothing", "\n", "|||||"},
    {"an id with words around", "Message-ID: my <1@x> id\n\n", "<1@x>|||||"},
    {"an id folded inside", "Message-ID: <1@\n x>\n\n", "<1@x>|||||"},
    {"an id without brackets", "Message-ID: 1@x\n\n", "|||||"},
    {"references with junk", "References: a <1@x>,<2@x> b <3\n\n", "|<1@x> <2@x>||||"},
    {"in-reply-to instead", "In-Reply-To: Your <1@x> and <2@x>\n\n", "|<1@x>||||"},
    {"references without an id", "References: none\nIn-Reply-To: <1@x>\n\n", "|<1@x>||||"},
    {"a list's id", "List-Id: \"<no>\" the list <a.b.example>\n\n", "||a.b.example|||"},
    {"a list's id bare", "List-Id: a.b.example\n\n", "||a.b.example|||"},
    {"from without a name", "From: a@b.example\n\n", "|||a@b.example||"},
    {"from a group", "From: g: A <a@b.example>;\n\n", "|||A <a@b.example>||"},
    {"from in Latin-1", "From: Zo\xeb <a@b.example>\n\n", "|||Zo\xc3\xab <a@b.example>||"},
    {"from with control octets", "From: a\x01\x7f@b.example\n\n", "|||a@b.example||"},
    {"from nobody", "From:\n\n", "|||||"},
    {"a wrong date", "Date: yesterday\n\n", "|||||"},
    {"the first of two", "Subject: one\nSubject: two\n\n", "|||||one"},
    {"a subject in Latin-1", "Subject: l\xe4nger\n\n", "|||||l\xc3\xa4nger"},
    {"a subject with control octets", "Subject: a\x1b[1m\x07z\n\n", "|||||a [1m z"},
};

START_TEST(header_values)
{
    struct result r;
    char text[512];

    scan_whole(span_of(values[_i].in), values[_i].name, &r);
    snprintf(text, sizeof text, "%s|%s|%s|%s|%s|%s", r.facts.message_id, r.facts.references,
             r.facts.list_id, r.facts.from, r.facts.date, r.facts.subject);
    ck_assert_msg(strcmp(text, values[_i].expected) == 0, "%s: %s", values[_i].name, text);
    result_release(&r);
}
END_TEST

/* Hostile messages: head, a piece many times, tail. */

static const struct {
    const char *name;
    const char *head, *piece, *tail;
    size_t times;
    unsigned flags; /* that must be there */
} hostile[] = {
    {"a megabyte of zeros", "", "\0", "", 0, 0},
    {"addresses", "To: ", "a@b,\n ", "\n\n", 100000, FACTS_TRUNCATED},
    {"short addresses", "To: ", "a,", "\n\n", 32000, FACTS_TRUNCATED},
    {"From that Sender repeats", "From: ", "\"\\\\\\\\\\\\\" <a@b>,\n ", "\n\n", 20000,
     FACTS_TRUNCATED},
    {"groups in groups", "To: ", "g:", "\n\n", 30000, 0},
    {"open quotes", "To: ", "\"\\", "\n\n", 30000, 0},
    {"open comments", "Date: ", "(", "\n\n", 60000, 0},
    {"encoded words", "Subject: ", "=?utf-8?q?=E4?= ", "\n\n", 4000, 0},
    {"beginnings of encoded words", "Subject: ", "=?utf-8?q?", "\n\n", 6000, FACTS_TRUNCATED},
    {"a long subject", "Subject: ", "\xe4", "\n\n", 60000, FACTS_TRUNCATED},
    {"references", "References: ", "<a@b>\n ", "\n\n", 20000, FACTS_TRUNCATED},
    {"fields that are cached", "", "List-Post: x\n", "\n", 20000, FACTS_TRUNCATED},
    {"parameters", "Content-Type: text/plain", "; a*1=b", "\n\n", 9000, FACTS_TRUNCATED},
    {"quoted 8-bit parameters", "Content-Type: text/plain", "; a=\"\xe4\\\"\"", "\n\n", 5000,
     FACTS_TRUNCATED},
    {"languages", "Content-Language: ", "a,", "\n\n", 30000, 0},
    {"parts", "Content-Type: multipart/mixed; boundary=x\n\n", "--x\n\n", "", 100000,
     FACTS_TRUNCATED},
    {"parts with long names", "Content-Type: multipart/mixed; boundary=x\n\n",
     "--x\nContent-Type: aaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb; "
     "name=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n\n",
     "", 9000, FACTS_TRUNCATED},
    {"messages with envelopes", "Content-Type: multipart/digest; boundary=x\n\n",
     "--x\n\nFrom: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b\n\n", "", 9000,
     FACTS_TRUNCATED},
    {"nested multiparts", "", "Content-Type: multipart/mixed; boundary=x\n\n--x\n", "", 10000,
     FACTS_TRUNCATED},
    {"nested messages", "", "Content-Type: message/rfc822\n\n", "", 30000, FACTS_TRUNCATED},
    {"nested message headers cut by boundaries", "Content-Type: multipart/digest; boundary=x\n\n",
     "--x\nContent-Type: message/rfc822\n", "", 9000, FACTS_TRUNCATED},
    {"one long line of text", "Subject: s\n\n", "aaaaaaaaaaaaaaaa", "", 300000, 0},
    {"tags", "Content-Type: text/html\n\n", "<a href='", "", 100000, 0},
    {"entities", "Content-Type: text/html\n\n", "&#x", "", 100000, 0},
    {"open styles", "Content-Type: text/html\n\n", "<style>", "", 100000, 0},
    {"quoted lines", "\n", ">\n", "", 100000, 0},
    {"carriage returns", "Subject: s\r", "\r", "\r\r", 100000, 0},
};

START_TEST(hostile_messages)
{
    struct result r;
    struct buf in;
    bool fits = true;

    buf_init(&in, BIG);
    fits = buf_append_str(&in, hostile[_i].head);
    for (size_t i = 0; i < hostile[_i].times && fits; i++)
        fits = buf_append_str(&in, hostile[_i].piece);
    fits = fits && buf_append_str(&in, hostile[_i].tail);
    for (size_t i = 0; hostile[_i].times == 0 && i < 1024 * 1024 && fits; i++)
        fits = buf_append_char(&in, '\0');
    ck_assert(fits);
    scan_whole(buf_span(&in), hostile[_i].name, &r);
    ck_assert_msg((r.facts.flags & hostile[_i].flags) == hostile[_i].flags, "%s: %x",
                  hostile[_i].name, r.facts.flags);
    result_release(&r);
    buf_release(&in);
}
END_TEST

/* Every prefix of the sample is a message that some line or boundary cuts. */
START_TEST(every_prefix_has_facts)
{
    struct sort_scan *scan = sort_scan_new();

    for (size_t n = 0; n < sizeof sample; n++) {
        struct result r;
        sort_scan_feed(scan, sample, n);
        finish(scan, "prefix", &r);
        result_release(&r);
    }
    sort_scan_free(scan);
}
END_TEST

/* The sample with some octets changed at random. */
START_TEST(damaged_messages_have_facts)
{
    static const char octets[] = "\0\r\n \"()<>@,;:-=?*'\\x\xe4\xc3";
    struct sort_scan *scan = sort_scan_new();
    unsigned state = 7;

    for (int round = 0; round < 3000; round++) {
        struct result r;
        char copy[sizeof sample];
        memcpy(copy, sample, sizeof sample);
        for (unsigned i = next_random(&state) % 12; i > 0; i--)
            copy[next_random(&state) % (sizeof copy - 1)] =
                octets[next_random(&state) % (sizeof octets - 1)];
        sort_scan_feed(scan, copy, sizeof copy - 1);
        finish(scan, "damaged", &r);
        result_release(&r);
    }
    sort_scan_free(scan);
}
END_TEST

/* What is allocated now, by whichever allocator the build has. */
static size_t
allocated(void)
{
#ifdef HAS_SANITIZER
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

/* 50 MB of a part cost no more memory than its first window did. */
START_TEST(a_long_body_costs_no_memory)
{
    static const char head[] = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
                               "Content-Type: text/plain\r\n\r\n";
    struct sort_scan *scan = sort_scan_new();
    struct result r;
    char window[65536];
    size_t before = allocated();

    memset(window, 'x', sizeof window);
    for (size_t i = 77; i < sizeof window; i += 78)
        memcpy(window + i - 1, "\r\n", 2);
    sort_scan_feed(scan, head, sizeof head - 1);
    for (int i = 0; i < 800; i++) {
        sort_scan_feed(scan, window, sizeof window);
        ck_assert_uint_le(allocated(), before + 64 * 1024);
    }
    finish(scan, "long body", &r);
    ck_assert_uint_eq(r.facts.octets, sizeof head - 1 + 800 * sizeof window);
    ck_assert_uint_ge(allocated(), before + 1); /* the facts: it does count */
    result_release(&r);
    sort_scan_free(scan);
}
END_TEST

START_TEST(a_full_arena_is_told)
{
    struct sort_scan *scan = sort_scan_new();
    struct facts f;

    for (size_t max = 0; max < 1000; max += 50) {
        struct arena arena;
        arena_init(&arena, max);
        sort_scan_feed(scan, sample, sizeof sample - 1);
        ck_assert(!sort_scan_finish(scan, &arena, &f));
        arena_release(&arena);
    }
    struct result r;
    sort_scan_feed(scan, sample, sizeof sample - 1);
    finish(scan, "behind failures", &r);
    result_release(&r);
    sort_scan_free(scan);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("scan");
    TCase *cases = tcase_create("scan");

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, facts_of_the_sample);
    tcase_add_test(cases, cached_fields_of_the_sample);
    tcase_add_test(cases, part_numbers_of_the_sample);
    tcase_add_loop_test(cases, same_facts_however_split, 0, COUNT(splits));
    tcase_add_loop_test(cases, what_is_marked, 0, COUNT(flags));
    tcase_add_loop_test(cases, header_values, 0, COUNT(values));
    tcase_add_loop_test(cases, hostile_messages, 0, COUNT(hostile));
    tcase_add_test(cases, every_prefix_has_facts);
    tcase_add_test(cases, damaged_messages_have_facts);
    tcase_add_test(cases, a_long_body_costs_no_memory);
    tcase_add_test(cases, a_full_arena_is_told);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
