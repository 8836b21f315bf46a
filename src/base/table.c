/* SPDX-License-Identifier: MIT
 *
 * The hash of all tables: see table.h. The key is drawn before main(), so that no thread can meet
 * a table without one.
 */
#include "doorstep/table.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static unsigned char secret[crypto_shorthash_KEYBYTES];

__attribute__((constructor)) static void
draw_secret(void)
{
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        abort();
}

uint32_t
table_hash(const void *key, size_t n)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint32_t hash;

    crypto_shorthash(out, key, n, secret);
    memcpy(&hash, out, sizeof hash);
    return hash;
}
