/* SPDX-License-Identifier: MIT
 *
 * AUTH (RFC 4954): which mechanisms this connection may use, and the lines of an exchange. What a
 * mechanism says is the owner's business (it asks the store, the store asks the auth role); here
 * are base64, cancelling, limits and replies. After the exchange, whatever its end, the session is
 * READY.
 *
 *   READY --AUTH--> AUTH: the owner owes an answer --challenge--> the client owes a line --.
 *     ^                        |   ^                                   |                   |
 *     '---------done-----------'   '--------------line-----------------'  "*", bad line    |
 *     '-------------------------------------------------------------------------------------'
 */
#include "auth_priv.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "command_priv.h"

/* --- which mechanisms --- */

/* Nobody but the peer reads what it says. */
static bool
is_private(const struct smtp_session *s)
{
    return s->tls != NULL || s->config.is_unix;
}

static bool
has_client_certificate(const struct smtp_session *s)
{
    return s->tls != NULL && s->tls->is_client_verified;
}

/* By a certificate, or by the uid of a unix socket's peer, who must speak for himself. */
static bool
has_outer_name(const struct smtp_session *s)
{
    return has_client_certificate(s) ||
           (s->config.auth_external && s->client.text[FACT_IP] == NULL);
}

/* REPLY_NONE, or why this mechanism cannot be used on this connection. */
static enum smtp_reply
refusal_of(const struct smtp_session *s, enum sasl_mechanism m)
{
    switch (m) {
    case SASL_PLAIN:
    case SASL_LOGIN:
        return is_private(s) || s->config.auth_plain_without_tls ? REPLY_NONE
                                                                 : REPLY_AUTH_NEEDS_TLS;
    case SASL_SCRAM_SHA_256:
        return REPLY_NONE;
    case SASL_SCRAM_SHA_256_PLUS:
        if (s->tls == NULL)
            return REPLY_AUTH_NEEDS_TLS;
        return s->tls->has_binding ? REPLY_NONE : REPLY_AUTH_UNKNOWN;
    case SASL_EXTERNAL:
        return has_outer_name(s) ? REPLY_NONE : REPLY_AUTH_UNKNOWN;
    case SASL_MECHANISM_COUNT:
        break;
    }
    return REPLY_AUTH_UNKNOWN;
}

bool
auth_print_capability(const struct smtp_session *s, struct buf *out)
{
    bool done = buf_append_str(out, "250-AUTH");

    for (unsigned m = 0; m < SASL_MECHANISM_COUNT; m++) {
        if (done && refusal_of(s, (enum sasl_mechanism)m) == REPLY_NONE)
            done = buf_append_char(out, ' ') &&
                   buf_append_str(out, sasl_mechanism_name((enum sasl_mechanism)m));
    }
    return done && buf_append_str(out, "\r\n");
}

bool
auth_may_send(const struct smtp_session *s)
{
    switch (s->config.require) {
    case REQUIRE_NONE:
        return true;
    case REQUIRE_AUTH:
        return s->login != NULL || xclient_has_login(s);
    case REQUIRE_TRUSTED:
        return s->config.trusted;
    case REQUIRE_CLIENT_CERT:
        return has_client_certificate(s);
    }
    return false;
}

/* --- the end of an exchange --- */

static void
leave(struct smtp_session *s)
{
    s->auth_waits = false;
    session_step(s, SESSION_READY);
}

static void
refuse_login(struct smtp_session *s)
{
    if (++s->auth_failures >= s->config.auth_failures_max)
        session_end(s, REPLY_AUTH_TOO_MANY, "too many failed log-ins");
    else
        session_refuse(s, REPLY_AUTH_REFUSED);
}

static void
accept_login(struct smtp_session *s, const char *login)
{
    s->login = strdup(login);
    session_reply(s, s->login == NULL ? REPLY_AUTH_UNAVAILABLE : REPLY_AUTH_OK);
}

void
smtp_session_auth_done(struct smtp_session *s, enum sasl_verdict verdict, const char *login)
{
    if (s->state != SESSION_AUTH || !s->auth_waits)
        return;
    leave(s);
    switch (verdict) {
    case SASL_ACCEPTED:
        accept_login(s, login);
        break;
    case SASL_REFUSED:
        refuse_login(s);
        break;
    case SASL_MALFORMED:
        session_refuse(s, REPLY_AUTH_MALFORMED);
        break;
    case SASL_BANNED:
        session_refuse(s, REPLY_AUTH_BANNED);
        break;
    case SASL_UNAVAILABLE:
    case SASL_VERDICT_COUNT:
        session_refuse(s, REPLY_AUTH_UNAVAILABLE);
        break;
    }
    session_resume(s);
}

/* The client broke it off, or the rules. */
static void
abort_exchange(struct smtp_session *s, enum smtp_reply why)
{
    s->calls->auth_abort(s->arg);
    leave(s);
    session_refuse(s, why);
}

void
auth_forget(struct smtp_session *s)
{
    if (s->state == SESSION_AUTH)
        s->calls->auth_abort(s->arg);
    free(s->login);
    s->login = NULL;
}

/* --- lines --- */

void
smtp_session_auth_challenge(struct smtp_session *s, struct span challenge)
{
    char text[SASL_TEXT_SIZE(SASL_CHALLENGE_MAX)];
    struct buf line;

    if (s->state != SESSION_AUTH || !s->auth_waits)
        return;
    assert(challenge.n <= SASL_CHALLENGE_MAX);
    s->auth_waits = false;
    sasl_encode(challenge, text);
    buf_init(&line, sizeof(text) + sizeof("334 \r\n"));
    if (buf_printf(&line, "334 %s\r\n", text))
        session_reply_octets(s, buf_span(&line));
    else
        session_end(s, REPLY_SHUTDOWN, "no memory");
    buf_release(&line);
    session_resume(s);
}

/* Hand what a line holds to the owner. begin: it is the initial response, or there is none. */
struct step {
    bool is_begin;
    bool has_initial;
    enum sasl_mechanism mechanism;
};

static bool
tell_owner(struct smtp_session *s, const struct step *step, struct span octets)
{
    if (!step->is_begin)
        return s->calls->auth_step(s->arg, octets);
    session_step(s, SESSION_AUTH);
    s->mechanism = sasl_mechanism_name(step->mechanism);
    return s->calls->auth_begin(s->arg, step->mechanism, step->has_initial, octets);
}

/* false: it is no base64, and nothing was done. */
static bool
take_text(struct smtp_session *s, const struct step *step, struct span text)
{
    char octets[SASL_OCTETS_MAX];
    size_t n;
    bool is_good = sasl_decode(text, octets, sizeof(octets), &n);
    bool is_told = false;

    if (is_good) {
        s->auth_waits = true;
        is_told = tell_owner(s, step, (struct span){octets, n});
    }
    sodium_memzero(octets, sizeof(octets));
    if (is_good && !is_told)
        smtp_session_auth_done(s, SASL_UNAVAILABLE, "");
    return is_good;
}

static void
take_line(struct smtp_session *s, struct span line)
{
    const struct step step = {.is_begin = false};

    if (span_equal(line, SPAN("*")))
        abort_exchange(s, REPLY_AUTH_CANCELLED);
    else if (!take_text(s, &step, line))
        abort_exchange(s, REPLY_AUTH_NOT_BASE64);
}

size_t
auth_take(struct smtp_session *s, struct span in)
{
    size_t n;

    if (s->auth_waits)
        return 0;
    n = command_line_length((struct span){in.p, in.n < SASL_LINE_MAX ? in.n : SASL_LINE_MAX});
    if (n > 0) {
        take_line(s, (struct span){in.p, n - 2});
        return n;
    }
    if (in.n < SASL_LINE_MAX)
        return 0;
    s->calls->auth_abort(s->arg);
    leave(s);
    return session_skip_line(s, in, REPLY_AUTH_LINE_TOO_LONG);
}

/* --- AUTH --- */

static enum smtp_reply
choose(struct smtp_session *s, struct span name, enum sasl_mechanism *m)
{
    if (!s->is_extended)
        return s->state == SESSION_CONNECTED ? REPLY_NEED_HELLO : REPLY_BAD_SEQUENCE;
    if (s->login != NULL)
        return REPLY_AUTH_TWICE;
    if (name.n == 0)
        return REPLY_SYNTAX_AUTH;
    if (!sasl_mechanism_find(name, m))
        return sasl_is_weak(name) ? REPLY_AUTH_TOO_WEAK : REPLY_AUTH_UNKNOWN;
    return refusal_of(s, *m);
}

void
cmd_auth(struct smtp_session *s, struct span args)
{
    struct step step = {.is_begin = true};
    size_t space = span_find(args, ' ');
    struct span initial = span_skip(args, space + 1);
    enum smtp_reply refusal = REPLY_NOT_IMPLEMENTED;

    step.has_initial = space < args.n;
    if (s->config.auth)
        refusal = choose(s, (struct span){args.p, space}, &step.mechanism);
    if (refusal == REPLY_NONE && step.has_initial && initial.n == 0)
        refusal = REPLY_SYNTAX_AUTH;
    if (span_equal(initial, SPAN("="))) /* a response of nothing */
        initial = SPAN_NONE;
    if (refusal == REPLY_NONE && !take_text(s, &step, initial))
        refusal = REPLY_AUTH_NOT_BASE64;
    if (refusal != REPLY_NONE)
        session_refuse(s, refusal);
}
