/* SPDX-License-Identifier: MIT
 *
 * SASL with libgsasl, on one thread and without waiting in its callbacks:
 *
 *   PLAIN, LOGIN   libgsasl takes the message apart; the callback keeps name and password, and both
 *                  are checked outside
 *   SCRAM          a first pass over the client's first message only finds the name; when the keys
 *                  are there, a fresh session reads the same message again and goes on
 *   EXTERNAL       the message is the name to act as; the caller knows who the client is
 */
#include "exchange_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static bool
is_scram(const struct exchange *e)
{
    return e->mechanism == SASL_SCRAM_SHA_256 || e->mechanism == SASL_SCRAM_SHA_256_PLUS;
}

static enum exchange_next
done(struct exchange *e, enum sasl_verdict verdict)
{
    e->verdict = verdict;
    return EXCHANGE_DONE;
}

/* --- libgsasl's session --- */

/* The library's own copy; it frees it as it is. */
static void
wipe_property(Gsasl_session *session, Gsasl_property property)
{
    const char *value = gsasl_property_fast(session, property);

    if (value != NULL)
        sodium_memzero((char *)(uintptr_t)value, strlen(value));
}

static void
close_session(struct exchange *e)
{
    if (e->session == NULL)
        return;
    wipe_property(e->session, GSASL_PASSWORD);
    gsasl_finish(e->session);
    e->session = NULL;
}

static bool
set(Gsasl_session *session, Gsasl_property property, const char *value)
{
    return gsasl_property_set(session, property, value) == GSASL_OK;
}

static bool
set_keys(struct exchange *e)
{
    return set(e->session, GSASL_SCRAM_ITER, e->keys.iterations) &&
           set(e->session, GSASL_SCRAM_SALT, e->keys.salt) &&
           set(e->session, GSASL_SCRAM_STOREDKEY, e->keys.stored_key) &&
           set(e->session, GSASL_SCRAM_SERVERKEY, e->keys.server_key);
}

static bool
open_session(struct exchange *e)
{
    close_session(e);
    if (gsasl_server_start(e->library, sasl_mechanism_name(e->mechanism), &e->session) !=
        GSASL_OK) {
        e->session = NULL;
        return false;
    }
    gsasl_session_hook_set(e->session, e);
    return !e->has_keys || set_keys(e);
}

/* false: empty where it must not be, or too long. */
static bool
copy_property(Gsasl_session *session, Gsasl_property property, bool may_be_empty,
              char out[SASL_LOGIN_SIZE])
{
    const char *value = gsasl_property_fast(session, property);
    size_t n = value == NULL ? 0 : strlen(value);

    if (n >= SASL_LOGIN_SIZE || (n == 0 && !may_be_empty))
        return false;
    memcpy(out, value == NULL ? "" : value, n + 1);
    return true;
}

static bool
capture_names(struct exchange *e)
{
    e->is_captured =
        copy_property(e->session, GSASL_AUTHID, e->mechanism == SASL_EXTERNAL, e->name) &&
        copy_property(e->session, GSASL_AUTHZID, true, e->authorization);
    return e->is_captured;
}

/* A password that can be nobody's (empty, too long) is checked all the same, and is wrong. */
static void
capture_password(struct exchange *e)
{
    const char *password = gsasl_property_fast(e->session, GSASL_PASSWORD);

    e->has_password = password != NULL && password_prepare(password, e->password);
    wipe_property(e->session, GSASL_PASSWORD);
}

int
exchange_callback(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
    struct exchange *e = gsasl_session_hook_get(session);

    (void)library;
    if (property == GSASL_VALIDATE_SIMPLE || property == GSASL_VALIDATE_EXTERNAL) {
        if (!capture_names(e))
            return GSASL_AUTHENTICATION_ERROR;
        if (property == GSASL_VALIDATE_SIMPLE)
            capture_password(e);
        return GSASL_OK;
    }
    if (property == GSASL_CB_TLS_EXPORTER && e->binding[0] != '\0')
        return gsasl_property_set(session, property, e->binding);
    return GSASL_NO_CALLBACK;
}

/* --- steps --- */

/* One step of the library. Its answer lies in e->challenge; the result is libgsasl's. */
static int
step(struct exchange *e, bool has_octets, struct span octets)
{
    char *out = NULL;
    size_t n = 0;
    /* NULL says that there was nothing, which is not the same as nothing of length 0. */
    int result = gsasl_step(e->session, has_octets ? (octets.n == 0 ? "" : octets.p) : NULL,
                            octets.n, &out, &n);

    buf_reset(&e->challenge);
    if (out != NULL && !buf_append(&e->challenge, out, n))
        result = GSASL_MALLOC_ERROR;
    if (out != NULL)
        sodium_memzero(out, n);
    gsasl_free(out);
    return result;
}

static enum exchange_next
fail(struct exchange *e, int result)
{
    switch (result) {
    case GSASL_MALLOC_ERROR:
    case GSASL_CRYPTO_ERROR:
        return done(e, SASL_UNAVAILABLE);
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
    case GSASL_BASE64_ERROR:
        return done(e, SASL_MALFORMED);
    default:
        return done(e, SASL_REFUSED);
    }
}

/* The first message of SCRAM, only for the names in it. */
static enum exchange_next
look_for_name(struct exchange *e, struct span octets)
{
    int result = step(e, true, octets);

    if (result != GSASL_NEEDS_MORE)
        return fail(e, result);
    if (!capture_names(e))
        return done(e, SASL_REFUSED);
    if (!buf_append_span(&e->first, octets))
        return done(e, SASL_UNAVAILABLE);
    close_session(e);
    return EXCHANGE_WANT_SECRET;
}

static enum exchange_next
feed_scram(struct exchange *e, struct span octets)
{
    int result;

    if (octets.n > 0 && memchr(octets.p, '\0', octets.n) != NULL)
        return done(e, SASL_MALFORMED); /* libgsasl reads a string up to there */
    if (e->is_proven) /* RFC 4954 4: the server's last word was a challenge, to be answered so */
        return done(e, octets.n == 0 ? SASL_ACCEPTED : SASL_MALFORMED);
    if (!e->has_keys)
        return octets.n == 0 ? done(e, SASL_MALFORMED) : look_for_name(e, octets);
    result = step(e, true, octets);
    if (result == GSASL_OK)
        e->is_proven = true;
    return result == GSASL_OK || result == GSASL_NEEDS_MORE ? EXCHANGE_CHALLENGE : fail(e, result);
}

static enum exchange_next
feed_simple(struct exchange *e, bool has_octets, struct span octets)
{
    int result = step(e, has_octets, octets);

    if (result == GSASL_NEEDS_MORE)
        return EXCHANGE_CHALLENGE;
    if (result != GSASL_OK || !e->is_captured)
        return fail(e, result);
    close_session(e);
    return EXCHANGE_WANT_SECRET;
}

enum exchange_next
exchange_feed(struct exchange *e, bool has_octets, struct span octets)
{
    if (e->session == NULL)
        return done(e, SASL_MALFORMED);
    if (!has_octets && (is_scram(e) || e->mechanism == SASL_PLAIN)) {
        buf_reset(&e->challenge); /* the client speaks first */
        return EXCHANGE_CHALLENGE;
    }
    if (is_scram(e))
        return feed_scram(e, octets);
    if (e->mechanism == SASL_LOGIN && has_octets && !e->has_asked) {
        int result = step(e, false, SPAN_NONE); /* some say the name with the command */

        if (result != GSASL_NEEDS_MORE)
            return fail(e, result);
    }
    e->has_asked = true;
    return feed_simple(e, has_octets, octets);
}

enum exchange_next
exchange_secret(struct exchange *e, const struct auth_secret *s)
{
    if (e->mechanism == SASL_EXTERNAL)
        return done(e, s->is_allowed ? SASL_ACCEPTED : SASL_REFUSED);
    if (!is_scram(e))
        return EXCHANGE_WANT_HASH;
    e->has_keys = password_scram_parse(s->scram, &e->keys);
    if (!e->has_keys || !open_session(e))
        return done(e, SASL_UNAVAILABLE);
    return feed_scram(e, buf_span(&e->first));
}

/* --- begin and end --- */

bool
exchange_start(struct exchange *e, Gsasl *library, enum sasl_mechanism m, struct span binding)
{
    *e = (struct exchange){.library = library, .mechanism = m, .verdict = SASL_REFUSED};
    buf_init(&e->first, SASL_OCTETS_MAX);
    buf_init(&e->challenge, SASL_CHALLENGE_MAX);
    if (binding.n > 0 && binding.n <= AUTH_BINDING_MAX)
        sasl_encode(binding, e->binding);
    return open_session(e);
}

void
exchange_end(struct exchange *e)
{
    close_session(e);
    buf_release(&e->first);
    buf_release(&e->challenge);
    sodium_memzero(e, sizeof(*e));
}
