/* SPDX-License-Identifier: MIT
 *
 * SASL dialogues with libgsasl's server side, as tables; and one whole SCRAM with its client side.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/auth/exchange_priv.h"

struct auth_library {
    Gsasl *gsasl;
};

static struct auth_library *library;
static struct exchange e;

static void
setup(void)
{
    library = auth_prepare();
    ck_assert_ptr_nonnull(library);
}

static void
teardown(void)
{
    gsasl_done(library->gsasl);
    free(library);
}

static void
start(enum sasl_mechanism m, struct span binding)
{
    ck_assert(exchange_start(&e, library->gsasl, m, binding));
}

/* --- one message --- */

static const struct {
    enum sasl_mechanism mechanism;
    struct span said;
    enum exchange_next next;
    enum sasl_verdict verdict; /* EXCHANGE_DONE */
    const char *name, *authorization;
} rows[] = {
    {SASL_PLAIN, SPAN("\0ann\0word"), EXCHANGE_WANT_SECRET, 0, "ann", "ann"},
    {SASL_PLAIN, SPAN("bob\0ann\0word"), EXCHANGE_WANT_SECRET, 0, "ann", "bob"},
    {SASL_PLAIN, SPAN("\0ann\0x"), EXCHANGE_WANT_SECRET, 0, "ann", "ann"},
    {SASL_PLAIN, SPAN("\0ann\0"), EXCHANGE_WANT_SECRET, 0, "ann", "ann"},
    {SASL_PLAIN, SPAN("\0\0word"), EXCHANGE_DONE, SASL_REFUSED, NULL, NULL},
    {SASL_PLAIN, SPAN("\0ann"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_PLAIN, SPAN("ann"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_PLAIN, SPAN("\0ann\0wo\0rd"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_SCRAM_SHA_256, SPAN("n,,n=ann,r=abcdef"), EXCHANGE_WANT_SECRET, 0, "ann", ""},
    {SASL_SCRAM_SHA_256, SPAN("n,a=bob,n=ann,r=abc"), EXCHANGE_WANT_SECRET, 0, "ann", "bob"},
    {SASL_SCRAM_SHA_256, SPAN("n,,n=a=2Cb=3D,r=abc"), EXCHANGE_WANT_SECRET, 0, "a,b=", ""},
    {SASL_SCRAM_SHA_256, SPAN(""), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_SCRAM_SHA_256, SPAN("n,,"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_SCRAM_SHA_256, SPAN("n,,n=ann,r="), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_SCRAM_SHA_256, SPAN("n,,m=x,n=ann,r=abc"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_SCRAM_SHA_256, SPAN("n,,n=ann,r=a\0b"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
    {SASL_EXTERNAL, SPAN(""), EXCHANGE_WANT_SECRET, 0, "", ""},
    {SASL_EXTERNAL, SPAN("ann@example.org"), EXCHANGE_WANT_SECRET, 0, "", "ann@example.org"},
    {SASL_EXTERNAL, SPAN("ann\0x"), EXCHANGE_DONE, SASL_MALFORMED, NULL, NULL},
};

START_TEST(first_messages)
{
    start(rows[_i].mechanism, SPAN_NONE);
    enum exchange_next next = exchange_feed(&e, true, rows[_i].said);
    ck_assert_msg(next == rows[_i].next, "row %d: next %d", _i, next);
    if (next == EXCHANGE_DONE)
        ck_assert_msg(e.verdict == rows[_i].verdict, "row %d: verdict %d", _i, e.verdict);
    if (rows[_i].name != NULL) {
        ck_assert_str_eq(e.name, rows[_i].name);
        ck_assert_str_eq(e.authorization, rows[_i].authorization);
    }
    exchange_end(&e);
}
END_TEST

START_TEST(long_names_are_nobodys)
{
    struct buf said;

    buf_init(&said, 10000);
    for (int i = 0; i < 1000; i++)
        ck_assert(buf_append_char(&said, 'x'));
    ck_assert(buf_append_span(&said, SPAN("\0ann\0word")));
    start(SASL_PLAIN, SPAN_NONE);
    ck_assert_int_eq(exchange_feed(&e, true, buf_span(&said)), EXCHANGE_DONE);
    ck_assert_int_eq(e.verdict, SASL_REFUSED);
    exchange_end(&e);
    buf_release(&said);
}
END_TEST

START_TEST(login_asks_twice)
{
    for (int with_initial = 0; with_initial < 2; with_initial++) {
        start(SASL_LOGIN, SPAN_NONE);
        if (!with_initial)
            ck_assert_int_eq(exchange_feed(&e, false, SPAN_NONE), EXCHANGE_CHALLENGE);
        ck_assert_int_eq(exchange_feed(&e, true, SPAN("ann")), EXCHANGE_CHALLENGE);
        ck_assert_int_eq(exchange_feed(&e, true, SPAN("word")), EXCHANGE_WANT_SECRET);
        ck_assert_str_eq(e.name, "ann");
        ck_assert_str_eq(e.password, "word");
        ck_assert(e.has_password);
        exchange_end(&e);
    }
}
END_TEST

/* --- SCRAM, to its end --- */

static int
on_client(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
    const char *password = gsasl_session_hook_get(session);

    (void)ctx;
    if (property == GSASL_AUTHID)
        return gsasl_property_set(session, property, "ann");
    if (property == GSASL_PASSWORD)
        return gsasl_property_set(session, property, password);
    return GSASL_NO_CALLBACK;
}

/* How it ends when the client has this password, and the server keys of "right". */
static enum exchange_next
scram(const char *password, bool is_fake)
{
    static const uint8_t key[PASSWORD_KEY_SIZE] = {1};
    struct auth_secret secret = {.is_allowed = true};
    Gsasl_session *client;
    enum exchange_next next;
    Gsasl *ctx;
    char *out;
    size_t n;

    if (is_fake)
        password_scram_fake(key, "ann", secret.scram);
    else
        ck_assert(password_scram_make("right", secret.scram));
    ck_assert_int_eq(gsasl_init(&ctx), GSASL_OK);
    gsasl_callback_set(ctx, on_client);
    ck_assert_int_eq(gsasl_client_start(ctx, "SCRAM-SHA-256", &client), GSASL_OK);
    gsasl_session_hook_set(client, (void *)(uintptr_t)password);
    start(SASL_SCRAM_SHA_256, SPAN_NONE);
    ck_assert_int_eq(gsasl_step(client, NULL, 0, &out, &n), GSASL_NEEDS_MORE);
    ck_assert_int_eq(exchange_feed(&e, true, (struct span){out, n}), EXCHANGE_WANT_SECRET);
    gsasl_free(out);
    next = exchange_secret(&e, &secret);
    ck_assert_int_eq(next, EXCHANGE_CHALLENGE);
    ck_assert_int_eq(gsasl_step(client, buf_str(&e.challenge), e.challenge.len, &out, &n),
                     GSASL_NEEDS_MORE);
    next = exchange_feed(&e, true, (struct span){out, n});
    gsasl_free(out);
    if (next == EXCHANGE_CHALLENGE) {
        ck_assert_int_eq(gsasl_step(client, buf_str(&e.challenge), e.challenge.len, &out, &n),
                         GSASL_OK);
        gsasl_free(out);
        next = exchange_feed(&e, true, SPAN_NONE);
    }
    gsasl_finish(client);
    gsasl_done(ctx);
    return next;
}

START_TEST(scram_proves_the_password)
{
    ck_assert_int_eq(scram("right", false), EXCHANGE_DONE);
    ck_assert_int_eq(e.verdict, SASL_ACCEPTED);
    exchange_end(&e);
    ck_assert_int_eq(scram("wrong", false), EXCHANGE_DONE);
    ck_assert_int_eq(e.verdict, SASL_REFUSED);
    exchange_end(&e);
    ck_assert_int_eq(scram("right", true), EXCHANGE_DONE);
    ck_assert_int_eq(e.verdict, SASL_REFUSED);
    exchange_end(&e);
}
END_TEST

START_TEST(a_client_that_could_bind_is_not_told_that_we_cannot)
{
    start(SASL_SCRAM_SHA_256, SPAN("0123456789abcdef0123456789abcdef"));
    ck_assert_int_eq(exchange_feed(&e, true, SPAN("y,,n=ann,r=abcdef")), EXCHANGE_DONE);
    ck_assert_int_ne(e.verdict, SASL_ACCEPTED);
    exchange_end(&e);
}
END_TEST

START_TEST(external_is_who_the_store_says)
{
    const struct auth_secret yes = {.is_allowed = true}, no = {.is_allowed = false};

    start(SASL_EXTERNAL, SPAN_NONE);
    ck_assert_int_eq(exchange_feed(&e, true, SPAN_NONE), EXCHANGE_WANT_SECRET);
    ck_assert_int_eq(exchange_secret(&e, &yes), EXCHANGE_DONE);
    ck_assert_int_eq(e.verdict, SASL_ACCEPTED);
    exchange_end(&e);
    start(SASL_EXTERNAL, SPAN_NONE);
    ck_assert_int_eq(exchange_feed(&e, true, SPAN_NONE), EXCHANGE_WANT_SECRET);
    ck_assert_int_eq(exchange_secret(&e, &no), EXCHANGE_DONE);
    ck_assert_int_eq(e.verdict, SASL_REFUSED);
    exchange_end(&e);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("exchange");
    TCase *t = tcase_create("exchange");
    SRunner *r = srunner_create(s);

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, first_messages, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(t, long_names_are_nobodys);
    tcase_add_test(t, login_asks_twice);
    tcase_add_test(t, scram_proves_the_password);
    tcase_add_test(t, a_client_that_could_bind_is_not_told_that_we_cannot);
    tcase_add_test(t, external_is_who_the_store_says);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
