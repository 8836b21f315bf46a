/* SPDX-License-Identifier: MIT
 *
 * AUTH in a session, as dialogues with an owner whose answer is what the client says: "good" is
 * accepted, "bad" refused, "away" cannot be told, "ask" gets a challenge; all else is malformed.
 * Each is fed whole, in pieces of 7 and octet by octet; answers come at once or late.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/smtp_session.h"

struct owner {
    struct smtp_session *session;
    struct buf output;
    bool is_late, owes, is_away;
    enum sasl_verdict verdict;
    bool asks;
    unsigned aborted, begun, ended, closed;
};

static void
answer(struct owner *o)
{
    if (!o->owes)
        return;
    o->owes = false;
    if (o->asks) {
        smtp_session_auth_challenge(o->session, SPAN("what?"));
        return;
    }
    o->ended++;
    smtp_session_auth_done(o->session, o->verdict, "ann@example.org");
}

static bool
on_step(void *arg, struct span octets)
{
    struct owner *o = arg;

    ck_assert(!o->owes);
    if (o->is_away)
        o->ended++;
    if (o->is_away)
        return false;
    o->asks = octets.n == 0 || span_equal(octets, SPAN("ask"));
    o->verdict = span_equal(octets, SPAN("good"))   ? SASL_ACCEPTED
                 : span_equal(octets, SPAN("bad"))  ? SASL_REFUSED
                 : span_equal(octets, SPAN("away")) ? SASL_UNAVAILABLE
                 : span_equal(octets, SPAN("ban"))  ? SASL_BANNED
                                                    : SASL_MALFORMED;
    o->owes = true;
    if (!o->is_late)
        answer(o);
    return true;
}

static bool
on_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct owner *o = arg;

    (void)m;
    ck_assert(has_initial || octets.n == 0);
    o->begun++;
    return on_step(arg, octets);
}

static void
on_abort(void *arg)
{
    struct owner *o = arg;

    o->owes = false;
    o->aborted++;
}

static bool
on_reply(void *arg, struct span octets)
{
    struct owner *o = arg;

    ck_assert(o->closed == 0);
    ck_assert(buf_append_span(&o->output, octets));
    return true;
}

static void
on_close(void *arg, const char *reason)
{
    (void)reason;
    ((struct owner *)arg)->closed++;
}

static bool
on_mail_begin(void *arg, const char *client_ip, struct outcome *why)
{
    (void)arg;
    (void)client_ip;
    (void)why;
    return true;
}

static bool
on_client_changed(void *arg, const char *client_ip)
{
    (void)arg;
    (void)client_ip;
    return false;
}

/* A content filter that lets everybody in, and nobody introduce himself. */
static void
on_ask_filter(void *arg, uint64_t id, const struct filter_event *event)
{
    struct owner *o = arg;
    struct outcome said;

    outcome_set(&said, event->stage == FILTER_HELO ? OUTCOME_FILTER_REFUSED : OUTCOME_OK, NULL);
    smtp_session_filter_answer(o->session, id, &said);
}

static const struct smtp_session_calls calls = {
    .reply = on_reply,
    .ask_filter = on_ask_filter,
    .mail_begin = on_mail_begin,
    .client_changed = on_client_changed,
    .auth_begin = on_begin,
    .auth_step = on_step,
    .auth_abort = on_abort,
    .close = on_close,
};

/* good Z29vZA==  bad YmFk  ask YXNr  away YXdheQ==  ban YmFu  what? d2hhdD8= */
static const struct {
    const char *name, *input, *codes;
} rows[] = {
    {"an initial response", "AUTH PLAIN Z29vZA==\r\n", "235 "},
    {"any case", "auth plain Z29vZA==\r\n", "235 "},
    {"without one", "AUTH PLAIN\r\nZ29vZA==\r\n", "334 235 "},
    {"one of nothing", "AUTH PLAIN =\r\nZ29vZA==\r\n", "334 235 "},
    {"several steps", "AUTH LOGIN\r\nYXNr\r\nYXNr\r\nZ29vZA==\r\n", "334 334 334 235 "},
    {"an empty line is a response", "AUTH LOGIN\r\n\r\n*\r\n", "334 334 501 "},
    {"a wrong password, then the right one", "AUTH PLAIN YmFk\r\nAUTH PLAIN Z29vZA==\r\n",
     "535 235 "},
    {"cancelled", "AUTH LOGIN\r\n*\r\nNOOP\r\n", "334 501 250 "},
    {"a star is no base64 with more", "AUTH LOGIN\r\n**\r\nNOOP\r\n", "334 501 250 "},
    {"no base64", "AUTH LOGIN\r\n!!!!\r\nNOOP\r\n", "334 501 250 "},
    {"a bare LF in it", "AUTH LOGIN\r\nZ29v\nZA==\r\nNOOP\r\n", "334 501 250 "},
    {"an initial response that is none", "AUTH PLAIN !\r\nNOOP\r\n", "501 250 "},
    {"two initial responses", "AUTH PLAIN YmFk YmFk\r\nNOOP\r\n", "501 250 "},
    {"twice", "AUTH PLAIN Z29vZA==\r\nAUTH PLAIN Z29vZA==\r\n", "235 503 "},
    {"not what the mechanism says", "AUTH PLAIN d2hhdD8=\r\nNOOP\r\n", "501 250 "},
    {"banned", "AUTH PLAIN YmFu\r\nNOOP\r\n", "454 250 "},
    {"nobody can tell", "AUTH PLAIN YXdheQ==\r\nNOOP\r\n", "454 250 "},
    {"no mechanism", "AUTH\r\nAUTH \r\nAUTH FOO\r\n", "501 501 504 "},
    {"a weak one", "AUTH CRAM-MD5\r\nAUTH NTLM\r\n", "534 534 "},
    {"binding and certificates need TLS", "AUTH SCRAM-SHA-256-PLUS\r\nAUTH EXTERNAL =\r\n",
     "538 504 "},
    {"too often", "AUTH PLAIN YmFk\r\nAUTH PLAIN YmFk\r\nAUTH PLAIN YmFk\r\nNOOP\r\n",
     "535 535 421 "},
    {"pipelined behind it", "AUTH PLAIN Z29vZA==\r\nNOOP\r\nQUIT\r\n", "235 250 221 "},
    {"hung up in the middle", "AUTH LOGIN\r\nYXNr\r\n", "334 334 "},
    {"nobody sends without",
     "MAIL FROM:<ann@example.org>\r\nAUTH PLAIN Z29vZA==\r\n"
     "MAIL FROM:<ann@example.org> AUTH=<>\r\nAUTH PLAIN YmFk\r\nRSET\r\n",
     "530 235 250 503 250 "},
};

static void
put_codes(struct buf *out, const char *line)
{
    while (line != NULL && *line != '\0') {
        if (line[3] == ' ')
            ck_assert(buf_append(out, line, 4));
        line = strstr(line, "\r\n");
        line = line == NULL ? NULL : line + 2;
    }
}

static void
feed(struct owner *o, struct span in, size_t split)
{
    while (in.n > 0) {
        size_t n = split == 0 || split > in.n ? in.n : split;

        smtp_session_feed(o->session, (struct span){in.p, n});
        in = span_skip(in, n);
        while (o->owes)
            answer(o);
    }
}

static struct owner *
new_session(bool is_late, const char *filter_key)
{
    static const struct settings_limits limits = {.message_size = 1000,
                                                  .recipients = 5,
                                                  .command_line = 200,
                                                  .errors = 10,
                                                  .transactions = 5,
                                                  .commands = UINT64_MAX,
                                                  .unknown_recipients = UINT64_MAX,
                                                  .tarpit_recipients = UINT64_MAX};
    const struct smtp_session_config config = {
        .protocol = LISTEN_SMTP,
        .hostname = "mx.test",
        .session_id = "S",
        .client_ip = "",
        .is_unix = true,
        .auth = true,
        .auth_failures_max = 3,
        .require = REQUIRE_AUTH,
        .limits = &limits,
        .filter_key = filter_key,
        .client_port = "",
        .daemon_addr = "",
        .daemon_port = "",
    };
    struct owner *o = calloc(1, sizeof(*o));

    ck_assert_ptr_nonnull(o);
    o->is_late = is_late;
    buf_init(&o->output, 1 << 20);
    o->session = smtp_session_new(&config, &calls, o);
    ck_assert_ptr_nonnull(o->session);
    smtp_session_greet(o->session);
    return o;
}

static struct owner *
open_session(bool is_late)
{
    struct owner *o = new_session(is_late, NULL);

    smtp_session_feed(o->session, SPAN("EHLO c.test\r\n"));
    ck_assert_ptr_nonnull(strstr(buf_str(&o->output), "250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n"));
    buf_reset(&o->output);
    return o;
}

/* Every exchange that began has ended one way. */
static void
close_session(struct owner *o)
{
    smtp_session_free(o->session);
    ck_assert_uint_eq(o->begun, o->ended + o->aborted);
    buf_release(&o->output);
    free(o);
}

START_TEST(dialogues)
{
    static const size_t splits[] = {0, 7, 1};

    for (size_t i = 0; i < 6; i++) {
        struct owner *o = open_session(i >= 3);
        struct buf codes;

        buf_init(&codes, 4096);
        feed(o, span_of(rows[_i].input), splits[i % 3]);
        put_codes(&codes, buf_str(&o->output));
        ck_assert_msg(strcmp(buf_str(&codes), rows[_i].codes) == 0, "%s (%zu): %s", rows[_i].name,
                      i, buf_str(&codes));
        buf_release(&codes);
        close_session(o);
    }
}
END_TEST

START_TEST(long_lines)
{
    struct owner *o = open_session(false);
    char *line = malloc(1 << 20);

    ck_assert_ptr_nonnull(line);
    memset(line, 'A', 1 << 20);
    feed(o, SPAN("AUTH LOGIN\r\n"), 0);
    for (size_t at = 0; at < 1 << 20; at += 65536)
        feed(o, (struct span){line + at, 65536}, 0);
    feed(o, SPAN("\r\nNOOP\r\n"), 0);
    ck_assert_str_eq(buf_str(&o->output), "334 d2hhdD8=\r\n500 5.5.6 line too long\r\n"
                                          "250 2.0.0 ok\r\n");
    free(line);
    close_session(o);
}
END_TEST

START_TEST(whoever_may_answer_is_away)
{
    struct owner *o = open_session(false);

    o->is_away = true;
    feed(o, SPAN("AUTH PLAIN Z29vZA==\r\n"), 0);
    ck_assert_int_eq(strncmp(buf_str(&o->output), "454 4.7.0 ", 10), 0);
    ck_assert_ptr_null(smtp_session_login(o->session));
    close_session(o);
}
END_TEST

START_TEST(the_answer_never_comes)
{
    struct owner *o = open_session(true);
    struct outcome away;

    outcome_set(&away, OUTCOME_SYSTEM, "away");
    smtp_session_feed(o->session, SPAN("AUTH PLAIN Z29vZA==\r\nNOOP\r\n"));
    ck_assert_int_eq(smtp_session_waits_for(o->session), SMTP_WAIT_ANSWER);
    ck_assert(smtp_session_in_auth(o->session));
    o->ended++;
    smtp_session_fail(o->session, &away);
    ck_assert_int_eq(strncmp(buf_str(&o->output), "454 4.7.0 ", 10), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&o->output), "\r\n250 2.0.0 ok\r\n"));
    smtp_session_auth_done(o->session, SASL_ACCEPTED, "ann@example.org"); /* too late */
    ck_assert_ptr_null(smtp_session_login(o->session));
    close_session(o);
}
END_TEST

/* Whom a filter refuses at EHLO has not introduced himself: nothing of ESMTP goes on. */
START_TEST(a_refused_introduction_is_none)
{
    struct owner *o = new_session(false, "K");
    struct buf codes;

    buf_init(&codes, 4096);
    feed(o, SPAN("EHLO c.test\r\nAUTH PLAIN Z29vZA==\r\nMAIL FROM:<a@b>\r\nNOOP\r\n"), 0);
    put_codes(&codes, buf_str(&o->output));
    ck_assert_str_eq(buf_str(&codes), "220 550 503 503 250 ");
    buf_release(&codes);
    close_session(o);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("auth");
    TCase *t = tcase_create("auth");
    SRunner *r = srunner_create(s);

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, dialogues, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(t, long_lines);
    tcase_add_test(t, whoever_may_answer_is_away);
    tcase_add_test(t, the_answer_never_comes);
    tcase_add_test(t, a_refused_introduction_is_none);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
