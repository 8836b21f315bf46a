/* SPDX-License-Identifier: MIT
 *
 * TLS without sockets: pairs, services, tickets and channel bindings, with OpenSSL's own client at
 * the other end of two memories. What real clients see is in tests/integration/tls.py.
 */
#include <check.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/loop/tls_priv.h"
#include "certificates.h"

/* --- certificates --- */

static const struct {
    const char *name;
    long from, to;
    bool other_key;
    const char *certificate, *key; /* in place of the made ones */
    const char *why;               /* NULL: good */
} pairs[] = {
    {"a good one", -DAY, DAY, false, NULL, NULL, NULL},
    {"one that has expired", -2 * DAY, -DAY, false, NULL, NULL, "expired on"},
    {"one that is not valid yet", DAY, 2 * DAY, false, NULL, NULL, "is not valid before"},
    {"another's key", -DAY, DAY, true, NULL, NULL, "do not belong together"},
    {"an empty certificate", -DAY, DAY, false, "", NULL, "has no certificates"},
    {"an empty key", -DAY, DAY, false, NULL, "", "is no private key"},
    {"half a frame", -DAY, DAY, false, "-----BEGIN CERTIFICATE-----\nMII", NULL,
     "has no certificates"},
    {"no base64 in it", -DAY, DAY, false,
     "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n", NULL, "has no certificates"},
    {"a certificate in place of the key", -DAY, DAY, false, NULL,
     "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "is no private key"},
};

START_TEST(pairs_are_looked_at)
{
    struct made one, other;
    struct tls_pair pair;
    time_t end = 0;
    struct buf why;
    bool good;

    buf_init(&why, 512);
    make(&one, "mx.example.org", pairs[_i].from, pairs[_i].to);
    make(&other, "mx.example.org", -DAY, DAY);
    pair = one.pair;
    if (pairs[_i].other_key)
        pair.key = other.pair.key;
    if (pairs[_i].certificate != NULL)
        pair.certificate = span_of(pairs[_i].certificate);
    if (pairs[_i].key != NULL)
        pair.key = span_of(pairs[_i].key);
    good = tls_pair_check(&pair, &end, &why);
    ck_assert_msg(good == (pairs[_i].why == NULL), "%s: %s", pairs[_i].name, buf_str(&why));
    if (good)
        ck_assert(labs((long)(end - time(NULL)) - pairs[_i].to) < 60);
    else
        ck_assert_msg(strstr(buf_str(&why), pairs[_i].why) != NULL, "%s: %s", pairs[_i].name,
                      buf_str(&why));
    ck_assert_uint_eq(ERR_peek_error(), 0); /* nothing stays for the next one to stumble over */
    buf_release(&why);
}
END_TEST

/* --- a handshake in memory --- */

struct ends {
    struct tls_layer *server;
    struct buf to_client;
    SSL_CTX *context;
    SSL *client;
    BIO *in, *out; /* the client's, owned by it */
    char heard[256];
    size_t heard_length;
};

static SSL_CTX *
client_context(int version)
{
    SSL_CTX *x = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_min_proto_version(x, version);
    SSL_CTX_set_max_proto_version(x, version);
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF); /* its end would end its sessions */
    return x;
}

static void
ends_open(struct ends *e, struct tls_context *service, int version, SSL_SESSION *session)
{
    *e = (struct ends){.context = client_context(version)};
    buf_init(&e->to_client, 1 << 20);
    e->server = tls_layer_new(service, NULL, &e->to_client);
    e->client = SSL_new(e->context);
    e->in = BIO_new(BIO_s_mem());
    e->out = BIO_new(BIO_s_mem());
    ck_assert(e->server != NULL && e->client != NULL && e->in != NULL && e->out != NULL);
    BIO_set_mem_eof_return(e->in, -1);
    SSL_set_bio(e->client, e->in, e->out);
    SSL_set_tlsext_host_name(e->client, "mx.example.org");
    if (session != NULL)
        SSL_set_session(e->client, session);
    SSL_set_connect_state(e->client);
}

static void
ends_close(struct ends *e)
{
    tls_layer_free(e->server);
    SSL_free(e->client);
    SSL_CTX_free(e->context);
    buf_release(&e->to_client);
    ERR_clear_error();
}

/* What the client wrote, in pieces of `split`; what the server answers goes to the client. */
static enum tls_step
carry(struct ends *e, size_t split)
{
    enum tls_step step = TLS_MORE;
    char piece[65536];
    int n;

    while (step != TLS_BROKEN && step != TLS_ENDED &&
           (n = BIO_read(e->out, piece, (int)split)) > 0) {
        tls_layer_feed(e->server, (struct span){piece, (size_t)n});
        do {
            size_t got = 0;

            step = !tls_layer_is_ready(e->server)
                       ? tls_layer_handshake(e->server)
                       : tls_layer_read(e->server, e->heard + e->heard_length,
                                        sizeof(e->heard) - e->heard_length, &got);
            e->heard_length += got;
        } while (step == TLS_DONE);
    }
    if (e->to_client.len > 0)
        BIO_write(e->in, e->to_client.data, (int)e->to_client.len);
    buf_reset(&e->to_client);
    return step;
}

static bool
shake(struct ends *e, size_t split)
{
    for (int i = 0; i < 10; i++) {
        int result = SSL_do_handshake(e->client);

        if (carry(e, split) == TLS_BROKEN)
            return false;
        if (result == 1 && tls_layer_is_ready(e->server))
            return true;
    }
    return false;
}

static struct tls_context *
service(const char *name, const struct made *m, const struct tls_ticket_keys *keys)
{
    const struct tls_service s = {.name = name, .pairs = &m->pair, .pair_count = 1};
    struct buf why;
    struct tls_context *x;

    buf_init(&why, 512);
    x = tls_context_new(&s, &why);
    ck_assert_msg(x != NULL, "%s", buf_str(&why));
    tls_context_set_keys(x, keys);
    buf_release(&why);
    return x;
}

static const struct tls_ticket_keys some_keys = {.count = 2, .key = {{1}, {2}}};

static const struct {
    int version;
    size_t split;
} ways[] = {
    {TLS1_2_VERSION, 1}, {TLS1_2_VERSION, 7}, {TLS1_2_VERSION, 65536},
    {TLS1_3_VERSION, 1}, {TLS1_3_VERSION, 7}, {TLS1_3_VERSION, 65536},
};

START_TEST(octets_pass_both_ways_however_they_are_split)
{
    struct made m;
    struct tls_context *x;
    struct ends e;
    char answer[64];

    make(&m, "mx.example.org", -DAY, DAY);
    x = service("smtp test", &m, &some_keys);
    ends_open(&e, x, ways[_i].version, NULL);
    tls_context_free(x); /* the layer has its own reference */
    ck_assert(shake(&e, ways[_i].split));
    ck_assert_str_eq(tls_layer_facts(e.server)->version, SSL_get_version(e.client));
    ck_assert_str_eq(tls_layer_facts(e.server)->server_name, "mx.example.org");
    ck_assert_uint_ge(tls_layer_facts(e.server)->bits, 128);
    ck_assert(!tls_layer_facts(e.server)->is_client_verified);
    ck_assert_int_eq(SSL_write(e.client, "one", 3), 3);
    ck_assert_int_eq(SSL_write(e.client, "two", 3), 3);
    ck_assert_int_eq(carry(&e, ways[_i].split), TLS_MORE);
    ck_assert(e.heard_length == 6 && memcmp(e.heard, "onetwo", 6) == 0);
    ck_assert(tls_layer_write(e.server, SPAN("three")));
    carry(&e, 1);
    ck_assert_int_eq(SSL_read(e.client, answer, sizeof(answer)), 5);
    SSL_shutdown(e.client);
    ck_assert_int_eq(carry(&e, ways[_i].split), TLS_ENDED);
    tls_layer_end(e.server);
    carry(&e, 1);
    ck_assert_int_eq(SSL_read(e.client, answer, sizeof(answer)), 0);
    ck_assert_int_eq(SSL_get_shutdown(e.client), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ends_close(&e);
}
END_TEST

/* --- channel bindings --- */

START_TEST(both_ends_have_the_same_bindings)
{
    const bool is_13 = ways[_i].version == TLS1_3_VERSION;
    uint8_t ours[TLS_BINDING_MAX], theirs[EVP_MAX_MD_SIZE];
    struct made m;
    struct tls_context *x;
    struct ends e;
    X509 *peer;
    unsigned n;
    size_t length;

    make(&m, "mx.example.org", -DAY, DAY);
    x = service("smtp test", &m, &some_keys);
    ends_open(&e, x, ways[_i].version, NULL);
    ck_assert(!tls_layer_binding(e.server, TLS_BINDING_EXPORTER, ours, &length));
    ck_assert(shake(&e, ways[_i].split));
    ck_assert(tls_layer_facts(e.server)->has_binding == is_13);
    ck_assert(tls_layer_binding(e.server, TLS_BINDING_EXPORTER, ours, &length) == is_13);
    if (is_13) {
        ck_assert_uint_eq(length, 32);
        ck_assert_int_eq(SSL_export_keying_material(e.client, theirs, 32,
                                                    "EXPORTER-Channel-Binding", 24, NULL, 0, 0),
                         1);
        ck_assert_mem_eq(ours, theirs, 32);
    }
    peer = SSL_get1_peer_certificate(e.client);
    ck_assert_int_eq(X509_digest(peer, EVP_sha384(), theirs, &n), 1); /* as it was signed */
    X509_free(peer);
    ck_assert(tls_layer_binding(e.server, TLS_BINDING_SERVER_END_POINT, ours, &length));
    ck_assert_uint_eq(length, n);
    ck_assert_mem_eq(ours, theirs, n);
    ends_close(&e);
    tls_context_free(x);
}
END_TEST

/* --- tickets --- */

static SSL_SESSION *
ticket_of(struct tls_context *x, int version)
{
    SSL_SESSION *session;
    struct ends e;
    char octet;

    ends_open(&e, x, version, NULL);
    ck_assert(shake(&e, 65536));
    ck_assert_int_le(SSL_read(e.client, &octet, 1), 0); /* takes the ticket of 1.3 */
    session = SSL_get1_session(e.client);
    SSL_set_shutdown(e.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ends_close(&e);
    return session;
}

static const struct {
    const char *name;
    const char *service;
    struct tls_ticket_keys keys;
    bool is_resumed;
} tickets[] = {
    {"the same service", "smtp a", {2, {{1}, {2}}}, true},
    {"keys changed once", "smtp a", {3, {{9}, {1}, {2}}}, true},
    {"keys changed twice", "smtp a", {3, {{8}, {9}, {1}}}, true},
    {"the key has gone", "smtp a", {3, {{7}, {8}, {9}}}, false},
    {"no keys", "smtp a", {0, {{0}}}, false},
    {"another service", "smtp b", {2, {{1}, {2}}}, false},
    {"one whose name begins the same", "smtp a1", {2, {{1}, {2}}}, false},
};

START_TEST(tickets_open_where_they_should)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct made m;

    make(&m, "mx.example.org", -DAY, DAY);
    for (size_t i = 0; i < 2; i++) {
        struct tls_context *a = service("smtp a", &m, &some_keys);
        struct tls_context *b = service(tickets[_i].service, &m, &tickets[_i].keys);
        SSL_SESSION *session = ticket_of(a, versions[i]);
        uint8_t binding[TLS_BINDING_MAX];
        size_t length;
        struct ends e;

        ck_assert(SSL_SESSION_has_ticket(session));
        ends_open(&e, b, versions[i], session);
        ck_assert(shake(&e, 65536));
        ck_assert_msg(tls_layer_facts(e.server)->is_resumed == tickets[_i].is_resumed, "%s, %s",
                      tickets[_i].name, tls_layer_facts(e.server)->version);
        if (tickets[_i].is_resumed) /* no certificate was sent */
            ck_assert(!tls_layer_binding(e.server, TLS_BINDING_SERVER_END_POINT, binding, &length));
        ends_close(&e);
        SSL_SESSION_free(session);
        tls_context_free(a);
        tls_context_free(b);
    }
}
END_TEST

/* Each octet of a ticket changed: a full handshake, and nothing worse. */
START_TEST(a_forged_ticket_opens_nothing)
{
    struct made m;
    struct tls_context *x;
    SSL_SESSION *session;
    const unsigned char *ticket;
    size_t length;

    make(&m, "mx.example.org", -DAY, DAY);
    x = service("smtp a", &m, &some_keys);
    session = ticket_of(x, TLS1_2_VERSION);
    SSL_SESSION_get0_ticket(session, &ticket, &length);
    for (size_t i = 0; i < length; i += 5) {
        struct ends e;

        ((unsigned char *)(uintptr_t)ticket)[i] ^= 1;
        ends_open(&e, x, TLS1_2_VERSION, session);
        ck_assert(shake(&e, 65536));
        ck_assert(!tls_layer_facts(e.server)->is_resumed);
        ends_close(&e);
        ((unsigned char *)(uintptr_t)ticket)[i] ^= 1;
    }
    SSL_SESSION_free(session);
    tls_context_free(x);
}
END_TEST

/* --- as octets --- */

START_TEST(a_service_comes_through_whole_or_not_at_all)
{
    struct tls_pair two[2] = {{SPAN("certificate"), SPAN("key")}, {SPAN("c2"), SPAN("k2")}};
    const struct tls_service s = {
        .name = "smtp 127.0.0.1:25", .pairs = two, .pair_count = 2, .client_ca = SPAN("ca")};
    struct tls_pair pairs_again[TLS_PAIRS_MAX];
    char name[TLS_NAME_SIZE];
    struct tls_service again;
    struct unpack u;
    struct pack p;
    struct buf out;

    buf_init(&out, 65536);
    pack_init(&p, &out);
    tls_service_pack(&s, &p);
    for (size_t n = 0; n <= out.len; n++) {
        unpack_init(&u, (struct span){out.data, n});
        tls_service_unpack(&again, name, pairs_again, &u);
        ck_assert(unpack_done(&u) == (n == out.len));
    }
    ck_assert_str_eq(again.name, s.name);
    ck_assert_uint_eq(again.pair_count, 2);
    ck_assert(span_equal(again.pairs[1].key, SPAN("k2")));
    ck_assert(span_equal(again.client_ca, SPAN("ca")));
    buf_release(&out);
}
END_TEST

static const struct {
    const char *name;
    uint32_t count, size;
} key_rows[] = {{"too many", TLS_TICKET_KEYS + 1, TLS_TICKET_KEY_SIZE},
                {"too short", 1, TLS_TICKET_KEY_SIZE - 1},
                {"too long", 1, TLS_TICKET_KEY_SIZE + 1},
                {"far too many", UINT32_MAX, TLS_TICKET_KEY_SIZE}};

START_TEST(ticket_keys_of_another_form_are_refused)
{
    static const char octets[TLS_TICKET_KEY_SIZE + 1];
    struct tls_ticket_keys keys;
    struct unpack u;
    struct pack p;
    struct buf out;

    buf_init(&out, 65536);
    pack_init(&p, &out);
    pack_u32(&p, key_rows[_i].count);
    for (uint32_t i = 0; i < key_rows[_i].count && i < 8; i++)
        pack_span(&p, (struct span){octets, key_rows[_i].size});
    unpack_init(&u, buf_span(&out));
    tls_ticket_keys_unpack(&keys, &u);
    ck_assert_msg(u.broken && keys.count == 0, "%s", key_rows[_i].name);
    buf_release(&out);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

int
main(void)
{
    Suite *suite = suite_create("tls");
    TCase *t = tcase_create("tls");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, pairs_are_looked_at, 0, COUNT(pairs));
    tcase_add_loop_test(t, octets_pass_both_ways_however_they_are_split, 0, COUNT(ways));
    tcase_add_loop_test(t, both_ends_have_the_same_bindings, 0, COUNT(ways));
    tcase_add_loop_test(t, tickets_open_where_they_should, 0, COUNT(tickets));
    tcase_add_test(t, a_forged_ticket_opens_nothing);
    tcase_add_test(t, a_service_comes_through_whole_or_not_at_all);
    tcase_add_loop_test(t, ticket_keys_of_another_form_are_refused, 0, COUNT(key_rows));
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
