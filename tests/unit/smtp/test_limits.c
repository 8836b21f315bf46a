/* SPDX-License-Identifier: MIT
 *
 * What a session may do before it is slowed down or ended.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <malloc.h>

#include "fake_store.h"

#define HELLO "LHLO c.test\r\n"
#define OPEN HELLO "MAIL FROM:<s@x.test>\r\n"
#define GUESS(name) "RCPT TO:<" name "@d.test>\r\n"
#define NOBODY(name) "550 5.1.1 <" name "@d.test> no such mailbox\r\n"

static void
start(struct fake *f, uint64_t tarpit_recipients, uint64_t unknown_recipients)
{
    fake_open(f, LISTEN_LMTP);
    f->limits.tarpit_recipients = tarpit_recipients;
    f->limits.unknown_recipients = unknown_recipients;
    f->config.tarpit_ms = 1000;
    f->config.tarpit_max_ms = 3000;
    fake_start(f);
}

static void
say(struct fake *f, struct span input)
{
    fake_feed(f, input, 0);
    fake_answer(f);
}

static void
expect_tail(const struct fake *f, const char *tail)
{
    const char *all = f->output.len > 0 ? f->output.data : "";
    size_t n = strlen(tail), length = f->output.len;

    ck_assert_msg(length >= n && memcmp(all + length - n, tail, n) == 0, "wanted at the end:\n%s",
                  tail);
}

START_TEST(refusals_wait_from_the_first_beyond_the_limit_on)
{
    struct fake f;

    start(&f, 1, UINT64_MAX);
    say(&f, SPAN(OPEN GUESS("x1")));
    expect_tail(&f, NOBODY("x1"));
    ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_COMMAND);
    say(&f, SPAN(GUESS("x2")));
    expect_tail(&f, NOBODY("x1"));
    ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_DELAY);
    ck_assert_uint_eq(smtp_session_delay(f.session), 1000);
    smtp_session_delay_over(f.session);
    expect_tail(&f, NOBODY("x2"));
    ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_COMMAND);
    fake_release(&f);
}
END_TEST

START_TEST(delays_grow_up_to_the_longest)
{
    static const uint64_t delays[] = {1000, 2000, 3000, 3000, 3000};
    struct fake f;

    start(&f, 1, UINT64_MAX);
    say(&f, SPAN(OPEN GUESS("x1")));
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        say(&f, SPAN(GUESS("x2")));
        ck_assert_uint_eq(smtp_session_delay(f.session), delays[i]);
        smtp_session_delay_over(f.session);
        ck_assert_uint_eq(smtp_session_delay(f.session), 0);
    }
    fake_release(&f);
}
END_TEST

/* All at once, with a recipient that exists among them: each refusal waits, in its turn, and the
 * commands behind them too. */
START_TEST(pipelined_guesses_wait_one_after_the_other)
{
    struct fake f;
    int delays = 0;

    start(&f, 1, UINT64_MAX);
    say(&f, SPAN(OPEN GUESS("x1") GUESS("x2") GUESS("ann") GUESS("x3") "NOOP\r\n"));
    while (smtp_session_waits_for(f.session) == SMTP_WAIT_DELAY) {
        delays++;
        smtp_session_delay_over(f.session);
        fake_answer(&f);
    }
    ck_assert_int_eq(delays, 2);
    expect_tail(&f, NOBODY("x1") NOBODY("x2") "250 2.1.5 <ann@d.test> recipient ok\r\n" NOBODY(
                        "x3") "250 2.0.0 ok\r\n");
    fake_release(&f);
}
END_TEST

START_TEST(too_many_unknown_recipients_end_the_session)
{
    struct fake f;

    start(&f, UINT64_MAX, 3);
    say(&f, SPAN(OPEN GUESS("x1") GUESS("x2") GUESS("full")));
    ck_assert_uint_eq(f.closed, 0); /* a full mailbox is no guess */
    say(&f, SPAN(GUESS("x3") GUESS("ann")));
    expect_tail(&f, NOBODY("x3") "421 4.7.0 too many unknown recipients\r\n");
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

START_TEST(the_count_goes_on_over_transactions)
{
    struct fake f;

    start(&f, UINT64_MAX, 3);
    say(&f, SPAN(OPEN GUESS("x1") "RSET\r\nMAIL FROM:<>\r\n" GUESS("x2") HELLO));
    ck_assert_uint_eq(f.closed, 0);
    say(&f, SPAN("MAIL FROM:<>\r\n" GUESS("x3")));
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

START_TEST(exempt_peers_may_guess)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.limits.tarpit_recipients = 1;
    f.limits.unknown_recipients = 2;
    f.config.is_exempt = true;
    f.config.tarpit_ms = f.config.tarpit_max_ms = 1000;
    fake_start(&f);
    say(&f, SPAN(OPEN GUESS("x1") GUESS("x2") GUESS("x3") "NOOP\r\n"));
    expect_tail(&f, NOBODY("x3") "250 2.0.0 ok\r\n");
    fake_release(&f);
}
END_TEST

START_TEST(a_client_that_a_proxy_named_is_not_exempt_with_the_proxy)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.limits.unknown_recipients = 1;
    f.config.is_exempt = true;
    fake_start(&f);
    say(&f, SPAN("XCLIENT ADDR=198.51.100.7\r\n" OPEN GUESS("x1")));
    expect_tail(&f, "421 4.7.0 too many unknown recipients\r\n");
    fake_release(&f);
}
END_TEST

START_TEST(what_ends_a_session_in_a_delay_ends_it_well)
{
    struct fake f;

    for (int i = 0; i < 4; i++) {
        struct outcome o;

        outcome_set(&o, OUTCOME_SYSTEM, NULL);
        start(&f, 1, UINT64_MAX);
        say(&f, SPAN(OPEN GUESS("x1") GUESS("x2") GUESS("ann")));
        ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_DELAY);
        if (i == 0)
            smtp_session_drain(f.session);
        else if (i == 1)
            smtp_session_expire(f.session);
        else if (i == 2)
            smtp_session_stop(f.session);
        else
            smtp_session_fail(f.session, &o); /* the store is gone: the delay goes on */
        ck_assert_int_eq(smtp_session_waits_for(f.session),
                         i == 3 ? SMTP_WAIT_DELAY : SMTP_WAIT_NOTHING);
        smtp_session_delay_over(f.session);
        fake_release(&f);
    }
}
END_TEST

START_TEST(commands_without_a_message_end_the_session)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.limits.commands = 3;
    fake_start(&f);
    say(&f, SPAN(HELLO "NOOP\r\nRSET\r\nNOOP\r\nNOOP\r\n"));
    expect_tail(&f, "250 2.0.0 ok\r\n421 4.7.0 too many commands without a message\r\n");
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

START_TEST(a_delivered_message_begins_the_count_anew)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.limits.commands = 4;
    fake_start(&f);
    say(&f, SPAN(HELLO));
    for (int i = 0; i < 4; i++)
        say(&f, SPAN("MAIL FROM:<>\r\n" GUESS("ann") GUESS("bob") "DATA\r\nhi\r\n.\r\nRSET\r\n"));
    ck_assert_uint_eq(f.closed, 0);
    for (int i = 0; i < 2; i++) /* refused: such a message is none */
        say(&f, SPAN("MAIL FROM:<>\r\n" GUESS("late") "DATA\r\nhi\r\n.\r\n"));
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

/* Replies come out of it, but only so many; and a line without end is the end. */
START_TEST(an_endless_line_ends_the_session)
{
    static char block[65536];
    struct fake f;
    int blocks = 0;

    memset(block, 'x', sizeof(block));
    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    for (; f.closed == 0 && blocks < 100; blocks++)
        fake_feed(&f, (struct span){block, sizeof(block)}, 0);
    ck_assert_int_lt(blocks, 20);
    expect_tail(&f, "500 5.5.2 command line too long\r\n");
    fake_release(&f);
}
END_TEST

/* --- memory: what a session may grow by, whatever it is told --- */

#define GROWTH_MAX ((size_t)256 * 1024)
#define PIECE ((size_t)16384) /* what an edge reads at a time outside of messages */

size_t __sanitizer_get_current_allocated_bytes(void); /* its header is not installed everywhere */

static size_t
heap_in_use(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

static const struct flood {
    const char *name;
    const char *local;     /* known to the store, or not */
    unsigned local_length; /* padded to this */
    unsigned domain_length;
    unsigned orcpt_length;
    enum fake_answers answers;
    const char *codes; /* replies may begin with these */
} floods[] = {
    {"nobody", "nobody", 6, 6, 0, FAKE_IN_ORDER, "550 421"},
    {"long names of nobody", "nobody", 64, 190, 480, FAKE_IN_ORDER, "550 421"},
    {"long names of nobody, answered the other way", "n", 64, 190, 480, FAKE_REVERSED, "550 421"},
    {"somebody", "ann", 3, 6, 0, FAKE_IN_ORDER, "250 452 421"},
    {"somebody, as long as it may be said", "ann", 3, 190, 480, FAKE_IN_ORDER, "250 452 421"},
    {"bad syntax", "a@b", 64, 190, 480, FAKE_IN_ORDER, "501 553 421"},
};

static void
print_flood(const struct flood *x, struct buf *out)
{
    ck_assert(buf_printf(out, "RCPT TO:<%s", x->local));
    for (size_t i = strlen(x->local); i < x->local_length; i++)
        ck_assert(buf_append_char(out, 'x'));
    ck_assert(buf_append_char(out, '@'));
    for (unsigned i = 0; i < x->domain_length; i++)
        ck_assert(buf_append_char(out, i % 50 == 49 ? '.' : 'd'));
    ck_assert(buf_append_str(out, ">"));
    for (unsigned i = 0; i < x->orcpt_length; i++)
        ck_assert(i > 0 ? buf_append_char(out, 'o') : buf_append_str(out, " ORCPT=rfc822;"));
    ck_assert(buf_append_str(out, "\r\n"));
}

static void
check_codes(const struct flood *x, struct fake *f)
{
    for (const char *line = buf_str(&f->output); *line != '\0'; line = strchr(line, '\n') + 1) {
        char code[4] = "";

        memcpy(code, line, 3);
        ck_assert_msg(strstr(x->codes, code) != NULL, "%s: %.60s", x->name, line);
    }
    buf_reset(&f->output);
}

START_TEST(recipients_without_end_cost_little_memory)
{
    const struct flood *x = &floods[_i];
    struct buf block;
    struct fake f;
    size_t before, peak = 0;

    buf_init(&block, 2 * PIECE);
    while (block.len < PIECE)
        print_flood(x, &block);
    fake_open(&f, LISTEN_LMTP);
    f.limits.command_line = 2048;
    f.limits.recipients = 1000;
    f.limits.errors = UINT64_MAX;
    f.config.dsn = true;
    f.answers = x->answers;
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN), 0);
    ck_assert(buf_append(&f.output, block.data, block.len)); /* room for what is said */
    buf_reset(&f.output);
    before = heap_in_use();
    for (int i = 0; i < 60 && f.closed == 0; i++) {
        smtp_session_feed(f.session, buf_span(&block));
        peak = heap_in_use() > peak ? heap_in_use() : peak;
        fake_answer(&f);
        check_codes(x, &f);
    }
    ck_assert_msg(peak <= before + GROWTH_MAX, "%s: %zu octets", x->name, peak - before);
    buf_release(&block);
    fake_release(&f);
}
END_TEST

START_TEST(recipients_that_lead_to_no_message_end_the_session)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.config.is_exempt = true;
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN), 0);
    for (int i = 0; i < 60; i++) { /* a message may have five */
        fake_feed(&f, SPAN(GUESS("x")), 0);
        ck_assert_uint_eq(f.closed, i > 58);
    }
    expect_tail(&f, "421 4.7.0 too many commands without a message\r\n");
    fake_release(&f);
}
END_TEST

/* A client that says commands and reads nothing: none runs behind the first replies. */
START_TEST(replies_that_nobody_reads_cost_little_memory)
{
    struct buf block;
    struct fake f;
    size_t before;

    buf_init(&block, 2 * PIECE);
    while (block.len < PIECE)
        ck_assert(buf_append_str(&block, "LHLO c\r\n"));
    fake_open(&f, LISTEN_LMTP);
    f.is_slow = true;
    fake_start(&f);
    fake_answer(&f);
    buf_reset(&f.output);
    before = heap_in_use();
    smtp_session_feed(f.session, buf_span(&block));
    ck_assert_ptr_null(strstr(strstr(buf_str(&f.output), "250 HELP"), "PIPELINING"));
    ck_assert(!smtp_session_wants_input(f.session));
    ck_assert_uint_le(heap_in_use(), before + 2 * PIECE);
    buf_release(&block);
    fake_release(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("limits");
    TCase *cases = tcase_create("limits");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, refusals_wait_from_the_first_beyond_the_limit_on);
    tcase_add_test(cases, delays_grow_up_to_the_longest);
    tcase_add_test(cases, pipelined_guesses_wait_one_after_the_other);
    tcase_add_test(cases, too_many_unknown_recipients_end_the_session);
    tcase_add_test(cases, the_count_goes_on_over_transactions);
    tcase_add_test(cases, exempt_peers_may_guess);
    tcase_add_test(cases, a_client_that_a_proxy_named_is_not_exempt_with_the_proxy);
    tcase_add_test(cases, what_ends_a_session_in_a_delay_ends_it_well);
    tcase_add_test(cases, commands_without_a_message_end_the_session);
    tcase_add_test(cases, a_delivered_message_begins_the_count_anew);
    tcase_add_test(cases, an_endless_line_ends_the_session);
    tcase_add_loop_test(cases, recipients_without_end_cost_little_memory, 0,
                        (int)(sizeof(floods) / sizeof(floods[0])));
    tcase_add_test(cases, recipients_that_lead_to_no_message_end_the_session);
    tcase_add_test(cases, replies_that_nobody_reads_cost_little_memory);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
