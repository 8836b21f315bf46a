/* SPDX-License-Identifier: MIT
 *
 * How a session becomes somebody's (RFC 5804 2.1, 2.14.1), and private (2.2).
 */
#include "session_priv.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ log-in (2.1) */

static void
failed_login(struct managesieve *m, const char *code, const char *text)
{
    m->state = GREETED;
    if (++m->failures >= m->config.failures_max)
        managesieve_bye(m, NULL, "Too many failed log-ins.");
    else
        managesieve_no(m, code, text);
}

static void
unavailable(struct managesieve *m)
{
    m->state = GREETED;
    m->is_waiting = false;
    managesieve_no(m, "TRYLATER", "Nobody can log in now.");
}

static bool
decode(struct span text, char **out, size_t *n)
{
    *out = malloc(SASL_OCTETS_MAX);
    return *out != NULL && sasl_decode(text, *out, SASL_OCTETS_MAX, n);
}

static void
forget(char *octets)
{
    if (octets != NULL)
        explicit_bzero(octets, SASL_OCTETS_MAX);
    free(octets);
}

void
managesieve_cmd_authenticate(struct managesieve *m)
{
    enum sasl_mechanism mechanism;
    struct span initial = wire_string(&m->wire, 1);
    char *octets = NULL;
    size_t n = 0;

    if (!sasl_mechanism_find(wire_string(&m->wire, 0), &mechanism)) {
        managesieve_no(m, NULL, "This mechanism is not supported.");
        return;
    }
    const char *refusal = managesieve_refusal(&m->config, mechanism);
    if (refusal != NULL) {
        managesieve_no(m, refusal[0] == '\0' ? NULL : refusal,
                       "This mechanism cannot be used here.");
        return;
    }
    bool has_initial = initial.p != NULL;
    if (has_initial && !decode(initial, &octets, &n)) {
        failed_login(m, NULL, "The initial response is no base64.");
    } else {
        m->state = IN_AUTH;
        m->is_waiting = true;
        if (!m->calls->auth_begin(m->arg, mechanism, has_initial, (struct span){octets, n}))
            unavailable(m);
    }
    forget(octets);
}

/* What the client says to a challenge: a string, "*" gives up. */
void
managesieve_auth_response(struct managesieve *m)
{
    struct span text = wire_string(&m->wire, 0);
    char *octets = NULL;
    size_t n = 0;

    if (!m->wire.is_string || m->wire.count != 1 || span_equal(text, SPAN("*"))) {
        m->calls->auth_abort(m->arg);
        failed_login(m, NULL, "The log-in was cancelled.");
    } else if (!decode(text, &octets, &n)) {
        m->calls->auth_abort(m->arg);
        failed_login(m, NULL, "The response is no base64.");
    } else {
        m->is_waiting = true;
        if (!m->calls->auth_step(m->arg, (struct span){octets, n}))
            unavailable(m);
    }
    forget(octets);
}

void
managesieve_challenge(struct managesieve *m, struct span octets)
{
    char text[SASL_TEXT_SIZE(SASL_CHALLENGE_MAX)];

    if (m->state != IN_AUTH || !m->is_waiting || octets.n > SASL_CHALLENGE_MAX)
        return;
    m->is_waiting = false;
    sasl_encode(octets, text);
    managesieve_flush(m, managesieve_print_string(span_of(text), &m->out) &&
                             buf_append_str(&m->out, "\r\n"));
    managesieve_feed(m, SPAN_NONE);
}

static void
accept_login(struct managesieve *m, const char *login, struct span final)
{
    char text[SASL_TEXT_SIZE(SASL_CHALLENGE_MAX)];
    bool is_whole = true;

    m->login = strdup(login);
    if (m->login == NULL) {
        m->calls->forget_login(m->arg);
        unavailable(m);
        return;
    }
    m->state = LOGGED_IN;
    m->wire.literal_max = m->config.script_max;
    if (final.n == 0 || final.n > SASL_CHALLENGE_MAX) {
        managesieve_ok(m);
        return;
    }
    sasl_encode(final, text);
    is_whole = buf_append_str(&m->out, "OK (SASL ") &&
               managesieve_print_string(span_of(text), &m->out) && buf_append_str(&m->out, ")\r\n");
    managesieve_flush(m, is_whole);
}

void
managesieve_auth_done(struct managesieve *m, enum sasl_verdict verdict, const char *login,
                      struct span final)
{
    if (m->state != IN_AUTH || !m->is_waiting)
        return;
    m->is_waiting = false;
    switch (verdict) {
    case SASL_ACCEPTED:
        accept_login(m, login, final);
        break;
    case SASL_REFUSED:
        failed_login(m, NULL, "The log-in has failed.");
        break;
    case SASL_MALFORMED:
        failed_login(m, NULL, "The mechanism does not allow this.");
        break;
    case SASL_BANNED:
        failed_login(m, "TRYLATER", "There were too many failed log-ins.");
        break;
    case SASL_UNAVAILABLE:
    case SASL_VERDICT_COUNT:
        unavailable(m);
        break;
    }
    managesieve_feed(m, SPAN_NONE);
}

void
managesieve_cmd_unauthenticate(struct managesieve *m)
{
    m->calls->forget_login(m->arg);
    free(m->login);
    m->login = NULL;
    m->state = GREETED;
    m->wire.literal_max = STRANGER_LITERAL_MAX;
    managesieve_ok(m);
}

/* ------------------------------------------------------------------ TLS (2.2) */

/* What came in the clear behind the command is forgotten. */
void
managesieve_cmd_starttls(struct managesieve *m)
{
    if (!m->config.can_start_tls) {
        managesieve_no(m, NULL, "TLS is not possible here.");
        return;
    }
    if (!m->calls->can_start_tls(m->arg)) {
        managesieve_no(m, "TRYLATER", "Too many are beginning TLS now.");
        return;
    }
    managesieve_ok(m);
    m->state = IN_TLS;
    buf_reset(&m->pending);
    m->calls->start_tls(m->arg);
}

void
managesieve_tls_started(struct managesieve *m, bool has_binding, bool has_outer_name)
{
    if (m->state != IN_TLS)
        return;
    m->state = GREETED;
    m->config.can_start_tls = m->config.requires_tls = false;
    m->config.is_private = true;
    m->config.has_binding = has_binding;
    m->config.has_outer_name = m->config.has_outer_name || has_outer_name;
    managesieve_say_capabilities(m);
}
