/* SPDX-License-Identifier: MIT
 *
 * Passwords as they are kept: argon2id hashes (libsodium), foreign crypt(5) hashes that are only
 * verified, and the keys that SCRAM-SHA-256 needs (RFC 5803, RFC 7677). Pure computing, slow on
 * purpose, thread-safe; callers wipe the passwords that they hand in.
 */
#ifndef DOORSTEP_PASSWORD_H
#define DOORSTEP_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#define PASSWORD_SIZE 1025 /* 1 to 1024 octets */
#define PASSWORD_HASH_SIZE 256
#define PASSWORD_SCRAM_SIZE 256 /* "SCRAM-SHA-256$10000:salt$stored:server" */
#define PASSWORD_KEY_SIZE 32

struct password_cost {
    uint64_t operations;
    uint64_t memory; /* octets */
};

/* password_prepare() - SASLprep (RFC 4013), so that one password typed on two keyboards stays one;
 * what it forbids is taken as it is. false: empty, or longer than PASSWORD_SIZE allows. */
bool password_prepare(const char *typed, char out[PASSWORD_SIZE]);

/* password_hash() - argon2id of a prepared password; false without memory. */
bool password_hash(const char *password, const struct password_cost *cost,
                   char out[PASSWORD_HASH_SIZE]);

enum password_result {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    PASSWORD_UNKNOWABLE /* no memory, or the hash is none that is known here */
};

/* password_verify() - hash: argon2id, argon2i, or what crypt(3) knows. */
enum password_result password_verify(const char *hash, const char *password);

/* password_is_stale() - the hash is foreign, or has other costs: hash anew at the next chance. */
bool password_is_stale(const char *hash, const struct password_cost *cost);

/* password_scram_make() - keys with a new random salt; false without memory. */
bool password_scram_make(const char *password, char out[PASSWORD_SCRAM_SIZE]);

/* password_scram_fake() - keys that no password has, for a name without an account: the same for
 * the same name and key, so that asking twice tells nothing. */
void password_scram_fake(const uint8_t key[PASSWORD_KEY_SIZE], const char *name,
                         char out[PASSWORD_SCRAM_SIZE]);

struct password_scram { /* as libgsasl takes them */
    char iterations[16];
    char salt[64]; /* base64, and the next two */
    char stored_key[64];
    char server_key[64];
};

/* password_scram_parse() - false: no such keys. */
bool password_scram_parse(const char *keys, struct password_scram *out);

#endif
