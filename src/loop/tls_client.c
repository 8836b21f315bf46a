/* SPDX-License-Identifier: MIT
 *
 * Our side of handshakes that we begin: which authorities are believed, whose name a certificate
 * has to have, how old an algorithm may be. A certificate that is not good ends nothing here: the
 * owner of the connection hears of it before it has said anything, and decides.
 */
#include "tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define LENIENT_LEVEL 1 /* SSL_set_security_level(3): 80 bits, RSA of 1024 */
#define LENIENT_CIPHERS "DEFAULT:!aNULL"

/* --- the context --- */

static bool
configure(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tls_sessions_keep);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, tls_go_on);
    SSL_CTX_set_verify_depth(ssl, TLS_PEER_CHAIN_DEPTH_MAX);
    SSL_CTX_set_max_cert_list(ssl, TLS_PEER_CHAIN_OCTETS_MAX);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1;
}

static bool
fill(struct tls_context *x, struct span authorities, struct buf *why)
{
    STACK_OF(X509) * all;

    x->ssl = SSL_CTX_new(TLS_client_method());
    if (x->ssl == NULL || !configure(x->ssl)) {
        buf_append_str(why, tls_error());
        return false;
    }
    if (authorities.n == 0)
        return true;
    all = tls_believe(x->ssl, authorities, why);
    sk_X509_pop_free(all, X509_free);
    return all != NULL;
}

struct tls_context *
tls_client_context_new(struct span authorities, struct buf *why)
{
    struct tls_context *x = calloc(1, sizeof(*x));

    tls_library_start();
    if (x == NULL) {
        buf_append_str(why, "out of memory");
        return NULL;
    }
    x->references = 1;
    if (fill(x, authorities, why))
        return x;
    tls_context_free(x);
    return NULL;
}

/* --- a connection --- */

/* RFC 6125: a wildcard stands for a whole label, the leftmost one. */
static bool
set_name(SSL *ssl, const struct tls_target *target)
{
    X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);

    if (target->is_number)
        return X509_VERIFY_PARAM_set1_ip_asc(verify, target->name) == 1;
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(verify, target->name, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, target->name) == 1;
}

bool
tls_client_aim(SSL *ssl, const struct tls_target *target)
{
    SSL_set_connect_state(ssl);
    SSL_set_security_level(ssl, target->is_strict ? TLS_SECURITY_LEVEL : LENIENT_LEVEL);
    return set_name(ssl, target) &&
           SSL_set_cipher_list(ssl, target->is_strict ? TLS_CIPHERS_OF_1_2 : LENIENT_CIPHERS) ==
               1 &&
           tls_sessions_use(target->sessions, target, ssl);
}
