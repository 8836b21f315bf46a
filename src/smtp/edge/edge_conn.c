/* SPDX-License-Identifier: MIT
 *
 * One connection of the edge: joins a session (what is said) to a conn (how it travels) and to the
 * door of the store (who answers). A PROXY header comes first where the listener wants one; the
 * session begins behind it, with the address that it names. Which deadline runs is decided in
 * pace.c; here is when reading pauses: while the client does not read its replies, while too many
 * commands wait behind an answer, and while the store is slow to take a message.
 */
#include "edge_priv.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "doorstep/smtp_session.h"
#include "pace_priv.h"
#include "peer_priv.h"
#include "proxy_priv.h"

#define OUTPUT_HIGH 16384 /* unsent octets of replies: stop reading commands */
#define OUTPUT_MAX                                                                                 \
    4194304 /* the answers of ENVELOPE_RECIPIENTS_MAX recipients fit; more is no client */
#define HEADER_MAX (PROXY_HEADER_MAX + 65536) /* and what one read may bring behind it */

struct edge_conn {
    struct edge *edge;                    /* borrowed */
    const struct settings_listen *listen; /* borrowed */
    LIST_ENTRY(edge_conn) link;
    struct conn *conn;
    struct smtp_session *session; /* owned; NULL until a PROXY header is whole */
    struct buf header;            /* of PROXY, so far */
    struct door_client client;
    struct filter_client *filters; /* owned, or NULL */
    char id[ID_SIZE];
    struct sockaddr_storage address; /* of the client, as far as it is known */
    char peer[PEER_TEXT_SIZE];       /* as text */
    struct {                         /* for the filters */
        char peer_port[PEER_PORT_SIZE];
        char address[PEER_TEXT_SIZE];
        char port[PEER_PORT_SIZE];
    } names;
    bool is_unix;            /* and no proxy's */
    uint32_t uid;            /* of a unix socket's peer */
    char *certificate;       /* owned; the account that a verified one names, or NULL */
    struct network *network; /* that counts it; NULL: none does */
    struct pace pace;
    bool is_exempt; /* from limits by network, and never in a hurry */
    bool is_full;   /* of output the client does not read */
    bool is_reading;
    bool has_ended;      /* the client sends no more */
    bool is_handshaking; /* TLS begins; its timeout runs, and nothing moves it */
    uint64_t handshake_began_us;
    unsigned protocol; /* label of its metrics */
    uint64_t began_us;
};

/* --- pace and time --- */

/* After everything that may have moved the session: input on or off, the right deadline. */
static void
update(struct edge_conn *c)
{
    bool wants = smtp_session_wants_input(c->session) && !c->is_full && !c->client.is_paused;
    const struct pace_state state = {
        .waits = smtp_session_waits_for(c->session),
        .steps = smtp_session_steps(c->session),
        .begun = smtp_session_begun(c->session),
        .delay_ms = smtp_session_delay(c->session),
        .is_full = c->is_full,
        .is_paused = c->client.is_paused,
        .is_busy = c->edge->is_busy && !c->is_exempt,
    };
    uint64_t timeout = pace_next(&c->pace, &state, c->edge->settings, clock_ms());

    if (state.waits == SMTP_WAIT_NOTHING)
        return; /* conn_close() has its own time */
    if (c->has_ended && state.waits != SMTP_WAIT_ANSWER) {
        conn_close(c->conn, true, "peer closed");
        return;
    }
    if (!c->is_handshaking)
        conn_set_timeout(c->conn, timeout);
    if (wants == c->is_reading)
        return;
    c->is_reading = wants;
    if (wants)
        conn_read_resume(c->conn);
    else
        conn_read_pause(c->conn);
}

/* All deadlines change with the first connection that makes the edge busy, and the last. */
static void
update_busy(struct edge *e)
{
    struct edge_conn *c;

    if (admission_is_busy(e) == e->is_busy)
        return;
    e->is_busy = !e->is_busy;
    log_event(LOG_LEVEL_INFO, e->is_busy ? "busy" : "busy_no_more", "connections",
              log_num((long long)e->conn_count), NULL);
    LIST_FOREACH(c, &e->conns, link)
    {
        if (c->session != NULL)
            update(c);
    }
}

/* --- the session's calls --- */

static void
on_reply(void *arg, struct span octets)
{
    struct edge_conn *c = arg;

    metrics_count(METRIC_NETWORK_OUT, c->protocol, octets.n);
    if (!conn_write(c->conn, octets))
        c->is_full = true;
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

static bool
is_exempt(const struct edge_conn *c)
{
    return peer_is_trusted(&c->address, c->listen) ||
           networks_are_exempt(c->edge->networks, &c->address);
}

/* Its connection stays counted where it came from; what it sends counts for the client. */
static bool
on_client_changed(void *arg, const char *client_ip)
{
    struct edge_conn *c = arg;
    struct sockaddr_storage address;

    if (peer_read(client_ip, &address)) {
        c->address = address;
        c->is_exempt = is_exempt(c);
    }
    return c->is_exempt;
}

static void
on_ask_rcpt(void *arg, uint64_t id, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    struct edge_conn *c = arg;
    struct outcome o;

    if (door_store_ask_rcpt(c->edge->store, &c->client, id, recipient, reverse_path, size))
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

/* What TLS knows of the client: for SCRAM-SHA-256-PLUS, for EXTERNAL. */
static void
add_tls(struct edge_conn *c, struct auth_client *client)
{
    uint8_t binding[TLS_BINDING_MAX];
    size_t n = 0;

    if (conn_tls_binding(c->conn, TLS_BINDING_EXPORTER, binding, &n) && n <= AUTH_BINDING_MAX) {
        memcpy(client->binding, binding, n);
        client->binding_length = (uint8_t)n;
    }
    if (c->certificate != NULL)
        snprintf(client->certificate, sizeof(client->certificate), "%s", c->certificate);
}

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct edge_conn *c = arg;
    const struct auth_begin begin = {m, has_initial, octets};
    struct auth_client client = {.is_unix = c->is_unix, .uid = c->uid};

    memcpy(client.session, c->id, sizeof(client.session));
    snprintf(client.address, sizeof(client.address), "%s", smtp_session_client_ip(c->session));
    add_tls(c, &client);
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

static void
on_session_close(void *arg, const char *reason)
{
    struct edge_conn *c = arg;

    conn_close(c->conn, true, reason);
}

static bool
on_can_start_tls(void *arg)
{
    struct edge_conn *c = arg;

    return edge_tls_context(c->edge, c->listen) != NULL;
}

static void
on_start_tls(void *arg)
{
    struct edge_conn *c = arg;
    struct tls_context *context = edge_tls_context(c->edge, c->listen);

    if (context == NULL || !conn_start_tls(c->conn, context)) {
        conn_close(c->conn, true, "no memory");
        return;
    }
    c->is_handshaking = true;
    c->handshake_began_us = clock_us();
    conn_set_timeout(c->conn, c->edge->settings->timeouts.handshake);
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

/* --- the store's answers --- */

static void
on_rcpt_answer(void *arg, uint64_t rcpt_id, const struct outcome *o)
{
    struct edge_conn *c = arg;

    smtp_session_rcpt_answer(c->session, rcpt_id, o);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_answer(void *arg, uint32_t index, const struct outcome *o, const char *delivery_id)
{
    struct edge_conn *c = arg;

    smtp_session_answer(c->session, index, o, delivery_id);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_lost(void *arg, const struct outcome *o)
{
    struct edge_conn *c = arg;

    metrics_count(METRIC_ANSWERS_LOST, METRICS_NO_LABEL, 1);
    log_event(LOG_LEVEL_WARNING, "deferred", "id", c->id, "cause", o->cause, NULL);
    smtp_session_fail(c->session, o);
    door_store_push(c->edge->store);
    update(c);
}

/* The filters' answer; the session may be waiting for it inside its own call. */
static void
on_filter_answer(void *arg, uint64_t ticket, const struct outcome *o)
{
    struct edge_conn *c = arg;

    smtp_session_filter_answer(c->session, ticket, o);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_auth_challenge(void *arg, struct span octets)
{
    struct edge_conn *c = arg;

    smtp_session_auth_challenge(c->session, octets);
    update(c);
}

static void
on_auth_done(void *arg, enum sasl_verdict verdict, const char *login)
{
    struct edge_conn *c = arg;

    smtp_session_auth_done(c->session, verdict, login);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_paced(void *arg)
{
    update(arg);
}

static const struct door_client_calls client_calls = {
    .rcpt_answer = on_rcpt_answer,
    .answer = on_answer,
    .lost = on_lost,
    .auth_challenge = on_auth_challenge,
    .auth_done = on_auth_done,
    .paced = on_paced,
};

/* --- the connection's calls --- */

static void take_header(struct edge_conn *c, struct span bytes);

static void
feed(struct edge_conn *c, struct span bytes)
{
    bool was_in_auth = smtp_session_in_auth(c->session);

    pace_took(&c->pace, bytes.n);
    smtp_session_feed(c->session, bytes);
    if (was_in_auth || smtp_session_in_auth(c->session))
        conn_forget_input(c->conn);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_bytes(void *arg, struct span bytes)
{
    struct edge_conn *c = arg;

    metrics_count(METRIC_NETWORK_IN, c->protocol, bytes.n);
    if (c->session != NULL)
        feed(c, bytes);
    else
        take_header(c, bytes);
}

/* The store owes an answer for too long: what it may still do is its business, the client hears
 * 451. */
static void
give_up_on_store(struct edge_conn *c)
{
    struct outcome o;

    metrics_count(METRIC_ANSWERS_LOST, METRICS_NO_LABEL, 1);
    log_event(LOG_LEVEL_ERROR, "answer_timeout", "id", c->id, NULL);
    outcome_set(&o, OUTCOME_SYSTEM, "the store does not answer");
    door_store_forget(c->edge->store, &c->client);
    if (c->filters != NULL)
        filter_client_forget(c->filters);
    smtp_session_fail(c->session, &o);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_delay_over(struct edge_conn *c)
{
    smtp_session_delay_over(c->session);
    door_store_push(c->edge->store);
    update(c);
}

static void
on_timeout(void *arg)
{
    struct edge_conn *c = arg;

    if (c->session == NULL) {
        limit_hit(METRICS_LIMIT_TIMEOUT_PROXY, c->id, c->peer);
        conn_close(c->conn, false, "no PROXY header in time");
        return;
    }
    if (c->is_handshaking) {
        limit_hit(METRICS_LIMIT_TIMEOUT_HANDSHAKE, c->id, c->peer);
        conn_close(c->conn, false, "tls: handshake timeout");
        return;
    }
    if (c->pace.next == METRICS_LIMIT_TARPIT) {
        on_delay_over(c);
        return;
    }
    limit_hit(c->pace.next, c->id, c->peer);
    if (c->pace.next == METRICS_LIMIT_TIMEOUT_WRITE)
        conn_close(c->conn, false, "client does not read");
    else if (c->pace.next == METRICS_LIMIT_TIMEOUT_ANSWER)
        give_up_on_store(c);
    else if (c->pace.next == METRICS_LIMIT_TIMEOUT_SESSION)
        smtp_session_expire(c->session);
    else
        smtp_session_timeout(c->session);
}

static void
on_writable(void *arg)
{
    struct edge_conn *c = arg;

    c->is_full = false;
    update(c);
}

/* Some clients end their side behind the last line, and wait for the answers all the same. */
static bool
on_end(void *arg)
{
    struct edge_conn *c = arg;

    c->has_ended = true;
    return c->session != NULL && smtp_session_waits_for(c->session) == SMTP_WAIT_ANSWER;
}

static void
log_end(const struct edge_conn *c, const char *reason)
{
    if (c->session == NULL)
        log_event(LOG_LEVEL_INFO, "disconnect", "id", c->id, "reason", reason, NULL);
    else
        log_event(LOG_LEVEL_INFO, "disconnect", "id", c->id, "reason", reason, "messages",
                  log_num((long long)smtp_session_messages(c->session)), "errors",
                  log_num((long long)smtp_session_errors(c->session)), NULL);
}

static void
log_tls(const struct edge_conn *c, const struct tls_facts *f)
{
    log_event(LOG_LEVEL_INFO, "tls", "id", c->id, "version", f->version, "cipher", f->cipher,
              "server_name", f->server_name, "resumed", f->is_resumed ? "yes" : "no", NULL);
    if (f->client_fingerprint[0] != '\0')
        log_event(LOG_LEVEL_INFO, "tls_client", "id", c->id, "verified",
                  f->is_client_verified ? "yes" : "no", "problem", f->client_problem, "subject",
                  f->client_subject, "issuer", f->client_issuer, "fingerprint",
                  f->client_fingerprint, NULL);
}

static void
count_tls(const struct edge_conn *c, const struct tls_facts *f)
{
    metrics_count(METRIC_TLS_HANDSHAKES,
                  strcmp(f->version, "TLSv1.3") == 0 ? METRICS_TLS_1_3 : METRICS_TLS_1_2, 1);
    if (f->is_resumed)
        metrics_count(METRIC_TLS_RESUMED, METRICS_NO_LABEL, 1);
    metrics_observe(METRIC_TLS_HANDSHAKE, METRICS_NO_LABEL, clock_us() - c->handshake_began_us);
}

static void
on_tls(void *arg, const struct tls_facts *facts)
{
    struct edge_conn *c = arg;

    c->is_handshaking = false;
    count_tls(c, facts);
    log_tls(c, facts);
    if (facts->is_client_verified)
        c->certificate =
            strdup(*facts->client_email != '\0' ? facts->client_email : facts->client_common_name);
    smtp_session_tls_started(c->session, facts);
    if (c->listen->tls == LISTEN_TLS_IMPLICIT)
        smtp_session_greet(c->session);
    update(c);
}

static void
on_closed(void *arg, const char *reason)
{
    struct edge_conn *c = arg;
    struct edge *e = c->edge;

    if (c->session != NULL)
        metrics_gauge_add(METRIC_SESSIONS_OPEN, c->protocol, -1);
    metrics_observe(METRIC_SESSION_TIME, c->protocol, clock_us() - c->began_us);
    if (c->is_handshaking)
        metrics_count(METRIC_TLS_HANDSHAKES, METRICS_TLS_FAILED, 1);
    log_end(c, reason);
    smtp_session_free(c->session);
    door_store_forget(e->store, &c->client);
    if (c->network != NULL)
        network_leave(e->networks, c->network, clock_ms());
    buf_release(&c->header);
    filter_client_free(c->filters);
    LIST_REMOVE(c, link);
    free(c->certificate);
    free(c);
    e->conn_count--;
    update_busy(e);
    if (e->conn_count == 0 && e->on_empty != NULL)
        e->on_empty(e);
}

static const struct conn_handlers conn_calls = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_tls = on_tls,
    .on_closed = on_closed,
};

/* --- begin --- */

/* Whose uid may stand for an account. */
static bool
has_system_accounts(const struct settings *s)
{
    for (size_t i = 0; i < s->domain_count; i++) {
        if (strcmp(s->domains[i].accounts, "passwd") == 0)
            return true;
    }
    return false;
}

static struct smtp_session *
open_session(struct edge_conn *c)
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
        .require = c->listen->require,
        .dsn = s->dsn,
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
        .auth_external = c->is_unix && has_system_accounts(s),
        .auth_failures_max = s->auth.session_failures,
    };

    peer_print_port(&c->address, c->names.peer_port);
    return smtp_session_new(&config, &session_calls, c);
}

/* What content filters want to know, where the listener has any. */
static bool
open_filters(struct edge_conn *c, int fd)
{
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};

    if (c->listen->milter_count == 0)
        return true;
    (void)getsockname(fd, (struct sockaddr *)&own, &(socklen_t){sizeof(own)});
    peer_print(&own, c->names.address);
    peer_print_port(&own, c->names.port);
    c->filters =
        filter_client_new(c->edge->filters, c->edge->settings, c->listen, on_filter_answer, c);
    return c->filters != NULL;
}

/* The client is known: greet it. rest: what came with its PROXY header. */
static void
begin(struct edge_conn *c, struct span rest)
{
    c->session = open_session(c);
    if (c->session == NULL) {
        log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
        conn_close(c->conn, false, "out of memory");
        return;
    }
    log_event(LOG_LEVEL_INFO, "connect", "id", c->id, "protocol",
              c->listen->protocol == LISTEN_LMTP ? "lmtp" : "smtp", "peer",
              c->address.ss_family == AF_UNIX ? "unix" : c->peer, NULL);
    metrics_count(METRIC_SESSIONS, c->protocol, 1);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, c->protocol, 1);
    pace_init(&c->pace, clock_ms());
    if (c->listen->tls == LISTEN_TLS_IMPLICIT)
        on_start_tls(c);
    else
        smtp_session_greet(c->session);
    update(c);
    if (rest.n > 0)
        conn_take(c->conn, rest);
}

/* Counts the connection for its client's network; false: that has enough. */
static bool
enter_network(struct edge_conn *c)
{
    c->is_exempt = is_exempt(c);
    if (!c->is_exempt && c->edge->settings->limits.network_connections != UINT64_MAX)
        c->network = network_enter(c->edge->networks, &c->address, clock_ms());
    return c->is_exempt || c->edge->settings->limits.network_connections == UINT64_MAX ||
           c->network != NULL;
}

/* --- PROXY headers --- */

static void
log_proxied(const struct edge_conn *c, const struct proxy_header *h, const char *proxy)
{
    log_event(LOG_LEVEL_INFO, "proxied", "id", c->id, "proxy", proxy, "peer", c->peer, "tls",
              h->tls_version, "cipher", h->tls_cipher, "client_cn", h->client_cn, "verified",
              h->is_client_verified ? "yes" : "no", "authority", h->authority, "unique_id",
              h->unique_id, NULL);
}

static void
use_header(struct edge_conn *c, const struct proxy_header *h, struct span rest)
{
    char proxy[PEER_TEXT_SIZE];

    memcpy(proxy, c->peer, sizeof(proxy));
    if (h->has_client) {
        c->address = h->source;
        c->is_unix = false;
    }
    peer_print(&c->address, c->peer);
    log_proxied(c, h, proxy);
    if (enter_network(c)) {
        begin(c, rest);
        return;
    }
    limit_hit(METRICS_LIMIT_NETWORK_CONNECTIONS, c->id, c->peer);
    conn_write(c->conn, admission_refusal(METRICS_LIMIT_NETWORK_CONNECTIONS));
    conn_close(c->conn, true, "too many connections from its network");
}

static void
take_header(struct edge_conn *c, struct span bytes)
{
    struct proxy_header h;
    enum proxy_result result = PROXY_BAD;
    size_t used;

    if (buf_append_span(&c->header, bytes))
        result = proxy_parse(buf_span(&c->header), &h, &used);
    if (result == PROXY_MORE)
        return;
    if (result == PROXY_BAD) {
        log_event(LOG_LEVEL_WARNING, "proxy_refused", "id", c->id, "proxy", c->peer, "reason",
                  "no PROXY header, or a broken one", NULL);
        conn_close(c->conn, false, "bad PROXY header");
        return;
    }
    use_header(c, &h, span_skip(buf_span(&c->header), used));
    buf_release(&c->header);
}

/* --- accept --- */

static struct edge_conn *
edge_conn_new(struct edge *e, const struct settings_listen *listen,
              const struct sockaddr_storage *peer)
{
    struct edge_conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->edge = e;
    c->listen = listen;
    c->protocol = listen->protocol == LISTEN_LMTP ? METRICS_LMTP : METRICS_SMTP;
    c->began_us = clock_us();
    c->address = *peer;
    id_make(c->id);
    peer_print(peer, c->peer);
    buf_init(&c->header, HEADER_MAX);
    door_client_init(&c->client, &client_calls, c);
    return c;
}

/* An accepted socket becomes a connection; takes fd. */
static bool
attach(struct edge_conn *c, int fd)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};
    struct edge *e = c->edge;

    c->is_unix = c->address.ss_family == AF_UNIX && peer_uid(fd, &c->uid);
    if (open_filters(c, fd))
        c->conn = conn_new(e->loop, fd, &limits, &conn_calls, c);
    else
        close(fd);
    if (c->conn == NULL)
        return false;
    LIST_INSERT_HEAD(&e->conns, c, link);
    e->conn_count++;
    update_busy(e);
    return true;
}

/* Only a proxy that we know may speak for others. */
static bool
proxy_is_known(const struct edge_conn *c)
{
    if (peer_is_in(&c->address, c->listen->proxy_trusted, c->listen->proxy_trusted_count))
        return true;
    log_event(LOG_LEVEL_WARNING, "proxy_refused", "id", c->id, "proxy", c->peer, "reason",
              "not in proxy_trusted", NULL);
    return false;
}

static void
wait_for_header(struct edge_conn *c)
{
    conn_set_timeout(c->conn, c->edge->settings->timeouts.proxy);
    c->is_reading = true;
    conn_read_resume(c->conn);
}

/* Refuses what needs no connection of ours to be refused: 0 octets of memory for a flood. */
static bool
admit(struct edge_conn *c, int fd)
{
    if (c->listen->proxy_protocol && !proxy_is_known(c)) {
        close(fd);
        return false;
    }
    if (!c->listen->proxy_protocol && !enter_network(c)) {
        admission_refuse(fd, METRICS_LIMIT_NETWORK_CONNECTIONS, c->peer);
        return false;
    }
    return true;
}

void
edge_conn_open(struct edge *e, const struct settings_listen *listen, int fd,
               const struct sockaddr_storage *peer)
{
    bool is_unix = peer->ss_family == AF_UNIX;
    struct edge_conn *c = NULL;

    if (!e->is_draining && admission_has_room(e, is_unix))
        c = edge_conn_new(e, listen, peer);
    if (c == NULL) {
        admission_refuse(fd, METRICS_LIMIT_CONNECTIONS, NULL);
        return;
    }
    if (!admit(c, fd)) {
        free(c);
        return;
    }
    if (!is_unix) /* replies of one turn are one send: nothing is won by waiting for more */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (!attach(c, fd)) {
        log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
        if (c->network != NULL)
            network_leave(e->networks, c->network, clock_ms());
        filter_client_free(c->filters);
        free(c);
    } else if (listen->proxy_protocol) {
        wait_for_header(c);
    } else {
        begin(c, SPAN_NONE);
    }
}

/* --- all of them --- */

void
edge_conns_drain(struct edge *e)
{
    struct edge_conn *c;

    e->is_draining = true;
    LIST_FOREACH(c, &e->conns, link)
    {
        if (c->session == NULL) {
            conn_close(c->conn, false, "drained");
            continue;
        }
        smtp_session_drain(c->session);
        update(c);
    }
}

void
edge_conns_stop(struct edge *e)
{
    struct edge_conn *c;

    LIST_FOREACH(c, &e->conns, link)
    {
        if (c->session == NULL)
            conn_close(c->conn, false, "stopped");
        else
            smtp_session_stop(c->session);
    }
}
