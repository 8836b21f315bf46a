/* SPDX-License-Identifier: MIT
 *
 * 100,000 random dialogues, each compared with a small model that knows nothing of the session's
 * code: five variables and one function a command. Pieces of random size, answers in random order.
 * The seed is fixed; a divergence prints its dialogue.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store.h"
#include "dense.h"

#define DIALOGUES 100000
#define STEPS_MAX 24
#define RECIPIENTS_MAX 5
#define MESSAGES_MAX 5
#define ERRORS_MAX 10
#define SIZE_MAX_OCTETS 1000

struct model {
    bool is_lmtp, is_introduced, is_open, is_chunked, has_failed, is_closed;
    bool is_tls, has_logged_in;
    bool begins_tls;                     /* with the last step */
    char recipients[RECIPIENTS_MAX + 1]; /* 'a': delivered, 'l': temporary at the end */
    size_t octets;
    unsigned errors, messages, delivered;
    struct buf codes; /* expected, three digits and a space each */
};

static void
say(struct model *m, int code)
{
    if (!m->is_closed)
        DENSE_CHECK(buf_printf(&m->codes, "%d ", code));
}

static void
say_last(struct model *m, int code)
{
    say(m, code);
    m->is_closed = true;
}

static void
blame(struct model *m, int code)
{
    if (m->is_closed)
        return;
    if (++m->errors > ERRORS_MAX)
        say_last(m, 421);
    else
        say(m, code);
}

static void
reset(struct model *m)
{
    m->is_open = m->is_chunked = m->has_failed = false;
    m->recipients[0] = '\0';
    m->octets = 0;
}

static size_t
count(const struct model *m)
{
    return strlen(m->recipients);
}

static void
end_message(struct model *m)
{
    bool any_late = strchr(m->recipients, 'l') != NULL;

    if (m->is_closed)
        return;
    m->messages++;
    if (!m->has_failed)
        m->delivered++;
    if (!m->is_lmtp)
        say(m, m->has_failed ? 552 : any_late ? 451 : 250);
    for (size_t i = 0; m->is_lmtp && i < count(m); i++)
        say(m, m->has_failed ? 552 : m->recipients[i] == 'l' ? 452 : 250);
    reset(m);
}

/* --- one function a command --- */

static void
own_hello(struct model *m)
{
    say(m, 250);
    m->is_introduced = true;
    reset(m);
}

static void
bad_hello(struct model *m)
{
    blame(m, 501);
}

static void
foreign_hello(struct model *m)
{
    blame(m, 500);
}

static bool
may_mail(struct model *m)
{
    if (!m->is_introduced || m->is_open)
        blame(m, 503);
    else if (m->messages >= MESSAGES_MAX)
        say_last(m, 421);
    else
        return true;
    return false;
}

static void
mail(struct model *m)
{
    if (!may_mail(m))
        return;
    say(m, 250);
    m->is_open = true;
}

static void
mail_bad(struct model *m)
{
    if (may_mail(m))
        blame(m, 553);
}

static void
mail_big(struct model *m)
{
    if (may_mail(m))
        blame(m, 552);
}

static bool
may_rcpt(struct model *m)
{
    if (m->is_introduced && m->is_open && !m->is_chunked)
        return true;
    blame(m, 503);
    return false;
}

static void
rcpt(struct model *m, char how)
{
    size_t n = count(m);

    if (!may_rcpt(m))
        return;
    if (n == RECIPIENTS_MAX) {
        say(m, 452);
        return;
    }
    say(m, 250);
    m->recipients[n] = how;
    m->recipients[n + 1] = '\0';
}

static void
rcpt_ann(struct model *m)
{
    rcpt(m, 'a');
}

static void
rcpt_late(struct model *m)
{
    rcpt(m, 'l');
}

static void
rcpt_bad(struct model *m)
{
    if (may_rcpt(m))
        blame(m, 553);
}

static void noop(struct model *m);
static void garbage(struct model *m);

/* "DATA", "NOOP", "." */
static void
data(struct model *m)
{
    if (m->is_introduced && m->is_open && !m->is_chunked && count(m) > 0) {
        say(m, 354);
        end_message(m);
        return;
    }
    blame(m, 503);
    noop(m);
    garbage(m);
}

static void
chunk(struct model *m, size_t octets, bool is_last)
{
    if (!m->is_introduced || !m->is_open || count(m) == 0) {
        blame(m, 503);
        return;
    }
    m->is_chunked = true;
    m->octets += octets;
    if (m->octets > SIZE_MAX_OCTETS)
        m->has_failed = true;
    if (is_last)
        end_message(m);
    else
        say(m, m->has_failed ? 552 : 250);
}

static void
chunk_small(struct model *m)
{
    chunk(m, 6, false);
}

static void
chunk_last(struct model *m)
{
    chunk(m, 6, true);
}

static void
chunk_empty(struct model *m)
{
    chunk(m, 0, false);
}

static void
chunk_empty_last(struct model *m)
{
    chunk(m, 0, true);
}

static void
chunk_half(struct model *m)
{
    chunk(m, 600, false);
}

static void
chunk_bad(struct model *m)
{
    say_last(m, 501);
}

static void
rset(struct model *m)
{
    say(m, 250);
    reset(m);
}

static void
noop(struct model *m)
{
    say(m, 250);
}

static void
quit(struct model *m)
{
    say_last(m, 221);
}

static void
vrfy(struct model *m)
{
    say(m, 252);
}

static void
garbage(struct model *m)
{
    blame(m, 500);
}

static void
not_implemented(struct model *m)
{
    blame(m, 502);
}

static void
xclient(struct model *m)
{
    if (m->is_open) {
        blame(m, 503);
        return;
    }
    say(m, 220);
    m->is_introduced = m->has_logged_in = false;
}

/* What came before is forgotten. */
static void
starttls(struct model *m)
{
    if (m->is_tls || m->is_open) {
        blame(m, 503);
        return;
    }
    say(m, 220);
    m->is_introduced = m->has_logged_in = false;
    m->is_tls = m->begins_tls = true;
}

static bool
may_log_in(struct model *m)
{
    if (!m->is_open && m->is_introduced && !m->has_logged_in)
        return true;
    blame(m, 503);
    return false;
}

static void
log_in(struct model *m)
{
    if (!may_log_in(m))
        return;
    say(m, 235);
    m->has_logged_in = true;
}

static void
log_in_wrongly(struct model *m)
{
    if (may_log_in(m))
        blame(m, 535);
}

/* The line behind it is a response, or no command. */
static void
log_in_by_lines(struct model *m)
{
    if (!may_log_in(m)) {
        blame(m, 500);
        return;
    }
    say(m, 334);
    say(m, 235);
    m->has_logged_in = true;
}

static void
log_in_not_at_all(struct model *m)
{
    if (!may_log_in(m)) {
        blame(m, 500);
        return;
    }
    say(m, 334);
    blame(m, 501);
}

static void
log_in_oddly(struct model *m)
{
    if (may_log_in(m))
        blame(m, 504);
}

static void
xforward(struct model *m)
{
    if (m->is_open || !m->is_introduced)
        blame(m, 503);
    else
        say(m, 250);
}

/* --- dialogues --- */

#define TEN "xxxxxxxxxx"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct step {
    const char *lmtp, *smtp; /* smtp NULL: the same */
    void (*run)(struct model *m);
    unsigned weight;
} steps[] = {
    {"LHLO c.test\r\n", "EHLO c.test\r\n", own_hello, 4},
    {"LHLO\r\n", "EHLO \r\n", bad_hello, 1},
    {"EHLO c.test\r\n", "LHLO c.test\r\n", foreign_hello, 1},
    {"MAIL FROM:<s@x.test>\r\n", NULL, mail, 8},
    {"MAIL FROM:<s@>\r\n", NULL, mail_bad, 1},
    {"MAIL FROM:<> SIZE=1001\r\n", NULL, mail_big, 1},
    {"RCPT TO:<ann@d.test>\r\n", NULL, rcpt_ann, 12},
    {"RCPT TO:<late@d.test>\r\n", NULL, rcpt_late, 2},
    {"RCPT TO:<@>\r\n", NULL, rcpt_bad, 1},
    {"DATA\r\nNOOP\r\n.\r\n", NULL, data, 6},
    {"BDAT 6\r\nNOOP\r\n", NULL, chunk_small, 3},
    {"BDAT 6 LAST\r\nRSET\r\n", NULL, chunk_last, 3},
    {"BDAT 0\r\n", NULL, chunk_empty, 1},
    {"BDAT 0 LAST\r\n", NULL, chunk_empty_last, 1},
    {"BDAT 600\r\n" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED, NULL, chunk_half, 3},
    {"BDAT x\r\n", NULL, chunk_bad, 1},
    {"RSET\r\n", NULL, rset, 2},
    {"NOOP\r\n", NULL, noop, 1},
    {"QUIT\r\n", NULL, quit, 1},
    {"VRFY ann\r\n", NULL, vrfy, 1},
    {"FOO\r\n", NULL, garbage, 1},
    {"NOOP\nRSET\r\n", NULL, garbage, 1},
    {"NOOP " HUNDRED HUNDRED "\r\n", NULL, garbage, 1},
    {"EXPN a\r\n", NULL, not_implemented, 1},
    {"STARTTLS\r\n", NULL, starttls, 2},
    {"AUTH PLAIN AGFubgBnb29k\r\n", NULL, log_in, 2},
    {"AUTH PLAIN AGFubgBiYWQ=\r\n", NULL, log_in_wrongly, 1},
    {"AUTH PLAIN\r\nAGFubgBnb29k\r\n", NULL, log_in_by_lines, 2},
    {"AUTH PLAIN\r\n*\r\n", NULL, log_in_not_at_all, 1},
    {"AUTH FOO\r\n", NULL, log_in_oddly, 1},
    {"XCLIENT NAME=a\r\n", NULL, xclient, 1},
    {"XFORWARD NAME=a\r\n", NULL, xforward, 1},
};

static const struct step *
choose(uint64_t *seed)
{
    unsigned all = 0, at;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        all += steps[i].weight;
    at = random_below(seed, all);
    for (size_t i = 0;; i++) {
        if (at < steps[i].weight)
            return &steps[i];
        at -= steps[i].weight;
    }
}

/* The codes of the last lines of replies. */
static void
codes_of(const char *output, struct buf *codes)
{
    const char *line = output;

    while (line != NULL && *line != '\0') {
        if (line[3] == ' ')
            DENSE_CHECK(buf_append(codes, line, 4));
        line = strstr(line, "\r\n");
        line = line == NULL ? NULL : line + 2;
    }
}

/* Long pieces on the whole, or an octet at a time would take most of the test's time. */
static size_t
piece(uint64_t *seed, size_t left)
{
    size_t n =
        random_below(seed, 4) == 0 ? 1 + random_below(seed, 12) : 100 + random_below(seed, 900);

    return n < left ? n : left;
}

static void
feed_plain(struct fake *f, struct span in, uint64_t *seed)
{
    while (in.n > 0) {
        size_t n = piece(seed, in.n);

        smtp_session_feed(f->session, (struct span){in.p, n});
        in = span_skip(in, n);
        if (!smtp_session_wants_input(f->session) || random_below(seed, 3) == 0)
            fake_answer(f);
    }
    fake_answer(f);
}

/* tls_at: octets up to the end of the STARTTLS that was taken, 0: none was. */
static void
feed(struct fake *f, struct span in, size_t tls_at, uint64_t *seed)
{
    static const struct tls_facts facts = {.version = "TLSv1.3", .cipher = "X"};

    feed_plain(f, (struct span){in.p, tls_at}, seed);
    if (tls_at > 0 && f->closed == 0)
        smtp_session_tls_started(f->session, &facts);
    feed_plain(f, span_skip(in, tls_at), seed);
}

static void
run_dialogue(uint64_t *seed, struct buf *input, struct buf *codes, struct model *m)
{
    unsigned n = 1 + random_below(seed, STEPS_MAX);
    size_t tls_at = 0;
    struct fake f;

    buf_reset(input);
    buf_reset(codes);
    buf_reset(&m->codes);
    *m = (struct model){.is_lmtp = random_below(seed, 2) == 0, .codes = m->codes};
    say(m, 220);
    if (random_below(seed, 8) != 0) {
        own_hello(m);
        DENSE_CHECK(buf_append_str(input, m->is_lmtp ? steps[0].lmtp : steps[0].smtp));
    }
    for (unsigned i = 0; i < n; i++) {
        const struct step *step = choose(seed);

        DENSE_CHECK(
            buf_append_str(input, m->is_lmtp || step->smtp == NULL ? step->lmtp : step->smtp));
        if (!m->is_closed)
            step->run(m);
        if (m->begins_tls)
            tls_at = input->len;
        m->begins_tls = false;
    }
    fake_open(&f, m->is_lmtp ? LISTEN_LMTP : LISTEN_SMTP);
    f.answers = (enum fake_answers)random_below(seed, 3);
    f.is_slow = random_below(seed, 4) == 0;
    f.has_tls = f.config.auth = f.config.auth_plain_without_tls = true;
    f.config.tls = LISTEN_TLS_OFFERED;
    f.config.auth_failures_max = UINT64_MAX;
    fake_start(&f);
    feed(&f, buf_span(input), tls_at, seed);
    codes_of(buf_str(&f.output), codes);
    if (strcmp(buf_str(codes), buf_str(&m->codes)) != 0)
        ck_abort_msg("expected %s\ngot      %s\nfor\n%s", buf_str(&m->codes), buf_str(codes),
                     buf_str(input));
    DENSE_CHECK(f.ended == m->delivered);
    DENSE_CHECK(f.closed == m->is_closed);
    fake_release(&f);
}

START_TEST(random_dialogues_follow_the_model)
{
    uint64_t seed = 5321 + (uint64_t)_i;
    struct buf input, codes;
    struct model m;

    buf_init(&input, 1 << 20);
    buf_init(&codes, 1 << 20);
    buf_init(&m.codes, 1 << 20);
    for (int i = 0; i < DIALOGUES / 10; i++)
        run_dialogue(&seed, &input, &codes, &m);
    buf_release(&input);
    buf_release(&codes);
    buf_release(&m.codes);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("model");
    TCase *cases = tcase_create("model");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, random_dialogues_follow_the_model, 0, 10);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
