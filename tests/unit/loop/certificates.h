/* SPDX-License-Identifier: MIT
 *
 * Certificates that the tests of TLS make for themselves: P-256, signed by their own key.
 */
#ifndef DOORSTEP_TESTS_CERTIFICATES_H
#define DOORSTEP_TESTS_CERTIFICATES_H

#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "doorstep/tls.h"

#define DAY 86400

struct made { /* PEM texts */
    char certificate[8192], key[8192];
    struct tls_pair pair;
};

static inline struct span
pem_text(BIO *bio, char *out, size_t size)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    ck_assert(n > 0 && (size_t)n < size);
    memcpy(out, p, (size_t)n);
    BIO_free(bio);
    return (struct span){out, (size_t)n};
}

/* names: as subjectAltName of x509v3_config(5), "DNS:a.example,IP:192.0.2.1". */
static inline void
make_for(struct made *m, const char *host, const char *names, long from, long to)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *c = X509_new();
    BIO *text;
    X509_EXTENSION *extension;

    ck_assert(key != NULL && c != NULL);
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
    X509_gmtime_adj(X509_getm_notBefore(c), from);
    X509_gmtime_adj(X509_getm_notAfter(c), to);
    X509_set_pubkey(c, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                               (const unsigned char *)host, -1, -1, 0);
    X509_set_issuer_name(c, X509_get_subject_name(c));
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(c, extension, -1);
    X509_EXTENSION_free(extension);
    ck_assert(X509_sign(c, key, EVP_sha384()) > 0);
    text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(text, c);
    m->pair.certificate = pem_text(text, m->certificate, sizeof(m->certificate));
    text = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL);
    m->pair.key = pem_text(text, m->key, sizeof(m->key));
    X509_free(c);
    EVP_PKEY_free(key);
}

static inline void
make(struct made *m, const char *host, long from, long to)
{
    char names[300];

    snprintf(names, sizeof(names), "DNS:%s", host);
    make_for(m, host, names, from, to);
}

#endif
