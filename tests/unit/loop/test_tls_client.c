/* SPDX-License-Identifier: MIT
 *
 * TLS from our side, between two memories: whose certificate counts as verified, and that both ends
 * have the same channel bindings. Servers of others are met in tests/integration/relay.py.
 */
#include <check.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "../../../src/loop/tls_priv.h"
#include "certificates.h"

struct end {
    struct tls_layer *layer;
    struct buf output;
    bool is_done;
};

static struct tls_context *
service(const struct made *m)
{
    const struct tls_service s = {.name = "smtp test", .pairs = &m->pair, .pair_count = 1};
    struct tls_context *x;
    struct buf why;

    buf_init(&why, 512);
    x = tls_context_new(&s, &why);
    ck_assert_msg(x != NULL, "%s", buf_str(&why));
    buf_release(&why);
    return x;
}

static struct tls_context *
client(struct span authorities)
{
    struct tls_context *x;
    struct buf why;

    buf_init(&why, 512);
    x = tls_client_context_new(authorities, &why);
    ck_assert_msg(x != NULL, "%s", buf_str(&why));
    buf_release(&why);
    return x;
}

/* What `from` has written, to the other end. */
static void
carry(struct end *from, struct end *to)
{
    tls_layer_feed(to->layer, buf_span(&from->output));
    if (!to->is_done)
        to->is_done = tls_layer_handshake(to->layer) == TLS_DONE;
    if (to->is_done) { /* tickets */
        char octets[16];
        size_t n;

        ck_assert_int_eq(tls_layer_read(to->layer, octets, sizeof(octets), &n), TLS_MORE);
    }
    buf_reset(&from->output);
}

static void
shake(struct end *ours, struct end *theirs)
{
    ck_assert_int_eq(tls_layer_handshake(ours->layer), TLS_MORE);
    for (int i = 0; i < 6 && !(ours->is_done && theirs->is_done); i++) {
        carry(ours, theirs);
        carry(theirs, ours);
    }
    ck_assert(ours->is_done && theirs->is_done);
}

static void
meet(struct end *ours, struct end *theirs, const struct made *m, struct span authorities,
     const struct tls_target *target)
{
    struct tls_context *x = client(authorities), *y = service(m);

    *ours = *theirs = (struct end){.layer = NULL};
    buf_init(&ours->output, 65536);
    buf_init(&theirs->output, 65536);
    ours->layer = tls_layer_new(x, target, &ours->output);
    theirs->layer = tls_layer_new(y, NULL, &theirs->output);
    tls_context_free(x);
    tls_context_free(y);
    ck_assert(ours->layer != NULL && theirs->layer != NULL);
    shake(ours, theirs);
}

static void
leave(struct end *e)
{
    tls_layer_free(e->layer);
    buf_release(&e->output);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

static const struct {
    const char *name;
    const char *host, *names;
    long from, to;
    const char *target;
    bool is_number, is_believed;
    const char *problem; /* part of it; NULL: verified */
} cases[] = {
    {"a good one", "mx.example.org", "DNS:mx.example.org", -DAY, DAY, "mx.example.org", false, true,
     NULL},
    {"a good one in other letters", "x", "DNS:MX.Example.ORG", -DAY, DAY, "mx.example.org", false,
     true, NULL},
    {"of nobody we know", "mx.example.org", "DNS:mx.example.org", -DAY, DAY, "mx.example.org",
     false, false, "self-signed"},
    {"another name", "mx.example.org", "DNS:mx.example.org", -DAY, DAY, "mx.example.net", false,
     true, "hostname mismatch"},
    {"a name that ours begins with", "x", "DNS:mx.example", -DAY, DAY, "mx.example.org", false,
     true, "hostname mismatch"},
    {"a name in the subject alone", "mx.example.org", "DNS:other.example", -DAY, DAY,
     "mx.example.org", false, true, "hostname mismatch"},
    {"a wildcard", "x", "DNS:*.example.org", -DAY, DAY, "mx.example.org", false, true, NULL},
    {"a wildcard for two labels", "x", "DNS:*.example.org", -DAY, DAY, "a.mx.example.org", false,
     true, "hostname mismatch"},
    {"a wildcard for part of a label", "x", "DNS:m*.example.org", -DAY, DAY, "mx.example.org",
     false, true, "hostname mismatch"},
    {"expired", "mx.example.org", "DNS:mx.example.org", -2 * DAY, -DAY, "mx.example.org", false,
     true, "expired"},
    {"not valid yet", "mx.example.org", "DNS:mx.example.org", DAY, 2 * DAY, "mx.example.org", false,
     true, "not yet valid"},
    {"an address", "x", "IP:192.0.2.1", -DAY, DAY, "192.0.2.1", true, true, NULL},
    {"an address of IPv6", "x", "IP:2001:db8::1", -DAY, DAY, "2001:db8::1", true, true, NULL},
    {"another address", "x", "IP:192.0.2.1", -DAY, DAY, "192.0.2.2", true, true, "mismatch"},
    {"a name that looks like an address", "x", "DNS:192.0.2.1", -DAY, DAY, "192.0.2.1", true, true,
     "mismatch"},
};

START_TEST(certificates_of_servers)
{
    const struct tls_target target = {cases[_i].target, cases[_i].is_number, true, NULL};
    struct span authorities = SPAN_NONE;
    const struct tls_facts *facts;
    struct end ours, theirs;
    struct made m;

    make_for(&m, cases[_i].host, cases[_i].names, cases[_i].from, cases[_i].to);
    if (cases[_i].is_believed)
        authorities = m.pair.certificate;
    meet(&ours, &theirs, &m, authorities, &target);
    facts = tls_layer_facts(ours.layer);
    ck_assert_msg(facts->is_server_verified == (cases[_i].problem == NULL), "%s: '%s'",
                  cases[_i].name, facts->server_problem);
    ck_assert_msg(cases[_i].problem == NULL
                      ? facts->server_problem[0] == '\0'
                      : strstr(facts->server_problem, cases[_i].problem) != NULL,
                  "%s: '%s'", cases[_i].name, facts->server_problem);
    ck_assert_str_eq(facts->version, "TLSv1.3");
    ck_assert_str_eq(tls_layer_facts(theirs.layer)->server_name,
                     target.is_number ? "" : target.name);
    leave(&ours);
    leave(&theirs);
}
END_TEST

START_TEST(both_ends_have_the_same_bindings)
{
    const struct tls_target target = {"mx.example.org", false, _i == 1, NULL};
    uint8_t ours_binding[TLS_BINDING_MAX], theirs_binding[TLS_BINDING_MAX];
    const enum tls_binding kinds[] = {TLS_BINDING_EXPORTER, TLS_BINDING_SERVER_END_POINT};
    struct end ours, theirs;
    struct made m;

    make(&m, "mx.example.org", -DAY, DAY);
    meet(&ours, &theirs, &m, SPAN_NONE, &target);
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0, k = 0;

        ck_assert(tls_layer_binding(ours.layer, kinds[i], ours_binding, &n));
        ck_assert(tls_layer_binding(theirs.layer, kinds[i], theirs_binding, &k));
        ck_assert_uint_eq(n, k);
        ck_assert_mem_eq(ours_binding, theirs_binding, n);
    }
    leave(&ours);
    leave(&theirs);
}
END_TEST

/* ---- what is resumed ---- */

static const struct tls_ticket_keys keys = {1, {{7}}};

static void
give(struct end *e, struct tls_context *x, const struct tls_target *target)
{
    *e = (struct end){.layer = NULL};
    buf_init(&e->output, 65536);
    e->layer = tls_layer_new(x, target, &e->output);
    ck_assert_ptr_nonnull(e->layer);
}

/* Was it resumed? Both ends go as they do behind QUIT. */
static bool
meets_again(struct tls_context *x, struct tls_context *y, const struct tls_target *target)
{
    struct end ours, theirs;

    give(&ours, x, target);
    give(&theirs, y, NULL);
    shake(&ours, &theirs);
    carry(&theirs, &ours); /* the ticket */
    const struct tls_facts *facts = tls_layer_facts(ours.layer);
    bool is_resumed = facts->is_resumed;
    ck_assert_int_eq(is_resumed, tls_layer_facts(theirs.layer)->is_resumed);
    ck_assert(!is_resumed || facts->is_server_verified || !target->is_strict);
    tls_layer_end(ours.layer);
    tls_layer_end(theirs.layer);
    leave(&ours);
    leave(&theirs);
    return is_resumed;
}

static const struct {
    const char *name, *first, *second;
    bool is_first_strict, is_second_strict, is_believed, expected;
} again[] = {
    {"the same target", "mx.example.org", "mx.example.org", true, true, true, true},
    {"of no verified name", "mx.example.org", "mx.example.org", false, false, false, true},
    {"another name", "mx.example.org", "mx2.example.org", true, true, true, false},
    {"verified, where it did not matter before", "mx.example.org", "mx.example.org", false, true,
     true, false},
    {"a bad certificate, where it matters", "mx.example.org", "mx.example.org", true, true, false,
     false},
};

START_TEST(a_session_is_resumed_by_whom_it_was_for)
{
    struct tls_sessions *sessions = tls_sessions_new();
    struct tls_target target = {again[_i].first, false, again[_i].is_first_strict, sessions};
    struct made m;

    make_for(&m, "mx.example.org", "DNS:mx.example.org,DNS:mx2.example.org", -DAY, DAY);
    struct tls_context *x = client(again[_i].is_believed ? m.pair.certificate : SPAN_NONE);
    struct tls_context *y = service(&m);
    tls_context_set_keys(y, &keys);
    ck_assert(!meets_again(x, y, &target));
    target.name = again[_i].second;
    target.is_strict = again[_i].is_second_strict;
    ck_assert_msg(meets_again(x, y, &target) == again[_i].expected, "%s", again[_i].name);
    tls_sessions_free(sessions);
    tls_context_free(x);
    tls_context_free(y);
}
END_TEST

/* A server that has lost its keys makes a whole handshake of it. */
START_TEST(a_ticket_that_nobody_knows_costs_nothing)
{
    struct tls_sessions *sessions = tls_sessions_new();
    const struct tls_target target = {"mx.example.org", false, true, sessions};
    const struct tls_ticket_keys others = {1, {{8}}};
    struct made m;

    make(&m, "mx.example.org", -DAY, DAY);
    struct tls_context *x = client(m.pair.certificate), *y = service(&m);
    tls_context_set_keys(y, &keys);
    ck_assert(!meets_again(x, y, &target));
    tls_context_set_keys(y, &others);
    ck_assert(!meets_again(x, y, &target));
    for (int i = 0; i < 20; i++)
        ck_assert(meets_again(x, y, &target));
    struct end ours; /* and one that came to nothing is no longer believed */
    give(&ours, x, &target);
    ck_assert_int_eq(tls_layer_handshake(ours.layer), TLS_MORE);
    leave(&ours);
    ck_assert(!meets_again(x, y, &target));
    tls_sessions_free(sessions);
    tls_context_free(x);
    tls_context_free(y);
}
END_TEST

START_TEST(authorities_that_are_none)
{
    struct buf why;

    buf_init(&why, 512);
    ck_assert_ptr_null(tls_client_context_new(span_of("no certificate"), &why));
    ck_assert_uint_gt(why.len, 0);
    buf_release(&why);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tls client");
    TCase *tcase = tcase_create("client");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, certificates_of_servers, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_loop_test(tcase, both_ends_have_the_same_bindings, 0, 2);
    tcase_add_loop_test(tcase, a_session_is_resumed_by_whom_it_was_for, 0,
                        sizeof(again) / sizeof(again[0]));
    tcase_add_test(tcase, a_ticket_that_nobody_knows_costs_nothing);
    tcase_add_test(tcase, authorities_that_are_none);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
