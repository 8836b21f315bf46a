/* SPDX-License-Identifier: MIT
 *
 * Hashing and verifying. Two hashes are compared without telling by the time where they differ;
 * crypt(3)'s scratch memory holds pieces of the password and is wiped.
 */
#include "doorstep/password.h"

#include <crypt.h>
#include <gsasl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ARGON2_MEMORY_MAX_KIB                                                                      \
    (1024 * 1024) /* of an imported hash: it may not take all there is                             \
                   */

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "room for an argon2id hash");

bool
password_prepare(const char *typed, char out[PASSWORD_SIZE])
{
    char *prepared = NULL;
    size_t n = strnlen(typed, PASSWORD_SIZE);
    bool ok = n > 0 && n < PASSWORD_SIZE;

    if (ok && gsasl_saslprep(typed, 0, &prepared, NULL) == GSASL_OK && prepared[0] != '\0') {
        typed = prepared;
        n = strnlen(typed, PASSWORD_SIZE);
        ok = n < PASSWORD_SIZE;
    }
    if (ok)
        memcpy(out, typed, n + 1);
    if (prepared != NULL)
        sodium_memzero(prepared, strlen(prepared));
    gsasl_free(prepared);
    return ok;
}

bool
password_hash(const char *password, const struct password_cost *cost, char out[PASSWORD_HASH_SIZE])
{
    return crypto_pwhash_str(out, password, strlen(password), cost->operations,
                             (size_t)cost->memory) == 0;
}

static bool
is_argon2(const char *hash)
{
    return strncmp(hash, "$argon2", 7) == 0;
}

/* "$argon2id$v=19$m=65536,t=2,p=1$salt$hash" with a bearable m. */
static bool
is_bearable(const char *hash)
{
    const char *m = strstr(hash, "$m=");

    return m != NULL && strlen(hash) < crypto_pwhash_STRBYTES &&
           strtoul(m + 3, NULL, 10) <= ARGON2_MEMORY_MAX_KIB;
}

static enum password_result
verify_argon2(const char *hash, const char *password)
{
    if (!is_bearable(hash))
        return PASSWORD_UNKNOWABLE;
    return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0 ? PASSWORD_RIGHT
                                                                           : PASSWORD_WRONG;
}

static bool
is_same(const char *a, const char *b)
{
    size_t n = strlen(a);

    return n == strlen(b) && sodium_memcmp(a, b, n) == 0;
}

static enum password_result
verify_crypt(const char *hash, const char *password)
{
    enum password_result result = PASSWORD_UNKNOWABLE;
    struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KiB: none for a thread's stack */
    const char *made;

    if (data == NULL)
        return result;
    made = crypt_r(password, hash, data);
    if (made != NULL && made[0] != '*')
        result = is_same(made, hash) ? PASSWORD_RIGHT : PASSWORD_WRONG;
    sodium_memzero(data, sizeof(*data));
    free(data);
    return result;
}

enum password_result
password_verify(const char *hash, const char *password)
{
    return is_argon2(hash) ? verify_argon2(hash, password) : verify_crypt(hash, password);
}

bool
password_is_stale(const char *hash, const struct password_cost *cost)
{
    return strncmp(hash, "$argon2id$", 10) != 0 || strlen(hash) >= crypto_pwhash_STRBYTES ||
           crypto_pwhash_str_needs_rehash(hash, cost->operations, (size_t)cost->memory) != 0;
}
