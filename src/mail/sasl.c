/* SPDX-License-Identifier: MIT
 *
 * Names of mechanisms, and base64 that does not tell by its time what it read: see sasl.h.
 */
#include "doorstep/sasl.h"

#include <assert.h>
#include <sodium.h>

static const char *const names[SASL_MECHANISM_COUNT] = {
    [SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
    [SASL_PLAIN] = "PLAIN",
    [SASL_LOGIN] = "LOGIN",
    [SASL_EXTERNAL] = "EXTERNAL",
};

static const char *const weak_names[] = {
    "CRAM-MD5", "DIGEST-MD5", "NTLM", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "ANONYMOUS", "SECURID",
};

const char *
sasl_mechanism_name(enum sasl_mechanism m)
{
    assert(m < SASL_MECHANISM_COUNT);
    return names[m];
}

bool
sasl_mechanism_find(struct span name, enum sasl_mechanism *out)
{
    for (unsigned m = 0; m < SASL_MECHANISM_COUNT; m++) {
        if (span_equal_fold(name, span_of(names[m]))) {
            *out = (enum sasl_mechanism)m;
            return true;
        }
    }
    return false;
}

bool
sasl_is_weak(struct span name)
{
    for (size_t i = 0; i < sizeof(weak_names) / sizeof(weak_names[0]); i++) {
        if (span_equal_fold(name, span_of(weak_names[i])))
            return true;
    }
    return false;
}

/* libsodium 1.0.18 takes some octets above 127 for letters. */
static bool
is_ascii(struct span text)
{
    unsigned char all = 0;

    for (size_t k = 0; k < text.n; k++)
        all |= (unsigned char)text.p[k];
    return all < 0x80;
}

bool
sasl_decode(struct span text, char *out, size_t size, size_t *n)
{
    *n = 0;
    if (!is_ascii(text))
        return false;
    return text.n == 0 || sodium_base642bin((unsigned char *)out, size, text.p, text.n, NULL, n,
                                            NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}

void
sasl_encode(struct span octets, char *out)
{
    sodium_bin2base64(out, SASL_TEXT_SIZE(octets.n), (const unsigned char *)octets.p, octets.n,
                      sodium_base64_VARIANT_ORIGINAL);
}
