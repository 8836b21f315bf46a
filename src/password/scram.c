/* SPDX-License-Identifier: MIT
 *
 * The keys of SCRAM-SHA-256 in the form of RFC 5803: who reads them cannot log in with them, and
 * must spend a hash for each guess.
 */
#include "doorstep/password.h"

#include <gsasl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SCHEME "SCRAM-SHA-256"
#define ITERATIONS 10000 /* one number for all: another for somebody would tell who he is */
#define SALT_OCTETS 16
#define KEY_OCTETS 32
#define TEXT_SIZE 64

struct keys {
    char salt[SALT_OCTETS];
    char stored[KEY_OCTETS];
    char server[KEY_OCTETS];
};

static void
encode(const char *octets, size_t n, char text[TEXT_SIZE])
{
    sodium_bin2base64(text, TEXT_SIZE, (const unsigned char *)octets, n,
                      sodium_base64_VARIANT_ORIGINAL);
}

static void
print_keys(const struct keys *k, char out[PASSWORD_SCRAM_SIZE])
{
    char salt[TEXT_SIZE], stored[TEXT_SIZE], server[TEXT_SIZE];

    encode(k->salt, sizeof(k->salt), salt);
    encode(k->stored, sizeof(k->stored), stored);
    encode(k->server, sizeof(k->server), server);
    snprintf(out, PASSWORD_SCRAM_SIZE, SCHEME "$%d:%s$%s:%s", ITERATIONS, salt, stored, server);
}

bool
password_scram_make(const char *password, char out[PASSWORD_SCRAM_SIZE])
{
    char salted[GSASL_HASH_MAX_SIZE], client[GSASL_HASH_MAX_SIZE];
    struct keys k;
    bool ok;

    randombytes_buf(k.salt, sizeof(k.salt));
    ok = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, ITERATIONS, k.salt,
                                           sizeof(k.salt), salted, client, k.server,
                                           k.stored) == GSASL_OK;
    if (ok)
        print_keys(&k, out);
    sodium_memzero(salted, sizeof(salted)); /* with either of them one could log in */
    sodium_memzero(client, sizeof(client));
    sodium_memzero(&k, sizeof(k));
    return ok;
}

void
password_scram_fake(const uint8_t key[PASSWORD_KEY_SIZE], const char *name,
                    char out[PASSWORD_SCRAM_SIZE])
{
    struct keys k;

    _Static_assert(sizeof(k.salt) >= crypto_generichash_BYTES_MIN, "a digest fits");
    crypto_generichash((unsigned char *)k.salt, sizeof(k.salt), (const unsigned char *)name,
                       strlen(name), key, PASSWORD_KEY_SIZE);
    randombytes_buf(k.stored, sizeof(k.stored));
    randombytes_buf(k.server, sizeof(k.server));
    print_keys(&k, out);
    sodium_memzero(&k, sizeof(k));
}

/* One field up to `end`; false: empty, too long, or the end is missing. */
static bool
take(const char **at, char end, char *out, size_t size)
{
    const char *stop = end == '\0' ? *at + strlen(*at) : strchr(*at, end);
    size_t n = stop == NULL ? 0 : (size_t)(stop - *at);

    if (n == 0 || n >= size)
        return false;
    memcpy(out, *at, n);
    out[n] = '\0';
    *at = stop + (end != '\0');
    return true;
}

static bool
is_base64(const char *text, size_t octets)
{
    unsigned char out[TEXT_SIZE];
    size_t n;

    return sodium_base642bin(out, sizeof(out), text, strlen(text), NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           (octets == 0 ? n > 0 : n == octets);
}

static bool
is_number(const char *text)
{
    return strlen(text) <= 9 && strspn(text, "0123456789") == strlen(text) && text[0] != '0';
}

bool
password_scram_parse(const char *keys, struct password_scram *out)
{
    const size_t scheme = sizeof(SCHEME "$") - 1;
    const char *at = keys + scheme;

    return strncmp(keys, SCHEME "$", scheme) == 0 &&
           take(&at, ':', out->iterations, sizeof(out->iterations)) &&
           take(&at, '$', out->salt, sizeof(out->salt)) &&
           take(&at, ':', out->stored_key, sizeof(out->stored_key)) &&
           take(&at, '\0', out->server_key, sizeof(out->server_key)) &&
           is_number(out->iterations) && is_base64(out->salt, 0) &&
           is_base64(out->stored_key, KEY_OCTETS) && is_base64(out->server_key, KEY_OCTETS);
}
