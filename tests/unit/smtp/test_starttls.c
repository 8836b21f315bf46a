/* SPDX-License-Identifier: MIT
 *
 * STARTTLS as the session sees it: what is said before, what is dropped, what is forgotten. The
 * handshake itself is a call.
 */
#include <check.h>
#include <string.h>

#include "fake_store.h"

static const struct tls_facts facts = {
    .version = "TLSv1.3",
    .cipher = "TLS_AES_256_GCM_SHA384",
    .bits = 256,
    .server_name = "",
    .client_problem = "",
    .client_subject = "",
    .client_issuer = "",
    .client_issuer_name = "",
    .client_common_name = "",
    .client_email = "",
    .client_fingerprint = "",
};

#define HELLO "EHLO c.test\r\n"
#define START "STARTTLS\r\n"
#define NEED "530 5.7.0 say STARTTLS first\r\n"
#define NEED_HELLO "503 5.5.1 introduce yourself first\r\n"

static const struct {
    const char *name;
    enum listen_tls tls;
    bool is_away;      /* no context now */
    const char *plain; /* said before */
    const char *plain_replies;
    unsigned begun;
    const char *under_tls; /* said behind, when it has begun */
    const char *tls_replies;
} rows[] = {
    {"not here", LISTEN_TLS_NONE, false, START, "502 5.5.1 command not implemented\r\n", 0, NULL,
     NULL},
    {"before the introduction", LISTEN_TLS_OFFERED, false, START, "220 2.0.0 ready for TLS\r\n", 1,
     "NOOP\r\n", "250 2.0.0 ok\r\n"},
    {"with an argument", LISTEN_TLS_OFFERED, false, "STARTTLS now\r\n",
     "501 5.5.4 syntax error in arguments\r\n", 0, NULL, NULL},
    {"no certificate now", LISTEN_TLS_OFFERED, true, START,
     "454 4.7.0 TLS is not available, try again\r\n", 0, NULL, NULL},
    {"in a transaction", LISTEN_TLS_OFFERED, false,
     "HELO c\r\nMAIL FROM:<>\r\n" START "RSET\r\n" START,
     "250 mx.test\r\n250 2.1.0 sender ok\r\n503 5.5.1 not now\r\n250 2.0.0 ok\r\n"
     "220 2.0.0 ready for TLS\r\n",
     1, NULL, NULL},
    {"twice", LISTEN_TLS_OFFERED, false, START, "220 2.0.0 ready for TLS\r\n", 1, START,
     "503 5.5.1 TLS is active already\r\n"},
    {"commands behind it are dropped", LISTEN_TLS_OFFERED, false,
     START "NOOP\r\nMAIL FROM:<evil@x>\r\nQUIT\r\n", "220 2.0.0 ready for TLS\r\n", 1, "NOOP\r\n",
     "250 2.0.0 ok\r\n"},
    {"half a command too", LISTEN_TLS_OFFERED, false, START "RSET\r\nMAIL FR",
     "220 2.0.0 ready for TLS\r\n", 1, "OM:<a@x.test>\r\nNOOP\r\n",
     "500 5.5.2 this is no command line\r\n250 2.0.0 ok\r\n"},
    {"the introduction is forgotten", LISTEN_TLS_OFFERED, false, "HELO c\r\n" START,
     "250 mx.test\r\n220 2.0.0 ready for TLS\r\n", 1, "MAIL FROM:<>\r\nRCPT TO:<ann@d.test>\r\n",
     NEED_HELLO NEED_HELLO},
    {"needed: what may come before", LISTEN_TLS_REQUIRED, false,
     "NOOP\r\nHELO c\r\nMAIL FROM:<>\r\nRSET\r\nVRFY ann\r\nHELP\r\nXCLIENT NAME=a\r\n"
     "XFORWARD NAME=a\r\nDATA\r\nAUTH PLAIN\r\n",
     "250 2.0.0 ok\r\n250 mx.test\r\n" NEED NEED NEED NEED NEED NEED NEED NEED, 0, NULL, NULL},
    {"needed: a chunk is no command", LISTEN_TLS_REQUIRED, false, "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
     NEED "250 2.0.0 ok\r\n", 0, NULL, NULL},
    {"needed, and there", LISTEN_TLS_REQUIRED, false, START, "220 2.0.0 ready for TLS\r\n", 1,
     "HELO c\r\nMAIL FROM:<>\r\n", "250 mx.test\r\n250 2.1.0 sender ok\r\n"},
};

static void
expect(struct fake *f, const char *name, const char *replies)
{
    ck_assert_msg(strcmp(buf_str(&f->output), replies) == 0, "%s:\n%s\nin place of\n%s", name,
                  buf_str(&f->output), replies);
    buf_reset(&f->output);
}

START_TEST(dialogues)
{
    static const size_t splits[] = {0, 1, 3, 10};

    for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
        struct fake f;

        fake_open(&f, LISTEN_SMTP);
        f.config.tls = rows[_i].tls;
        f.has_tls = !rows[_i].is_away;
        fake_start(&f);
        buf_reset(&f.output);
        fake_feed(&f, span_of(rows[_i].plain), splits[i]);
        expect(&f, rows[_i].name, rows[_i].plain_replies);
        ck_assert_uint_eq(f.tls_begun, rows[_i].begun);
        if (rows[_i].begun > 0) {
            ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_HANDSHAKE);
            smtp_session_tls_started(f.session, &facts);
            ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_COMMAND);
        }
        if (rows[_i].under_tls != NULL) {
            fake_feed(&f, span_of(rows[_i].under_tls), splits[i]);
            expect(&f, rows[_i].name, rows[_i].tls_replies);
        }
        fake_release(&f);
    }
}
END_TEST

/* Whether the list of extensions has a line. */
static bool
announces(struct fake *f, const char *keyword)
{
    bool found;

    buf_reset(&f->output);
    fake_feed(f, SPAN(HELLO), 0);
    found = strstr(buf_str(&f->output), keyword) != NULL;
    return found;
}

START_TEST(what_is_announced_when)
{
    struct fake f;

    fake_open(&f, LISTEN_SMTP);
    f.config.tls = LISTEN_TLS_OFFERED;
    fake_start(&f);
    ck_assert(!announces(&f, "STARTTLS")); /* nobody could do it now */
    f.has_tls = true;
    ck_assert(announces(&f, "250-STARTTLS\r\n"));
    ck_assert(!announces(&f, "REQUIRETLS"));
    fake_feed(&f, SPAN("MAIL FROM:<a@x.test> REQUIRETLS\r\n"), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), "530 5.7.10 "));
    fake_feed(&f, SPAN(START), 0);
    smtp_session_tls_started(f.session, &facts);
    ck_assert(!announces(&f, "STARTTLS"));
    ck_assert(announces(&f, "250-REQUIRETLS\r\n"));
    buf_reset(&f.output);
    fake_feed(&f, SPAN("MAIL FROM:<a@x.test> REQUIRETLS\r\n"), 0);
    ck_assert_str_eq(buf_str(&f.output), "250 2.1.0 sender ok\r\n");
    fake_release(&f);
}
END_TEST

/* TLS from the first octet: nothing is forgotten, the greeting comes behind it. */
START_TEST(implicit)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.config.tls = LISTEN_TLS_IMPLICIT;
    f.has_tls = true;
    fake_start(&f);
    smtp_session_tls_started(f.session, &facts);
    buf_reset(&f.output);
    fake_feed(&f, SPAN("LHLO c.test\r\n" START), 0);
    ck_assert_ptr_null(strstr(buf_str(&f.output), "250-STARTTLS"));
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), "250-REQUIRETLS"));
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), "503 5.5.1 TLS is active already"));
    fake_release(&f);
}
END_TEST

/* Too many handshakes: the 220 waits, and what comes meanwhile is nothing that was said. */
START_TEST(a_handshake_that_has_to_wait)
{
    struct fake f;

    fake_open(&f, LISTEN_SMTP);
    f.config.tls = LISTEN_TLS_OFFERED;
    f.has_tls = f.tls_waits = true;
    fake_start(&f);
    buf_reset(&f.output);
    fake_feed(&f, SPAN(START "HELO c\r\n"), 0);
    ck_assert_uint_eq(f.output.len, 0);
    ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_HANDSHAKE);
    if (_i == 0) {
        smtp_session_tls_begin(f.session);
        expect(&f, "begin", "220 2.0.0 ready for TLS\r\n");
    } else {
        smtp_session_tls_refuse(f.session);
        expect(&f, "refuse", "421 4.7.0 too many TLS handshakes, try again\r\n");
    }
    ck_assert_uint_eq(f.closed, (unsigned)_i);
    smtp_session_tls_started(f.session, &facts);
    smtp_session_tls_begin(f.session); /* too late */
    ck_assert_uint_eq(f.output.len, 0);
    fake_release(&f);
}
END_TEST

/* A proxy ended TLS: there is none to begin, and its facts are the session's. */
START_TEST(tls_of_a_proxy)
{
    struct fake f;

    fake_open(&f, LISTEN_SMTP);
    f.config.tls = LISTEN_TLS_REQUIRED;
    f.config.proxied_tls = &facts;
    f.has_tls = true;
    fake_start(&f);
    ck_assert(!announces(&f, "STARTTLS"));
    ck_assert(announces(&f, "250-REQUIRETLS\r\n"));
    buf_reset(&f.output);
    fake_feed(&f, SPAN(START "MAIL FROM:<a@x.test> REQUIRETLS\r\n"), 0);
    expect(&f, "proxied", "503 5.5.1 TLS is active already\r\n250 2.1.0 sender ok\r\n");
    fake_release(&f);
}
END_TEST

/* An end that comes while the handshake runs. */
START_TEST(ends_in_the_handshake)
{
    struct fake f;

    fake_open(&f, LISTEN_SMTP);
    f.config.tls = LISTEN_TLS_OFFERED;
    f.has_tls = true;
    fake_start(&f);
    fake_feed(&f, SPAN(START), 0);
    smtp_session_drain(f.session);
    ck_assert_uint_eq(f.closed, 1);
    smtp_session_tls_started(f.session, &facts); /* too late */
    fake_feed(&f, SPAN("NOOP\r\n"), 0);
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("starttls");
    TCase *t = tcase_create("starttls");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(t, dialogues, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(t, what_is_announced_when);
    tcase_add_test(t, implicit);
    tcase_add_test(t, ends_in_the_handshake);
    tcase_add_loop_test(t, a_handshake_that_has_to_wait, 0, 2);
    tcase_add_test(t, tls_of_a_proxy);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
