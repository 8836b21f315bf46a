/* SPDX-License-Identifier: MIT
 *
 * SCRAM with the relay's client against libgsasl's own server; and replies that are too long for
 * any client to hold.
 */
#include <check.h>
#include <gsasl.h>
#include <stdlib.h>

#include "doorstep/relay_client.h"
#include "doorstep/sasl.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BINDING "0123456789abcdef0123456789abcdef"

struct peer {
    struct relay_client *client;
    Gsasl *library;
    Gsasl_session *session;
    const char *password;
    const char *binding; /* base64, of the server */
    const char *iterations;
    struct buf said; /* by the client */
    bool is_ready;
    char why[256];
};

static bool
on_write(void *arg, struct span octets)
{
    struct peer *p = arg;

    ck_assert(buf_append_span(&p->said, octets));
    return true;
}

static void
on_ready(void *arg)
{
    struct peer *p = arg;

    p->is_ready = true;
}

static void
on_ended(void *arg, const struct relay_answer *why)
{
    struct peer *p = arg;

    ck_assert_ptr_nonnull(why);
    ck_assert_int_eq(why->state, RELAY_DEFERRED);
    strncpy(p->why, why->text, sizeof(p->why) - 1);
}

static const struct relay_client_calls calls = {
    .write = on_write,
    .ready = on_ready,
    .ended = on_ended,
};

static int
answer_property(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
    struct peer *p = gsasl_session_hook_get(session);

    (void)library;
    if (property == GSASL_PASSWORD)
        return gsasl_property_set(session, property, p->password);
    if (property == GSASL_SCRAM_ITER)
        return gsasl_property_set(session, property, p->iterations);
    if (property == GSASL_CB_TLS_EXPORTER && p->binding != NULL)
        return gsasl_property_set(session, property, p->binding);
    return GSASL_NO_CALLBACK;
}

static void
say(struct peer *p, const char *text)
{
    relay_client_take(p->client, span_of(text));
}

/* The client's next line, without its end. */
static void
hear(struct peer *p, char *out, size_t size)
{
    size_t n = span_find(buf_span(&p->said), '\n');

    ck_assert_uint_lt(n, p->said.len);
    ck_assert_uint_lt(n, size);
    memcpy(out, p->said.data, n - 1);
    out[n - 1] = '\0';
    buf_consume(&p->said, n + 1);
}

static void
begin(struct peer *p, struct relay_logins *logins, const char *announced, struct span binding)
{
    struct relay_client_config config = {
        .tls = RELAY_TLS_IMPLICIT,
        .hostname = "mx.example.org",
        .host = "mx.example.net",
        .user = "ann",
        .password = "secret",
        .logins = logins,
    };
    struct relay_tls_facts facts = {"TLSv1.3", "TLS_AES_256_GCM_SHA384", true, "", binding};
    char line[512];

    buf_init(&p->said, 1 << 20);
    p->client = relay_client_new(&config, &calls, p);
    relay_client_tls_started(p->client, &facts);
    say(p, "220 mx\r\n");
    hear(p, line, sizeof(line));
    say(p, "250-mx\r\n250-AUTH ");
    say(p, announced);
    say(p, "\r\n250 HELP\r\n");
}

static void
end(struct peer *p)
{
    relay_client_free(p->client);
    buf_release(&p->said);
}

/* Plays the server until it is content (235) or not (535); *line is the client's command. */
static void
serve(struct peer *p, const char *mechanism, const char *line)
{
    char text[4096], reply[4096], *out = NULL;
    int result;

    ck_assert_int_eq(gsasl_init(&p->library), GSASL_OK);
    gsasl_callback_set(p->library, answer_property);
    ck_assert_int_eq(gsasl_server_start(p->library, mechanism, &p->session), GSASL_OK);
    gsasl_session_hook_set(p->session, p);
    snprintf(text, sizeof(text), "%s", line);
    do {
        result = gsasl_step64(p->session, text, &out);
        if (result != GSASL_OK && result != GSASL_NEEDS_MORE)
            break;
        snprintf(reply, sizeof(reply), "334 %s\r\n", out);
        gsasl_free(out);
        say(p, reply);
        hear(p, text, sizeof(text));
    } while (result == GSASL_NEEDS_MORE);
    say(p, result == GSASL_OK && text[0] == '\0' ? "235 2.7.0 ok\r\n" : "535 5.7.8 no\r\n");
    gsasl_finish(p->session);
    gsasl_done(p->library);
}

static const struct {
    const char *name, *announced, *mechanism, *password;
    const char *client_binding, *server_binding; /* base64 is the server's */
    bool is_good;
    const char *iterations;
} scrams[] = {
    {"bound to TLS where both can", "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS",
     "secret", BINDING, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", true, "4096"},
    {"not when somebody sits between", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS", "secret",
     BINDING, "YWJjZGVmYWJjZGVmYWJjZGVmYWJjZGVmYWJjZGVmYWI=", false, "4096"},
    {"unbound where the server cannot", "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256", "secret", BINDING,
     NULL, true, "4096"},
    {"unbound where the client cannot", "SCRAM-SHA-256-PLUS SCRAM-SHA-256", "SCRAM-SHA-256",
     "secret", "", NULL, true, "4096"},
    {"not with another password", "SCRAM-SHA-256", "SCRAM-SHA-256", "other", "", NULL, false,
     "4096"},
    {"as dear as it may be", "SCRAM-SHA-256", "SCRAM-SHA-256", "secret", "", NULL, true, "100000"},
    {"and no dearer", "SCRAM-SHA-256", "SCRAM-SHA-256", "secret", "", NULL, false, "100001"},
    {"not by far", "SCRAM-SHA-256", "SCRAM-SHA-256", "secret", "", NULL, false, "4294967295"},
};

START_TEST(scram)
{
    struct relay_logins *logins = relay_logins_new();
    struct peer p = {.password = scrams[_i].password,
                     .binding = scrams[_i].server_binding,
                     .iterations = scrams[_i].iterations};
    char line[4096], command[64];

    snprintf(command, sizeof(command), "AUTH %s ", scrams[_i].mechanism);
    begin(&p, logins, scrams[_i].announced, span_of(scrams[_i].client_binding));
    hear(&p, line, sizeof(line));
    ck_assert_msg(strncmp(line, command, strlen(command)) == 0, "%s: %s", scrams[_i].name, line);
    serve(&p, scrams[_i].mechanism, line + strlen(command));
    ck_assert_msg(p.is_ready == scrams[_i].is_good, "%s: %s", scrams[_i].name, p.why);
    end(&p);
    relay_logins_free(logins);
}
END_TEST

/* Who does not know the password's keys cannot say that the log-in was good. */
START_TEST(a_server_that_proves_nothing_is_not_believed)
{
    static const char *const replies[] = {
        "235 2.7.0 welcome\r\n",    "334 \r\n",     "334 dj1ub25zZW5zZQ==\r\n",
        "334 cj14LHM9eCxpPTEK\r\n", "334 AAAA\r\n",
    };
    struct relay_logins *logins = relay_logins_new();
    struct peer p = {0};
    char line[4096];

    begin(&p, logins, "SCRAM-SHA-256", SPAN_NONE);
    hear(&p, line, sizeof(line));
    say(&p, replies[_i]);
    if (p.why[0] == '\0') {
        hear(&p, line, sizeof(line));
        ck_assert_str_eq(line, "*");
        say(&p, "235 2.7.0 welcome\r\n");
    }
    ck_assert_str_eq(p.why, "AUTH: the next hop did not keep to the mechanism");
    ck_assert(!p.is_ready);
    end(&p);
    relay_logins_free(logins);
}
END_TEST

/* A password that does not fit behind the command waits for an empty challenge. */
START_TEST(a_long_first_answer_is_asked_for)
{
    static char user[901];
    struct relay_logins *logins = relay_logins_new();
    struct relay_client_config config = {
        .is_here = true,
        .hostname = "mx.example.org",
        .host = "mx.example.net",
        .user = user,
        .password = "secret",
        .logins = logins,
    };
    struct peer p = {0};
    char line[4096];

    memset(user, 'u', sizeof(user) - 1);
    buf_init(&p.said, 1 << 20);
    p.client = relay_client_new(&config, &calls, &p);
    say(&p, "220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n");
    hear(&p, line, sizeof(line));
    hear(&p, line, sizeof(line));
    ck_assert_str_eq(line, "AUTH PLAIN");
    say(&p, "334 \r\n");
    hear(&p, line, sizeof(line));
    ck_assert_uint_eq(strlen(line), (900 + 8 + 2) / 3 * 4);
    say(&p, "235 2.7.0 ok\r\n");
    ck_assert(p.is_ready);
    end(&p);
    relay_logins_free(logins);
}
END_TEST

/* ------------------------------------------------------------------ replies without end */

static const struct {
    const char *name;
    const char *line, *rest; /* once, and then again and again */
    const char *why;
} floods[] = {
    {"a line without end", "220 ", "x", "the next hop sent a reply line that is too long"},
    {"lines without end", "", "220-x\r\n", "the next hop sent a reply of too many lines"},
    {"empty lines", "", "\r\n", "the next hop sent a line that is no reply"},
    {"NULs", "", "\0", "the next hop sent a reply line that is too long"},
};

START_TEST(what_never_ends_is_ended)
{
    struct relay_client_config config = {
        .hostname = "mx.example.org", .host = "mx.example.net", .user = "", .password = ""};
    size_t n = strlen(floods[_i].rest) == 0 ? 1 : strlen(floods[_i].rest);
    struct peer p = {0};
    size_t octets = 0;

    buf_init(&p.said, 1 << 20);
    p.client = relay_client_new(&config, &calls, &p);
    say(&p, floods[_i].line);
    while (p.why[0] == '\0' && octets < 1 << 20) {
        relay_client_take(p.client, (struct span){floods[_i].rest, n});
        octets += n;
    }
    ck_assert_str_eq(p.why, floods[_i].why);
    ck_assert_uint_eq(p.said.len, 0);
    end(&p);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay_client_login");
    TCase *tc = tcase_create("login");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tc, scram, 0, COUNT(scrams));
    tcase_add_loop_test(tc, a_server_that_proves_nothing_is_not_believed, 0, 5);
    tcase_add_test(tc, a_long_first_answer_is_asked_for);
    tcase_add_loop_test(tc, what_never_ends_is_ended, 0, COUNT(floods));
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
