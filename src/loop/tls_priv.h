/* SPDX-License-Identifier: MIT
 *
 * Inside TLS: pairs (tls_pair.c) and tickets (tls_ticket.c) make a context (tls_context.c), and a
 * layer (tls_layer.c) is one connection's use of it. Nothing here knows sockets: octets come in as
 * a span and go out into a buf, so that no file, descriptor or thread is touched.
 */
#ifndef DOORSTEP_LOOP_TLS_PRIV_H
#define DOORSTEP_LOOP_TLS_PRIV_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "doorstep/tls.h"

#define TLS_SECURITY_LEVEL 2    /* SSL_CTX_set_security_level(3): 112 bits, RSA of 2048 */
#define TLS_AUTHORITIES_MAX 256 /* certificates in one client_ca */

/* Authenticated encryption and forward secrecy; TLS 1.3 has nothing else. */
#define TLS_CIPHERS_OF_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

/* What a peer may send for us to verify. */
#define TLS_PEER_CHAIN_OCTETS_MAX 32768
#define TLS_PEER_CHAIN_DEPTH_MAX 8

/* tls_library_start() - before anything else of OpenSSL: no configuration file, no atexit. */
void tls_library_start(void);

/* tls_error() - the first of OpenSSL's queue, which is emptied; static text. */
const char *tls_error(void);

/* --- tls_pair.c --- */

struct tls_identity { /* a pair, parsed */
    X509 *certificate;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
};

/* tls_identity_load() - false: why says it, and nothing has to be released. */
bool tls_identity_load(struct tls_identity *i, const struct tls_pair *pair, struct buf *why);
void tls_identity_release(struct tls_identity *i);

/* tls_certificates_load() - all of a PEM text, at least one, at most max; NULL: why says it. */
STACK_OF(X509) * tls_certificates_load(struct span pem, int max, struct buf *why);

/* --- tls_ticket.c --- */

struct tls_ticket_key { /* of one service */
    uint8_t name[16];
    uint8_t cipher[32];
    uint8_t mac[32];
};

struct tls_tickets {
    unsigned count;
    struct tls_ticket_key key[TLS_TICKET_KEYS];
};

/* tls_tickets_derive() - false: without memory; no tickets then. */
bool tls_tickets_derive(struct tls_tickets *t, const struct tls_ticket_keys *from,
                        const char *service);

/* --- tls_context.c --- */

struct tls_context {
    unsigned references;
    SSL_CTX *ssl;
    struct tls_identity identities[TLS_PAIRS_MAX];
    size_t identity_count;
    bool asks_client; /* for a certificate */
    char *name;       /* of the service */
    struct tls_tickets tickets;
};

struct tls_context *tls_context_of(const SSL *ssl);

/* tls_go_on() - for SSL_CTX_set_verify(3): what is wrong with a certificate stays with the
 * connection (SSL_get_verify_result(3)), and whoever needs a good one asks for it. */
int tls_go_on(int is_good, X509_STORE_CTX *store);

/* tls_believe() - add all of a PEM text to the authorities. NULL: why says it; otherwise they are
 * the caller's, for sk_X509_pop_free(). */
STACK_OF(X509) * tls_believe(SSL_CTX *context, struct span pem, struct buf *why);

int tls_ticket_seal_or_open(SSL *ssl, unsigned char name[16], unsigned char *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new);

/* --- tls_client.c --- */

/* tls_client_aim() - before the handshake; false without memory. */
bool tls_client_aim(SSL *ssl, const struct tls_target *target);

/* --- tls_sessions.c --- */

/* tls_sessions_use() - ssl resumes one of them, if there is one for that target, and gives those
 * that it gets; s may be NULL. false without memory. */
bool tls_sessions_use(struct tls_sessions *s, const struct tls_target *target, SSL *ssl);
int tls_sessions_keep(SSL *ssl, SSL_SESSION *session);

/* tls_sessions_failed() - the handshake came to nothing: the next one begins anew. */
void tls_sessions_failed(SSL *ssl);

/* --- tls_peer.c --- */

#define TLS_TEXT_MAX 256

struct tls_peer { /* what the facts point to */
    char server_name[TLS_TEXT_MAX];
    char subject[TLS_TEXT_MAX], issuer[TLS_TEXT_MAX], issuer_name[TLS_TEXT_MAX];
    char common_name[TLS_TEXT_MAX], email[TLS_TEXT_MAX];
    char fingerprint[65];
};

/* tls_peer_new() - the facts of a connection whose handshake is done, and the texts that they point
 * to (owned by the caller). NULL without memory. */
struct tls_peer *tls_peer_new(SSL *ssl, struct tls_facts *facts);

bool tls_peer_binding(SSL *ssl, enum tls_binding kind, uint8_t out[TLS_BINDING_MAX],
                      size_t *length);

/* --- tls_layer.c --- */

struct tls_layer;

enum tls_step {
    TLS_MORE,  /* octets are needed */
    TLS_DONE,  /* the handshake is; or there are octets */
    TLS_ENDED, /* the peer says no more */
    TLS_BROKEN /* tls_layer_failure() says why; an alert may have been written */
};

/* tls_layer_new() - keeps a reference to context; writes to output (borrowed). target: whom a
 * client's means; NULL for a service's. */
struct tls_layer *tls_layer_new(struct tls_context *context, const struct tls_target *target,
                                struct buf *output);
void tls_layer_free(struct tls_layer *t); /* NULL is allowed */

/* tls_layer_feed() - the next octets from the peer, borrowed until they were all read: call
 * tls_layer_handshake() or tls_layer_read() until it says TLS_MORE. */
void tls_layer_feed(struct tls_layer *t, struct span in);
enum tls_step tls_layer_handshake(struct tls_layer *t);
enum tls_step tls_layer_read(struct tls_layer *t, char *out, size_t size, size_t *n);

bool tls_layer_write(struct tls_layer *t, struct span octets);
void tls_layer_end(struct tls_layer *t); /* close_notify */

bool tls_layer_is_ready(const struct tls_layer *t);
const struct tls_facts *tls_layer_facts(const struct tls_layer *t); /* behind TLS_DONE */
const char *tls_layer_failure(const struct tls_layer *t);
bool tls_layer_binding(const struct tls_layer *t, enum tls_binding kind,
                       uint8_t out[TLS_BINDING_MAX], size_t *length);

#endif
