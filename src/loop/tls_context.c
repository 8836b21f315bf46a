/* SPDX-License-Identifier: MIT
 *
 * A service's side of every handshake: which versions and ciphers, which certificate for which
 * name, whether a client's certificate is good, and that tickets of others are nothing here.
 * One SSL_CTX a service; the certificate is chosen in each handshake, so that a name may have
 * several (RSA and ECDSA).
 */
#include "tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* --- which certificate --- */

static bool
has_name(const struct tls_identity *i, struct span name, unsigned flags)
{
    return X509_check_host(i->certificate, name.p, name.n,
                           flags | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* Take those that have the name: one of each kind of key, in the order of the settings. */
static bool
use_named(const struct tls_context *x, SSL *ssl, struct span name, unsigned flags)
{
    int kinds[TLS_PAIRS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < x->identity_count; i++) {
        const struct tls_identity *id = &x->identities[i];
        int kind = EVP_PKEY_get_base_id(id->key);
        bool is_new = has_name(id, name, flags);

        for (size_t j = 0; j < count && is_new; j++)
            is_new = kinds[j] != kind;
        if (is_new && SSL_use_cert_and_key(ssl, id->certificate, id->key, id->chain, 1) == 1)
            kinds[count++] = kind;
    }
    return count > 0;
}

static bool
use_first(const struct tls_context *x, SSL *ssl)
{
    const struct tls_identity *id = &x->identities[0];

    return SSL_use_cert_and_key(ssl, id->certificate, id->key, id->chain, 1) == 1;
}

/* A certificate for just this name wins against one for all names of a domain. Whoever asks for a
 * name that we have not, or for none, gets the first: most clients of a mail server check no name,
 * and those that do shall see what is wrong. */
static int
choose_certificate(SSL *ssl, void *arg)
{
    const struct tls_context *x = arg;
    const char *text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct span name = span_of(text != NULL ? text : "");

    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    SSL_certs_clear(ssl);
    if (name.n > 0 &&
        (use_named(x, ssl, name, X509_CHECK_FLAG_NO_WILDCARDS) || use_named(x, ssl, name, 0)))
        return 1;
    return use_first(x, ssl) ? 1 : 0;
}

/* --- who else may talk here --- */

/* A client that names a protocol means mail, or was sent here by somebody in between (ALPACA). */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                const unsigned char *in, unsigned in_length, void *arg)
{
    static const unsigned char ours[] = "\x04smtp\x05"
                                        "esmtp\x04lmtp";
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_length, ours, sizeof(ours) - 1, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A bad certificate is no reason to refuse mail that would be taken without any; `require` asks
 * whether it is good. */
int
tls_go_on(int is_good, X509_STORE_CTX *store)
{
    (void)is_good;
    (void)store;
    return 1;
}

STACK_OF(X509) * tls_believe(SSL_CTX *context, struct span pem, struct buf *why)
{
    STACK_OF(X509) *all = tls_certificates_load(pem, TLS_AUTHORITIES_MAX, why);

    for (int i = 0; i < sk_X509_num(all); i++) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), sk_X509_value(all, i)) == 1)
            continue;
        buf_append_str(why, tls_error());
        sk_X509_pop_free(all, X509_free);
        return NULL;
    }
    return all;
}

static bool
ask_clients(struct tls_context *x, struct span client_ca, struct buf *why)
{
    STACK_OF(X509) *all = tls_believe(x->ssl, client_ca, why);
    bool done = all != NULL;

    for (int i = 0; done && i < sk_X509_num(all); i++) {
        done = SSL_CTX_add_client_CA(x->ssl, sk_X509_value(all, i)) == 1;
        if (!done)
            buf_append_str(why, tls_error());
    }
    sk_X509_pop_free(all, X509_free);
    x->asks_client = true;
    SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, tls_go_on);
    SSL_CTX_set_verify_depth(x->ssl, TLS_PEER_CHAIN_DEPTH_MAX);
    SSL_CTX_set_max_cert_list(x->ssl, TLS_PEER_CHAIN_OCTETS_MAX);
    return done;
}

/* --- making one --- */

static bool
set_context_id(struct tls_context *x)
{
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned length;

    return EVP_Digest(x->name, strlen(x->name), id, &length, EVP_sha256(), NULL) == 1 &&
           SSL_CTX_set_session_id_context(x->ssl, id, length) == 1;
}

/* A session of a client with a certificate is not resumed: each time its certificate is looked at
 * anew. */
static void
set_resumption(struct tls_context *x)
{
    SSL_CTX_set_session_cache_mode(x->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(x->ssl, TLS_TICKET_LIFE);
    SSL_CTX_set_num_tickets(x->ssl, x->asks_client ? 0 : 1);
    if (x->asks_client)
        SSL_CTX_set_options(x->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(x->ssl, tls_ticket_seal_or_open);
}

static bool
configure(struct tls_context *x)
{
    SSL_CTX_set_security_level(x->ssl, TLS_SECURITY_LEVEL);
    SSL_CTX_set_options(x->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(x->ssl, SSL_MODE_RELEASE_BUFFERS); /* an idle connection holds none */
    SSL_CTX_set_cert_cb(x->ssl, choose_certificate, x);
    SSL_CTX_set_alpn_select_cb(x->ssl, choose_protocol, NULL);
    SSL_CTX_set_app_data(x->ssl, x);
    return SSL_CTX_set_min_proto_version(x->ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(x->ssl, TLS_CIPHERS_OF_1_2) == 1 && set_context_id(x);
}

static bool
load_identities(struct tls_context *x, const struct tls_service *service, struct buf *why)
{
    for (size_t i = 0; i < service->pair_count; i++) {
        if (!tls_identity_load(&x->identities[i], &service->pairs[i], why))
            return false;
        x->identity_count++;
    }
    return true;
}

static bool
fill(struct tls_context *x, const struct tls_service *service, struct buf *why)
{
    x->name = strdup(service->name);
    x->ssl = SSL_CTX_new(TLS_server_method());
    if (x->name == NULL || x->ssl == NULL || !configure(x)) {
        buf_append_str(why, tls_error());
        return false;
    }
    if (!load_identities(x, service, why) ||
        (service->client_ca.n > 0 && !ask_clients(x, service->client_ca, why)))
        return false;
    set_resumption(x);
    return true;
}

struct tls_context *
tls_context_new(const struct tls_service *service, struct buf *why)
{
    struct tls_context *x;

    tls_library_start();
    if (service->pair_count == 0 || service->pair_count > TLS_PAIRS_MAX) {
        buf_append_str(why, "has no certificate, or too many");
        return NULL;
    }
    x = calloc(1, sizeof(*x));
    if (x == NULL) {
        buf_append_str(why, "out of memory");
        return NULL;
    }
    x->references = 1;
    if (fill(x, service, why))
        return x;
    tls_context_free(x);
    return NULL;
}

struct tls_context *
tls_context_keep(struct tls_context *x)
{
    x->references++;
    return x;
}

void
tls_context_free(struct tls_context *x)
{
    if (x == NULL || --x->references > 0)
        return;
    for (size_t i = 0; i < x->identity_count; i++)
        tls_identity_release(&x->identities[i]);
    SSL_CTX_free(x->ssl);
    OPENSSL_cleanse(&x->tickets, sizeof(x->tickets));
    free(x->name);
    free(x);
}

struct tls_context *
tls_context_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

void
tls_context_set_keys(struct tls_context *x, const struct tls_ticket_keys *keys)
{
    if (!tls_tickets_derive(&x->tickets, keys, x->name))
        OPENSSL_cleanse(&x->tickets, sizeof(x->tickets)); /* without tickets, then */
}
