/* SPDX-License-Identifier: MIT
 *
 * Certificates and keys as PEM texts: read, and looked at before anybody trusts a service to them.
 * Main checks with this what it is about to hand over; the edge loads with it what it was handed.
 */
#include "tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void
start_library(void)
{
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

void
tls_library_start(void)
{
    pthread_once(&library_once, start_library);
}

const char *
tls_error(void)
{
    const char *text = ERR_reason_error_string(ERR_get_error());

    ERR_clear_error();
    return text != NULL ? text : "out of memory";
}

/* --- reading --- */

static bool
refuse(struct buf *why, const char *what)
{
    buf_append_str(why, what);
    return false;
}

STACK_OF(X509) * tls_certificates_load(struct span pem, int max, struct buf *why)
{
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    STACK_OF(X509) *all = sk_X509_new_null();
    X509 *one = NULL;

    while (in != NULL && all != NULL && sk_X509_num(all) < max &&
           (one = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL && sk_X509_push(all, one) > 0)
        one = NULL;
    X509_free(one);
    BIO_free(in);
    if (all != NULL && sk_X509_num(all) > 0 &&
        (sk_X509_num(all) == max || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)) {
        ERR_clear_error();
        return all;
    }
    buf_printf(why, "has no certificates in PEM (%s)", tls_error());
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

/* Nobody could type it at a daemon. */
static int
refuse_passphrase(char *out, int size, int is_writing, void *was_asked)
{
    (void)out;
    (void)size;
    (void)is_writing;
    *(bool *)was_asked = true;
    return -1;
}

static EVP_PKEY *
load_key(struct span pem, struct buf *why)
{
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    bool was_asked = false;
    EVP_PKEY *key =
        in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, refuse_passphrase, &was_asked);

    BIO_free(in);
    if (key == NULL && was_asked)
        buf_append_str(why, "is a key with a passphrase, which nobody can give at start");
    else if (key == NULL)
        buf_printf(why, "is no private key in PEM (%s)", tls_error());
    ERR_clear_error();
    return key;
}

void
tls_identity_release(struct tls_identity *i)
{
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
    sk_X509_pop_free(i->chain, X509_free);
    *i = (struct tls_identity){0};
}

/* Do they belong together, and are they strong enough for a server of ours? */
static bool
identity_fits(const struct tls_identity *i, struct buf *why)
{
    SSL_CTX *probe = SSL_CTX_new(TLS_server_method());
    bool fits;

    if (probe == NULL)
        return refuse(why, tls_error());
    SSL_CTX_set_security_level(probe, TLS_SECURITY_LEVEL);
    fits = X509_check_private_key(i->certificate, i->key) == 1;
    if (!fits)
        buf_append_str(why, "and the key do not belong together");
    else if (SSL_CTX_use_cert_and_key(probe, i->certificate, i->key, i->chain, 1) != 1) {
        fits = false;
        buf_printf(why, "cannot be used (%s)", tls_error());
    }
    ERR_clear_error();
    SSL_CTX_free(probe);
    return fits;
}

bool
tls_identity_load(struct tls_identity *i, const struct tls_pair *pair, struct buf *why)
{
    tls_library_start();
    *i = (struct tls_identity){0};
    i->chain = tls_certificates_load(pair->certificate, 1 + TLS_CHAIN_MAX, why);
    if (i->chain == NULL)
        return false;
    i->certificate = sk_X509_shift(i->chain);
    i->key = load_key(pair->key, why);
    if (i->key != NULL && identity_fits(i, why))
        return true;
    tls_identity_release(i);
    return false;
}

/* --- checking --- */

static time_t
time_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

static void
say_day(struct buf *why, const char *what, const ASN1_TIME *t)
{
    char day[32];
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &tm) == 0)
        strcpy(day, "a day that cannot be read");
    buf_printf(why, "%s %s", what, day);
}

static bool
is_valid_today(const X509 *certificate, struct buf *why)
{
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        say_day(why, "is not valid before", X509_get0_notBefore(certificate));
    else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        say_day(why, "expired on", X509_get0_notAfter(certificate));
    else
        return true;
    return false;
}

bool
tls_pair_check(const struct tls_pair *pair, time_t *not_after, struct buf *why)
{
    struct tls_identity i;
    bool good;

    if (!tls_identity_load(&i, pair, why))
        return false;
    good = is_valid_today(i.certificate, why);
    *not_after = time_of(X509_get0_notAfter(i.certificate));
    tls_identity_release(&i);
    return good;
}

bool
tls_authorities_check(struct span pem, struct buf *why)
{
    STACK_OF(X509) * all;

    tls_library_start();
    all = tls_certificates_load(pem, TLS_AUTHORITIES_MAX, why);
    sk_X509_pop_free(all, X509_free);
    return all != NULL;
}
