/* SPDX-License-Identifier: MIT
 *
 * What a session of ManageSieve asks for, done by its connection: replies, the log-in and the
 * scripts through the door of the store, and what comes back through it.
 */
#include "manage_conn_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "doorstep/list_name.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "doorstep/sieve.h"

#define EXTENSIONS_MAX 16384

/* --- the client --- */

static bool
on_reply(void *arg, struct span octets)
{
    struct manage_conn *c = arg;

    metrics_count(METRIC_NETWORK_OUT, METRICS_MANAGESIEVE, octets.n);
    if (!conn_write(c->conn, octets))
        c->is_full = true;
    return !c->is_full;
}

static bool
on_can_start_tls(void *arg)
{
    struct manage_conn *c = arg;

    return edge_tls_context(c->edge, c->listen) != NULL &&
           (c->is_exempt || edge_handshakes_have_room(c->edge));
}

static void
on_start_tls(void *arg)
{
    manage_conn_start_tls(arg);
}

static void
on_session_close(void *arg, const char *reason)
{
    struct manage_conn *c = arg;

    conn_close(c->conn, true, reason);
}

/* --- the log-in --- */

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct manage_conn *c = arg;
    const struct auth_begin begin = {m, has_initial, octets};
    struct auth_client client = {.is_unix = c->is_unix, .uid = c->uid};

    c->mechanism = m;
    buf_release(&c->final);
    memcpy(client.session, c->id, sizeof(client.session));
    snprintf(client.address, sizeof(client.address), "%s", c->peer);
    edge_handshake_identify(c->conn, c->certificate, &client);
    return door_store_script_login(c->edge->store, &c->client, &client, &begin);
}

static bool
on_auth_step(void *arg, struct span octets)
{
    struct manage_conn *c = arg;

    return door_store_auth_step(c->edge->store, &c->client, octets);
}

static void
on_auth_abort(void *arg)
{
    struct manage_conn *c = arg;

    door_store_auth_abort(c->edge->store, &c->client);
}

static void
on_auth_done(void *arg, enum sasl_verdict verdict, const char *login)
{
    struct manage_conn *c = arg;

    managesieve_auth_done(c->session, verdict, login, buf_span(&c->final));
    buf_release(&c->final);
    manage_conn_update(c);
}

/* The server's last word of SCRAM ("v=...", RFC 5802 7) needs no answer of the client's: it goes
 * with the OK (RFC 5804 2.1), and the auth role hears the empty one that it waits for. */
static bool
is_last_word(const struct manage_conn *c, struct span octets)
{
    return (c->mechanism == SASL_SCRAM_SHA_256 || c->mechanism == SASL_SCRAM_SHA_256_PLUS) &&
           octets.n > 2 && octets.p[0] == 'v' && octets.p[1] == '=';
}

static void
on_auth_challenge(void *arg, struct span octets)
{
    struct manage_conn *c = arg;

    if (!is_last_word(c, octets))
        managesieve_challenge(c->session, octets);
    else if (!buf_append_span(&c->final, octets) ||
             !door_store_auth_step(c->edge->store, &c->client, SPAN_NONE)) {
        door_store_auth_abort(c->edge->store, &c->client);
        on_auth_done(c, SASL_UNAVAILABLE, "");
        return;
    }
    manage_conn_update(c);
}

static void
on_forget_login(void *arg)
{
    struct manage_conn *c = arg;

    door_store_script_logout(c->edge->store, &c->client);
}

/* --- scripts --- */

static bool
on_request(void *arg, const struct managesieve_request *r)
{
    struct manage_conn *c = arg;

    return door_store_script_ask(c->edge->store, &c->client, r);
}

static void
on_script_answer(void *arg, const struct managesieve_answer *a)
{
    struct manage_conn *c = arg;

    managesieve_answer(c->session, a);
    manage_conn_update(c);
}

/* The next store knows of no log-in. */
static void
on_script_lost(void *arg)
{
    struct manage_conn *c = arg;

    managesieve_bye(c->session, "TRYLATER", "The server is starting again.");
    manage_conn_update(c);
}

const struct door_client_calls manage_door_calls = {
    .auth_challenge = on_auth_challenge,
    .auth_done = on_auth_done,
    .script_answer = on_script_answer,
    .script_lost = on_script_lost,
};

static const struct managesieve_calls session_calls = {
    .reply = on_reply,
    .can_start_tls = on_can_start_tls,
    .start_tls = on_start_tls,
    .auth_begin = on_auth_begin,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .request = on_request,
    .forget_login = on_forget_login,
    .close = on_session_close,
};

/* --- the session --- */

/* What a script of an account may require, as the sorters compile it. */
static const char *
extensions_of(struct edge *e)
{
    const struct sieve_compiler accounts = {.limits = NULL,
                                            .is_administrators = e->settings->sieve.user_programs};

    if (e->sieve_extensions.max == 0)
        buf_init(&e->sieve_extensions, EXTENSIONS_MAX);
    if (e->sieve_extensions.len == 0 && !sieve_extensions_print(&accounts, &e->sieve_extensions))
        buf_reset(&e->sieve_extensions);
    return buf_str(&e->sieve_extensions);
}

static bool
has_word(struct span text, struct span word)
{
    while (text.n > 0) {
        struct span one = {text.p, span_find(text, ' ')};
        if (span_equal_fold(one, word))
            return true;
        text = span_skip(text, one.n + 1);
    }
    return false;
}

/* RFC 6134 2.8: those of the lists that there are; the address book's is always one. */
static const char *
list_schemes_of(struct edge *e)
{
    const struct settings *s = e->settings;
    struct buf *out = &e->list_schemes;

    if (out->max == 0)
        buf_init(out, EXTENSIONS_MAX);
    if (out->len > 0)
        return buf_str(out);
    buf_append_str(out, "urn");
    for (size_t i = 0; i < s->sieve_list_count; i++) {
        struct span scheme = list_name_scheme(span_of(s->sieve_lists[i].name));
        if (scheme.n > 0 && !has_word(buf_span(out), scheme))
            buf_printf(out, " %.*s", (int)scheme.n, scheme.p);
    }
    return buf_str(out);
}

struct managesieve *
manage_session_new(struct manage_conn *c, const struct tls_facts *facts)
{
    const struct settings *s = c->edge->settings;
    const char *extensions = extensions_of(c->edge);
    bool has_tls = facts != NULL;
    struct sieve_limits limits;

    sieve_limits_default(&limits);
    const struct managesieve_config config = {
        .implementation = "Doorstep " DOORSTEP_VERSION,
        .extensions = extensions,
        .notify = strstr(extensions, "enotify") != NULL ? "mailto" : "",
        .lists = strstr(extensions, "extlists") != NULL ? list_schemes_of(c->edge) : "",
        .redirects_max = limits.redirects_max,
        .script_max = s->sieve.script_size,
        .failures_max = s->auth.session_failures,
        .errors_max = s->limits.errors,
        .strange_commands_max = s->limits.commands,
        .can_start_tls = !has_tls && c->listen->tls != LISTEN_TLS_NONE,
        .requires_tls = !has_tls && c->listen->tls == LISTEN_TLS_REQUIRED,
        .is_private = has_tls || c->is_unix,
        .plain_without_tls = c->listen->auth_plain_without_tls,
        .has_binding = has_tls && facts->has_binding,
        .has_outer_name =
            (has_tls && facts->is_client_verified) || (c->is_unix && edge_has_system_accounts(s)),
    };

    return managesieve_new(&config, &session_calls, c);
}
