/* SPDX-License-Identifier: MIT
 *
 * Budgets: no script and no message passes them, and each says so. Ceilings of time are those of
 * tcase_set_timeout(): what is not linear does not end within them.
 */
#include <check.h>
#include <stdlib.h>

#include "sieve_case.h"

static void
repeat(struct buf *out, const char *s, size_t n)
{
    bool ok = true;

    for (size_t i = 0; ok && i < n; i++)
        ok = buf_append_str(out, s);
    ck_assert(ok);
}

/* The outcome must begin with `expected`. */
static void
expect(struct span script, struct span message, const struct sieve_limits *limits,
       const char *expected)
{
    struct buf out;

    buf_init(&out, 65536);
    case_outcome(script, message, limits, &out);
    ck_assert_msg(strncmp(buf_str(&out), expected, strlen(expected)) == 0, "%s\nexpected: %s",
                  buf_str(&out), expected);
    buf_release(&out);
}

/* A message with one field of n octets. */
static void
long_field(struct buf *out, const char *piece, size_t n)
{
    buf_init(out, n * 2 + 1024);
    buf_append_str(out, "Subject: ");
    repeat(out, piece, n / strlen(piece));
    buf_append_str(out, "\r\n\r\nbody\r\n");
}

/* Patterns that go back and forth take square time in naive matchers. */
START_TEST(hostile_patterns_end)
{
    static const char *const patterns[] = {
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
        "*?a?*?a?*?a?*?a?*?a?*?a?*b",
        "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*c",
        "*?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*c",
        "????????????????????????????????*???????????????????????????????????b",
    };
    struct sieve_limits limits;
    struct buf message, script;

    sieve_limits_default(&limits);
    long_field(&message, "a", 200000);
    buf_init(&script, 65536);
    buf_printf(&script, "if header :matches \"subject\" \"%s\" { discard; }", patterns[_i]);
    expect(buf_span(&script), buf_span(&message), &limits, "implicit keep");
    buf_release(&script);
    buf_release(&message);
}
END_TEST

START_TEST(work_is_counted)
{
    struct sieve_limits limits;
    struct buf message, script;

    sieve_limits_default(&limits);
    limits.work_max = 10 << 20;
    long_field(&message, "a", 200000);
    buf_init(&script, (size_t)1 << 20);
    repeat(&script, "if header :contains \"subject\" \"b\" { discard; }\n", 200);
    expect(buf_span(&script), buf_span(&message), &limits,
           "failed: the script compares too much for one message");
    buf_release(&script);
    buf_release(&message);
}
END_TEST

#define UNICODE "\"i;unicode-casemap\""

/* A field of 10,000 octets. What takes long is paid for: `least` is not enough, `most` is. */
static const struct {
    const char *name, *piece, *arguments;
    uint64_t least, most;
} costs[] = {
    {"memmem", "a", ":matches \"subject\" \"*ab*\"", 9000, 30000},
    {"a try at each place", "a", ":matches \"subject\" \"*?b*\"", 100000, 200000},
    {"a long piece at each place", "a", ":matches \"subject\" \"*aaaaaaaaaaaaaaa?b*\"", 400000,
     600000},
    {"an escape at each place", "a", ":matches \"subject\" \"*a\\\\*b*\"", 100000, 300000},
    {"many ends", "\xc3\xa9", ":comparator " UNICODE " :matches \"subject\" \"*????????????????z\"",
     300000, 500000},
    {"folding", "\xc3\xa9", ":comparator " UNICODE " :contains \"subject\" \"z\"", 150000, 250000},
    {"folding and characters", "\xc3\xa9", ":comparator " UNICODE " :matches \"subject\" \"?z*\"",
     300000, 400000},
};

START_TEST(what_takes_long_is_paid)
{
    struct sieve_limits limits;
    struct buf message, script;

    sieve_limits_default(&limits);
    long_field(&message, costs[_i].piece, 10000);
    buf_init(&script, 65536);
    buf_printf(&script, "require \"comparator-i;unicode-casemap\"; if header %s { discard; }",
               costs[_i].arguments);
    limits.work_max = costs[_i].least;
    expect(buf_span(&script), buf_span(&message), &limits,
           "failed: the script compares too much for one message");
    limits.work_max = costs[_i].most;
    expect(buf_span(&script), buf_span(&message), &limits, "implicit keep");
    buf_release(&script);
    buf_release(&message);
}
END_TEST

START_TEST(steps_are_counted)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    limits.steps_max = 1000;
    buf_init(&script, (size_t)1 << 20);
    repeat(&script, "keep;", 1001);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits,
           "failed: the script takes too many steps for one message");
    buf_release(&script);
}
END_TEST

START_TEST(a_hundred_thousand_commands)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    buf_init(&script, (size_t)1 << 20);
    repeat(&script, "keep;\n", 100000);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "keep");
    limits.program_max = 1 << 20;
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "refused: ");
    buf_release(&script);
}
END_TEST

/* Each assignment would double the value. */
START_TEST(values_do_not_grow)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    buf_init(&script, (size_t)1 << 20);
    buf_append_str(&script, "require \"variables\"; set \"a\" \"aaaaaaaaaaaaaaaaaaaaaaaaaa\";");
    repeat(&script, "set \"a\" \"${a}${a}\";", 500);
    buf_append_str(&script, "set :length \"n\" \"${a}\"; if string \"${n}\" \"4096\" { discard; }");
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "discard");
    buf_release(&script);
}
END_TEST

START_TEST(memory_is_counted)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    limits.memory_max = 1 << 20;
    buf_init(&script, (size_t)1 << 20);
    buf_append_str(&script, "require \"variables\";");
    repeat(&script, "set \"a\" \"${a}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\";",
           2000);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits,
           "failed: the script needs too much memory for one message");
    buf_release(&script);
}
END_TEST

static const struct {
    const char *open, *close;
} nests[] = {
    {"if true {", "}"}, {"if not ", ""}, {"anyof(", ")"}, {"[", "]"}, {"(", ")"}, {"{", "}"},
};

START_TEST(deep_nesting_is_refused)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    buf_init(&script, (size_t)4 << 20);
    repeat(&script, nests[_i].open, 50000);
    repeat(&script, nests[_i].close, 50000);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "refused: ");
    buf_release(&script);
}
END_TEST

START_TEST(as_deep_as_allowed)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    buf_init(&script, 65536);
    repeat(&script, "if true {", limits.nesting_max - 1);
    buf_append_str(&script, "discard;");
    repeat(&script, "}", limits.nesting_max - 1);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "discard");
    buf_release(&script);
}
END_TEST

START_TEST(a_script_that_is_too_long)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    buf_init(&script, (size_t)4 << 20);
    repeat(&script, "# 6789\n", limits.script_max / 7 + 1);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "refused: 0:0 script is longer than");
    buf_release(&script);
}
END_TEST

START_TEST(actions_are_counted)
{
    struct sieve_limits limits;
    struct buf script;

    sieve_limits_default(&limits);
    buf_init(&script, 65536);
    buf_append_str(&script, "require \"fileinto\";");
    for (unsigned i = 0; i <= limits.actions_max; i++)
        buf_printf(&script, "fileinto \"m%u\";", i);
    expect(buf_span(&script), SPAN(CASE_MESSAGE), &limits, "failed: more than 32 actions");
    buf_release(&script);
}
END_TEST

/* Messages that are nothing but a burden. */
START_TEST(hostile_messages_end)
{
    struct sieve_limits limits;
    struct buf message;

    sieve_limits_default(&limits);
    switch (_i) {
    case 0:
        long_field(&message, "=?utf-8?q?a?= ", 1 << 20);
        break;
    case 1:
        long_field(&message, "((((((((", 1 << 20);
        break;
    case 2:
        long_field(&message, "a@b.c,", 1 << 20);
        break;
    case 3:
        long_field(&message, "\r\n x", 1 << 20);
        break;
    default:
        long_field(&message, "\xff\xfe", 1 << 20);
        break;
    }
    buf_append_str(&message, "x");
    expect(SPAN("if anyof(header :matches \"subject\" \"*z*z\", address :matches \"to\" \"*z*\", "
                "header :contains [\"a\",\"subject\"] [\"zz\",\"zy\"]) { discard; }"),
           buf_span(&message), &limits, "implicit keep");
    buf_release(&message);
}
END_TEST

START_TEST(too_many_fields)
{
    struct sieve_limits limits;
    struct buf message;

    sieve_limits_default(&limits);
    buf_init(&message, (size_t)16 << 20);
    repeat(&message, "To: a@b.c\r\n", 9000);
    buf_append_str(&message, "\r\n");
    expect(SPAN("if address :contains \"to\" \"z\" { discard; }"), buf_span(&message), &limits,
           "implicit keep");
    buf_release(&message);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sieve budgets");
    TCase *cases = tcase_create("sieve budgets");

    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, hostile_patterns_end, 0, 5);
    tcase_add_test(cases, work_is_counted);
    tcase_add_loop_test(cases, what_takes_long_is_paid, 0, COUNT(costs));
    tcase_add_test(cases, steps_are_counted);
    tcase_add_test(cases, a_hundred_thousand_commands);
    tcase_add_test(cases, values_do_not_grow);
    tcase_add_test(cases, memory_is_counted);
    tcase_add_loop_test(cases, deep_nesting_is_refused, 0, COUNT(nests));
    tcase_add_test(cases, as_deep_as_allowed);
    tcase_add_test(cases, a_script_that_is_too_long);
    tcase_add_test(cases, actions_are_counted);
    tcase_add_loop_test(cases, hostile_messages_end, 0, 5);
    tcase_add_test(cases, too_many_fields);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
