/* SPDX-License-Identifier: MIT
 *
 * Session tickets (RFC 5077, RFC 8446 4.6.1): a client carries its own session, sealed with keys
 * that main gives to all edges and changes every hour. Each service derives keys of its own, so a
 * ticket of one opens at no other; without a key for it a ticket is ignored, and the handshake is a
 * full one.
 */
#include "tls_priv.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

/* HMAC-SHA256(secret, use || 0 || service): one secret, three uses. */
static bool
derive(uint8_t out[32], const uint8_t secret[TLS_TICKET_KEY_SIZE], const char *use,
       const char *service)
{
    unsigned char text[512];
    size_t use_length = strlen(use) + 1, service_length = strlen(service);

    if (use_length + service_length > sizeof(text))
        service_length = sizeof(text) - use_length;
    memcpy(text, use, use_length);
    memcpy(text + use_length, service, service_length);
    return HMAC(EVP_sha256(), secret, TLS_TICKET_KEY_SIZE, text, use_length + service_length, out,
                NULL) != NULL;
}

bool
tls_tickets_derive(struct tls_tickets *t, const struct tls_ticket_keys *from, const char *service)
{
    uint8_t name[32];

    OPENSSL_cleanse(t, sizeof(*t));
    for (unsigned i = 0; i < from->count && i < TLS_TICKET_KEYS; i++) {
        struct tls_ticket_key *key = &t->key[i];

        if (!derive(name, from->key[i], "name", service) ||
            !derive(key->cipher, from->key[i], "cipher", service) ||
            !derive(key->mac, from->key[i], "mac", service))
            return false;
        memcpy(key->name, name, sizeof(key->name));
        t->count = i + 1;
    }
    return true;
}

static int
set_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params);
}

static int
seal(struct tls_ticket_key *key, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
     EVP_MAC_CTX *mac)
{
    memcpy(name, key->name, sizeof(key->name));
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
        EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, NULL) != 1 ||
        set_mac(mac, key) != 1)
        return -1;
    return 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 no such key, 1 good, 2 good but give a new ticket, -1
 * failure. */
int
tls_ticket_seal_or_open(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int is_new)
{
    struct tls_tickets *t = &tls_context_of(ssl)->tickets;

    if (is_new)
        return t->count == 0 ? 0 : seal(&t->key[0], name, iv, cipher, mac);
    for (unsigned i = 0; i < t->count; i++) {
        struct tls_ticket_key *key = &t->key[i];

        if (CRYPTO_memcmp(name, key->name, sizeof(key->name)) != 0)
            continue;
        if (set_mac(mac, key) != 1 ||
            EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, NULL) != 1)
            return -1;
        return i == 0 ? 1 : 2;
    }
    return 0;
}
