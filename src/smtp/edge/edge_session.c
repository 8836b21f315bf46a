/* SPDX-License-Identifier: MIT
 *
 * What a session asks for, done by its connection: octets for the client, questions and messages
 * for the store, stages for the filters, the first octets of TLS, a line in the log.
 */
#include "edge_conn_priv.h"

#include <stdio.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

/* --- its client --- */

static bool
on_reply(void *arg, struct span octets)
{
    struct edge_conn *c = arg;

    metrics_count(METRIC_NETWORK_OUT, c->protocol, octets.n);
    if (!conn_write(c->conn, octets))
        c->is_full = true;
    return !c->is_full;
}

/* May a message come from there now? */
static bool
on_mail_begin(void *arg, const char *client_ip, struct outcome *why)
{
    struct edge_conn *c = arg;
    enum metrics_LIMITS limit;

    if (door_store_is_disk_full(c->edge->store)) {
        limit = METRICS_LIMIT_DISK_FREE;
        outcome_set(why, OUTCOME_DISK_FULL, NULL);
    } else if (!c->is_exempt && !network_may_send(c->edge->networks, &c->address, clock_ms())) {
        limit = METRICS_LIMIT_NETWORK_MESSAGES;
        outcome_set(why, OUTCOME_NETWORK_RATE, NULL);
    } else {
        return true;
    }
    limit_hit(limit, c->id, client_ip);
    return false;
}

/* Its connection stays counted where it came from; what it sends counts for the client. */
static bool
on_client_changed(void *arg, const char *client_ip)
{
    struct edge_conn *c = arg;
    struct sockaddr_storage address;

    if (peer_read(client_ip, &address)) {
        c->address = address;
        c->is_exempt = edge_accept_is_exempt(c);
    }
    return c->is_exempt;
}

static void
on_session_close(void *arg, const char *reason)
{
    struct edge_conn *c = arg;

    edge_handshake_leave(c);
    conn_close(c->conn, true, reason);
}

/* --- a message --- */

static void
on_ask_rcpt(void *arg, uint64_t id, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    struct edge_conn *c = arg;
    enum rcpt_asker asker = c->is_unix ? RCPT_ASKED_BY_NEIGHBOUR : RCPT_ASKED_BY_CLIENT;
    struct outcome o;

    if (door_store_ask_rcpt(c->edge->store, &c->client, id, asker, recipient, reverse_path, size))
        return;
    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    smtp_session_rcpt_answer(c->session, id, &o);
}

static void
on_ask_filter(void *arg, uint64_t id, const struct filter_event *event)
{
    struct edge_conn *c = arg;

    filter_client_ask(c->filters, id, event);
}

static void
on_filter_abort(void *arg)
{
    struct edge_conn *c = arg;

    filter_client_abort(c->filters);
}

static bool
on_data_begin(void *arg, uint64_t size)
{
    struct edge_conn *c = arg;

    return door_store_begin(c->edge->store, &c->client, size);
}

static void
on_data(void *arg, struct span octets)
{
    struct edge_conn *c = arg;

    door_store_data(c->edge->store, &c->client, octets);
}

static void
on_data_end(void *arg, const struct envelope *envelope)
{
    struct edge_conn *c = arg;

    if (c->filters != NULL)
        filter_client_handed(c->filters, envelope->filter);
    door_store_end(c->edge->store, &c->client, envelope);
}

static void
on_data_abort(void *arg)
{
    struct edge_conn *c = arg;

    door_store_abort(c->edge->store, &c->client);
}

static void
on_finished(void *arg, const struct smtp_summary *s)
{
    struct edge_conn *c = arg;
    struct buf from;

    metrics_count(METRIC_MESSAGES, c->protocol, 1);
    if (!log_wants(LOG_LEVEL_INFO))
        return;
    buf_init(&from, 2 * ADDRESS_PATH_MAX);
    address_print(&s->envelope->reverse_path, &from);
    log_event(LOG_LEVEL_INFO, "message", "id", c->id, "from", buf_str(&from), "octets",
              log_num((long long)s->octets), "recipients", log_num(s->envelope->recipient_count),
              "delivered", log_num(s->delivered), "refused", log_num(s->refused), "deferred",
              log_num(s->deferred), "queue_id", s->envelope->queue_id, "delivery", s->delivery_id,
              "client", s->envelope->client_ip, "name", s->envelope->client_name, "port",
              s->envelope->client_port, "protocol", s->envelope->client_protocol, "source",
              s->envelope->client_source, "helo", s->envelope->helo, "login", s->envelope->login,
              NULL);
    buf_release(&from);
}

/* --- AUTH and TLS --- */

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct edge_conn *c = arg;
    const struct auth_begin begin = {m, has_initial, octets};
    struct auth_client client = {.is_unix = c->is_unix, .uid = c->uid};

    memcpy(client.session, c->id, sizeof(client.session));
    snprintf(client.address, sizeof(client.address), "%s", smtp_session_client_ip(c->session));
    edge_handshake_identify(c->conn, c->certificate, &client);
    return door_store_auth_begin(c->edge->store, &c->client, &client, &begin);
}

static bool
on_auth_step(void *arg, struct span octets)
{
    struct edge_conn *c = arg;

    return door_store_auth_step(c->edge->store, &c->client, octets);
}

static void
on_auth_abort(void *arg)
{
    struct edge_conn *c = arg;

    door_store_auth_abort(c->edge->store, &c->client);
}

static bool
on_can_start_tls(void *arg)
{
    return edge_handshake_is_possible(arg);
}

static void
on_start_tls(void *arg)
{
    edge_handshake_begin(arg);
}

static const struct smtp_session_calls session_calls = {
    .can_start_tls = on_can_start_tls,
    .start_tls = on_start_tls,
    .reply = on_reply,
    .mail_begin = on_mail_begin,
    .client_changed = on_client_changed,
    .ask_rcpt = on_ask_rcpt,
    .ask_filter = on_ask_filter,
    .filter_abort = on_filter_abort,
    .data_begin = on_data_begin,
    .data = on_data,
    .data_end = on_data_end,
    .data_abort = on_data_abort,
    .auth_begin = on_auth_begin,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .finished = on_finished,
    .close = on_session_close,
};

/* --- the session --- */

bool
edge_has_system_accounts(const struct settings *s)
{
    for (size_t i = 0; i < s->domain_count; i++) {
        if (strcmp(s->domains[i].accounts, "passwd") == 0)
            return true;
    }
    return false;
}

struct smtp_session *
edge_session_new(struct edge_conn *c)
{
    const struct settings *s = c->edge->settings;
    const struct smtp_session_config config = {
        .protocol = c->listen->protocol,
        .hostname = s->hostname,
        .session_id = c->id,
        .client_ip = c->peer,
        .trusted = peer_is_trusted(&c->address, c->listen),
        .is_exempt = c->is_exempt,
        .tarpit_ms = s->timeouts.tarpit,
        .tarpit_max_ms = s->timeouts.tarpit_max,
        .tls = c->listen->tls,
        .proxied_tls = c->proxied != NULL ? &c->proxied->facts : NULL,
        .require = c->listen->require,
        .dsn = s->dsn && settings_has_relay(s), /* or who asks for a report gets none */
        .bare_newline = s->bare_newline,
        .limits = &s->limits,
        .filter_key = c->filters != NULL ? filter_client_key(c->filters) : NULL,
        .filter_must = c->filters != NULL && filter_client_must(c->filters),
        .client_port = c->names.peer_port,
        .daemon_addr = c->names.address,
        .daemon_port = c->names.port,
        .is_unix = c->is_unix,
        .auth = c->listen->auth,
        .auth_plain_without_tls = c->listen->auth_plain_without_tls,
        .auth_external = c->is_unix && edge_has_system_accounts(s),
        .auth_failures_max = s->auth.session_failures,
    };

    peer_print_port(&c->address, c->names.peer_port);
    return smtp_session_new(&config, &session_calls, c);
}
