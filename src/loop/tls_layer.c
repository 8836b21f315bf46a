/* SPDX-License-Identifier: MIT
 *
 * One connection's TLS between two memories: what came from the wire (a span, borrowed while it is
 * read) and what goes there (the connection's own output). A BIO of our own does that without a
 * copy that would stay: an idle layer holds OpenSSL's session state and no buffer.
 */
#include "tls_priv.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_layer {
    struct tls_context *context; /* a reference */
    SSL *ssl;
    struct span in;
    struct buf *output; /* borrowed */
    struct tls_facts facts;
    struct tls_peer *peer; /* owned; from the end of the handshake on */
    bool is_broken;        /* OpenSSL must not be called again */
    char failure[80];
};

/* --- the BIO --- */

static int
bio_read(BIO *bio, char *out, int size)
{
    struct tls_layer *t = BIO_get_data(bio);
    size_t n = t->in.n < (size_t)size ? t->in.n : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(out, t->in.p, n);
    t->in = span_skip(t->in, n);
    return (int)n;
}

static int
bio_write(BIO *bio, const char *octets, int n)
{
    struct tls_layer *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    return buf_append(t->output, octets, (size_t)n) ? n : -1;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static const BIO_METHOD *
bio_method(void)
{
    static BIO_METHOD *method; /* as long as the process */

    if (method != NULL)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    if (method != NULL) {
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* --- begin and end --- */

static bool
layer_open(struct tls_layer *t, const struct tls_target *target)
{
    BIO *bio = bio_method() == NULL ? NULL : BIO_new(bio_method());

    t->ssl = SSL_new(t->context->ssl);
    if (bio == NULL || t->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    if (target != NULL)
        return tls_client_aim(t->ssl, target);
    SSL_set_accept_state(t->ssl);
    return true;
}

struct tls_layer *
tls_layer_new(struct tls_context *context, const struct tls_target *target, struct buf *output)
{
    struct tls_layer *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->context = tls_context_keep(context);
    t->output = output;
    if (layer_open(t, target))
        return t;
    ERR_clear_error();
    tls_layer_free(t);
    return NULL;
}

void
tls_layer_free(struct tls_layer *t)
{
    if (t == NULL)
        return;
    if (t->ssl != NULL && !tls_layer_is_ready(t))
        tls_sessions_failed(t->ssl);
    SSL_free(t->ssl);
    tls_context_free(t->context);
    free(t->peer);
    free(t);
}

/* --- steps --- */

void
tls_layer_feed(struct tls_layer *t, struct span in)
{
    t->in = in;
}

static enum tls_step
step_failed(struct tls_layer *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    default:
        break;
    }
    t->is_broken = true;
    snprintf(t->failure, sizeof(t->failure), "tls: %s", tls_error());
    return TLS_BROKEN;
}

enum tls_step
tls_layer_handshake(struct tls_layer *t)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(t->ssl);
    if (result != 1)
        return step_failed(t, result);
    t->peer = tls_peer_new(t->ssl, &t->facts);
    if (t->peer != NULL)
        return TLS_DONE;
    t->is_broken = true;
    snprintf(t->failure, sizeof(t->failure), "tls: out of memory");
    return TLS_BROKEN;
}

enum tls_step
tls_layer_read(struct tls_layer *t, char *out, size_t size, size_t *n)
{
    ERR_clear_error();
    if (SSL_read_ex(t->ssl, out, size, n) == 1)
        return TLS_DONE;
    return step_failed(t, 0);
}

bool
tls_layer_write(struct tls_layer *t, struct span octets)
{
    size_t n;

    ERR_clear_error();
    if (t->is_broken || octets.n == 0)
        return !t->is_broken;
    if (SSL_write_ex(t->ssl, octets.p, octets.n, &n) == 1)
        return true;
    t->is_broken = true;
    return false;
}

void
tls_layer_end(struct tls_layer *t)
{
    if (t->is_broken || !tls_layer_is_ready(t))
        return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    t->is_broken = true; /* it is over */
}

bool
tls_layer_is_ready(const struct tls_layer *t)
{
    return t->peer != NULL;
}

const struct tls_facts *
tls_layer_facts(const struct tls_layer *t)
{
    return &t->facts;
}

const char *
tls_layer_failure(const struct tls_layer *t)
{
    return t->failure;
}

bool
tls_layer_binding(const struct tls_layer *t, enum tls_binding kind, uint8_t out[TLS_BINDING_MAX],
                  size_t *length)
{
    return tls_layer_is_ready(t) && tls_peer_binding(t->ssl, kind, out, length);
}
