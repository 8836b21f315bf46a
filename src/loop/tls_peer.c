/* SPDX-License-Identifier: MIT
 *
 * What a handshake has told: facts for session, log and trace, and channel bindings. Whatever the
 * client wrote into its certificate or its hello becomes bounded, printable ASCII here.
 */
#include "tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* --- texts --- */

/* As a line for a log: whatever else there is becomes '?'. */
static void
copy_printable(char out[TLS_TEXT_MAX], const char *in, size_t n)
{
    if (n >= TLS_TEXT_MAX)
        n = TLS_TEXT_MAX - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] > ' ' && in[i] < 0x7f ? in[i] : in[i] == ' ' ? ' ' : '?';
    out[n] = '\0';
}

/* As a name that somebody is known by: all of it is printable and fits, or it is no name. */
static bool
copy_name(char out[TLS_TEXT_MAX], const ASN1_STRING *in)
{
    unsigned char *text = NULL;
    int n = in == NULL ? -1 : ASN1_STRING_to_UTF8(&text, in);
    bool is_good = n > 0 && n < TLS_TEXT_MAX;

    for (int i = 0; is_good && i < n; i++)
        is_good = text[i] > ' ' && text[i] < 0x7f;
    if (is_good)
        copy_printable(out, (const char *)text, (size_t)n);
    OPENSSL_free(text);
    return is_good;
}

static void
print_name(char out[TLS_TEXT_MAX], const X509_NAME *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *p = NULL;
    long n = 0;

    if (text != NULL && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0)
        n = BIO_get_mem_data(text, &p);
    copy_printable(out, p, n > 0 ? (size_t)n : 0);
    BIO_free(text);
}

/* The last one of its kind is the most specific one. */
static const ASN1_STRING *
last_entry(const X509_NAME *name, int nid)
{
    int at = -1, found = -1;

    while ((at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        found = at;
    return found < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, found));
}

static void
find_email(char out[TLS_TEXT_MAX], X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool is_found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !is_found; i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

        is_found = one->type == GEN_EMAIL && copy_name(out, one->d.rfc822Name);
    }
    GENERAL_NAMES_free(names);
    if (!is_found)
        copy_name(out, last_entry(X509_get_subject_name(certificate), NID_pkcs9_emailAddress));
}

/* Of an authority, which is called "Example Root" as often as not: for reading, not a name that
 * somebody is known by. */
static void
print_issuer_name(char out[TLS_TEXT_MAX], const X509_NAME *name)
{
    const ASN1_STRING *in = last_entry(name, NID_commonName);
    unsigned char *text = NULL;
    int n = in == NULL ? -1 : ASN1_STRING_to_UTF8(&text, in);

    if (n > 0)
        copy_printable(out, (const char *)text, (size_t)n);
    OPENSSL_free(text);
}

static void
print_fingerprint(char out[65], const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1)
        n = 0;
    for (unsigned i = 0; i < n && i < 32; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
}

/* --- facts --- */

static void
look_at_server(SSL *ssl, struct tls_facts *facts)
{
    long result = SSL_get_verify_result(ssl);

    facts->is_server_verified = result == X509_V_OK && SSL_get0_peer_certificate(ssl) != NULL;
    if (!facts->is_server_verified)
        facts->server_problem =
            result == X509_V_OK ? "it has no certificate" : X509_verify_cert_error_string(result);
}

static void
look_at_client(SSL *ssl, struct tls_peer *p, struct tls_facts *facts)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    long result = SSL_get_verify_result(ssl);

    if (certificate == NULL)
        return;
    facts->is_client_verified = result == X509_V_OK;
    facts->client_problem = result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
    print_name(p->subject, X509_get_subject_name(certificate));
    print_name(p->issuer, X509_get_issuer_name(certificate));
    print_issuer_name(p->issuer_name, X509_get_issuer_name(certificate));
    copy_name(p->common_name, last_entry(X509_get_subject_name(certificate), NID_commonName));
    find_email(p->email, certificate);
    print_fingerprint(p->fingerprint, certificate);
    ERR_clear_error();
}

struct tls_peer *
tls_peer_new(SSL *ssl, struct tls_facts *facts)
{
    struct tls_peer *p = calloc(1, sizeof(*p));
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    uint8_t binding[TLS_BINDING_MAX];
    size_t length;

    if (p == NULL)
        return NULL;
    if (name != NULL)
        copy_printable(p->server_name, name, strlen(name));
    *facts = (struct tls_facts){
        .version = SSL_get_version(ssl),
        .cipher = SSL_get_cipher_name(ssl),
        .bits = (unsigned)SSL_get_cipher_bits(ssl, NULL),
        .is_resumed = SSL_session_reused(ssl) == 1,
        .server_name = p->server_name,
        .server_problem = "",
        .client_problem = "",
        .client_subject = p->subject,
        .client_issuer = p->issuer,
        .client_issuer_name = p->issuer_name,
        .client_common_name = p->common_name,
        .client_email = p->email,
        .client_fingerprint = p->fingerprint,
    };
    facts->has_binding = tls_peer_binding(ssl, TLS_BINDING_EXPORTER, binding, &length);
    if (SSL_is_server(ssl))
        look_at_client(ssl, p, facts);
    else
        look_at_server(ssl, facts);
    return p;
}

/* --- bindings --- */

/* RFC 9266 section 2; for TLS 1.2 it would need the extended master secret, and is not offered. */
static bool
export_binding(SSL *ssl, uint8_t out[TLS_BINDING_MAX], size_t *length)
{
    static const char label[] = "EXPORTER-Channel-Binding";

    *length = 32;
    return SSL_version(ssl) == TLS1_3_VERSION &&
           SSL_export_keying_material(ssl, out, *length, label, sizeof(label) - 1, NULL, 0, 0) == 1;
}

/* RFC 5929 section 4.1: the certificate as sent, hashed as its own signature was, or with SHA-256
 * where that was weaker. A resumed session has sent none. */
static bool
hash_certificate(SSL *ssl, uint8_t out[TLS_BINDING_MAX], size_t *length)
{
    X509 *sent = SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
    int digest = NID_undef;
    const EVP_MD *md;
    unsigned n = 0;

    if (SSL_session_reused(ssl) == 1 || sent == NULL ||
        X509_get_signature_info(sent, &digest, NULL, NULL, NULL) != 1 || digest == NID_undef)
        return false;
    md = digest == NID_md5 || digest == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(digest);
    if (md == NULL || EVP_MD_get_size(md) > TLS_BINDING_MAX || X509_digest(sent, md, out, &n) != 1)
        return false;
    *length = n;
    return true;
}

bool
tls_peer_binding(SSL *ssl, enum tls_binding kind, uint8_t out[TLS_BINDING_MAX], size_t *length)
{
    bool done = kind == TLS_BINDING_EXPORTER ? export_binding(ssl, out, length)
                                             : hash_certificate(ssl, out, length);

    ERR_clear_error();
    return done;
}
