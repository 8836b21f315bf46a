/* SPDX-License-Identifier: MIT
 *
 * SASL with libgsasl, as a client. All that a mechanism may ask for is handed over at the start, so
 * that there is no callback.
 */
#include "login_priv.h"

#include <gsasl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MAX 100000 /* of SCRAM's PBKDF2: some hundredths of a second */

struct relay_logins {
    Gsasl *gsasl;
};

struct login {
    Gsasl_session *session; /* owned */
    enum sasl_mechanism mechanism;
    bool is_over; /* libgsasl has said all, and believes the server */
};

struct relay_logins *
relay_logins_new(void)
{
    struct relay_logins *l = calloc(1, sizeof(*l));

    if (l != NULL && sodium_init() >= 0 && gsasl_init(&l->gsasl) == GSASL_OK)
        return l;
    free(l);
    return NULL;
}

void
relay_logins_free(struct relay_logins *l)
{
    if (l == NULL)
        return;
    gsasl_done(l->gsasl);
    free(l);
}

static bool
is_scram(enum sasl_mechanism m)
{
    return m == SASL_SCRAM_SHA_256 || m == SASL_SCRAM_SHA_256_PLUS;
}

bool
login_choose(unsigned announced, bool may_show_password, bool has_binding, enum sasl_mechanism *out)
{
    for (unsigned m = SASL_SCRAM_SHA_256_PLUS; m <= SASL_LOGIN; m++) {
        bool is_possible = is_scram((enum sasl_mechanism)m) || may_show_password;

        if (m == SASL_SCRAM_SHA_256_PLUS && !has_binding)
            is_possible = false;
        if (is_possible && (announced & 1u << m) != 0) {
            *out = (enum sasl_mechanism)m;
            return true;
        }
    }
    return false;
}

/* For -PLUS alone: libgsasl 2.2.0 fails where SCRAM without it has a binding, so that "we could
 * have" (the "y" of RFC 5802 6) cannot be said. */
static bool
set_binding(struct login *l, struct span binding)
{
    char text[SASL_TEXT_SIZE(RELAY_BINDING_MAX)];

    if (l->mechanism != SASL_SCRAM_SHA_256_PLUS)
        return true;
    sasl_encode(binding, text);
    return gsasl_property_set(l->session, GSASL_CB_TLS_EXPORTER, text) == GSASL_OK;
}

struct login *
login_new(struct relay_logins *library, enum sasl_mechanism m, const char *user,
          const char *password, struct span binding)
{
    struct login *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->mechanism = m;
    if (gsasl_client_start(library->gsasl, sasl_mechanism_name(m), &l->session) == GSASL_OK &&
        gsasl_property_set(l->session, GSASL_AUTHID, user) == GSASL_OK &&
        gsasl_property_set(l->session, GSASL_PASSWORD, password) == GSASL_OK &&
        set_binding(l, binding))
        return l;
    login_free(l);
    return NULL;
}

/* libgsasl frees its copy as it is. */
static void
wipe_password(Gsasl_session *session)
{
    const char *value = gsasl_property_fast(session, GSASL_PASSWORD);

    if (value != NULL)
        sodium_memzero((char *)(uintptr_t)value, strlen(value));
}

void
login_free(struct login *l)
{
    if (l == NULL)
        return;
    if (l->session != NULL) {
        wipe_password(l->session);
        gsasl_finish(l->session);
    }
    free(l);
}

enum sasl_mechanism
login_mechanism(const struct login *l)
{
    return l->mechanism;
}

bool
login_speaks_first(const struct login *l)
{
    return l->mechanism != SASL_LOGIN;
}

bool
login_is_proven(const struct login *l)
{
    return l->is_over || !is_scram(l->mechanism);
}

/* "i=" of the server's first message (RFC 5802 5.1): libgsasl would count as long as it says, on
 * the thread of all connections. */
static bool
is_too_dear(struct span challenge)
{
    while (challenge.n > 0) {
        size_t n = span_find(challenge, ',');
        struct span attribute = {challenge.p, n};
        unsigned long long iterations;

        if (span_has_prefix_fold(attribute, SPAN("i=")) &&
            !span_parse_u64(span_skip(attribute, 2), ITERATIONS_MAX, &iterations))
            return true;
        challenge = span_skip(challenge, n + 1);
    }
    return false;
}

bool
login_answer(struct login *l, struct span challenge, struct buf *out)
{
    char *answer = NULL;
    size_t n = 0;
    int result;

    if (l->is_over || span_find(challenge, '\0') < challenge.n)
        return false; /* libgsasl reads a string up to there */
    if (is_scram(l->mechanism) && is_too_dear(challenge))
        return false;
    result = gsasl_step(l->session, challenge.n == 0 ? "" : challenge.p, challenge.n, &answer, &n);
    bool ok = result == GSASL_OK || result == GSASL_NEEDS_MORE;

    if (ok && answer != NULL)
        ok = buf_append(out, answer, n);
    if (answer != NULL)
        sodium_memzero(answer, n);
    gsasl_free(answer);
    l->is_over = result == GSASL_OK;
    return ok;
}
