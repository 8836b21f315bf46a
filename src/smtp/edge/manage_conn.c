/* SPDX-License-Identifier: MIT
 *
 * A connection of ManageSieve: accepted or refused, its octets, its time, TLS, its end. See
 * manage_conn_priv.h.
 *
 * Its deadlines: timeouts.command for a stranger's next command, and half an hour at least for one
 * who has logged in (RFC 5804 1.2); timeouts.answer for the store, timeouts.write while the client
 * does not read, timeouts.session for all of it. What completes no command moves none.
 */
#include "manage_conn_priv.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "edge_conn_priv.h"

#define OUTPUT_HIGH 16384 /* unsent octets of replies: no more commands are carried out */
#define OUTPUT_MAX (2 * MANAGESIEVE_REPLY_MAX)
#define READ_MAX 16384 /* octets of a turn: they may have to be kept */
#define LOGGED_IN_MS (30 * 60 * UINT64_C(1000))

_Static_assert(READ_MAX <= MANAGESIEVE_PENDING_MAX, "the session keeps what was read");

/* --- pace --- */

static uint64_t
timeout_of(const struct manage_conn *c, enum metrics_LIMITS *limit)
{
    const struct settings_timeouts *t = &c->edge->settings->timeouts;

    if (c->is_full) {
        *limit = METRICS_LIMIT_TIMEOUT_WRITE;
        return t->write;
    }
    if (managesieve_is_waiting(c->session)) {
        *limit = METRICS_LIMIT_TIMEOUT_ANSWER;
        return t->answer;
    }
    *limit = METRICS_LIMIT_TIMEOUT_COMMAND;
    if (managesieve_login(c->session) != NULL)
        return t->command > LOGGED_IN_MS ? t->command : LOGGED_IN_MS;
    return c->edge->is_busy && t->busy < t->command ? t->busy : t->command;
}

static void
set_deadline(struct manage_conn *c)
{
    uint64_t now = clock_ms(), steps = managesieve_steps(c->session);
    uint64_t session_end = c->began_us / 1000 + c->edge->settings->timeouts.session;
    bool waits = managesieve_is_waiting(c->session);
    uint64_t deadline;

    if (steps != c->pace.steps || waits != c->pace.waits || c->is_full != c->pace.is_full)
        c->pace.since_ms = now;
    c->pace.steps = steps;
    c->pace.waits = waits;
    c->pace.is_full = c->is_full;
    deadline = c->pace.since_ms + timeout_of(c, &c->pace.limit);
    if (session_end < deadline && !waits) {
        deadline = session_end;
        c->pace.limit = METRICS_LIMIT_TIMEOUT_SESSION;
    }
    conn_set_timeout(c->conn, deadline > now ? deadline - now : 1);
}

static bool
may_end(const struct manage_conn *c)
{
    return c->edge->is_draining && !managesieve_is_waiting(c->session);
}

void
manage_conn_update(struct manage_conn *c)
{
    bool wants;

    if (c->session == NULL || c->handshake.is_running)
        return;
    if (may_end(c))
        managesieve_bye(c->session, "TRYLATER", "The server is going away.");
    if (managesieve_is_closed(c->session))
        return; /* conn_close() has its own time */
    if (c->has_ended && !managesieve_is_waiting(c->session)) {
        conn_close(c->conn, true, "peer closed");
        return;
    }
    set_deadline(c);
    wants = managesieve_wants_input(c->session) && !c->is_full;
    if (wants == c->is_reading)
        return;
    c->is_reading = wants;
    if (wants)
        conn_read_resume(c->conn);
    else
        conn_read_pause(c->conn);
}

/* --- TLS --- */

static void
leave_handshake(struct manage_conn *c)
{
    bool was_counted = c->handshake.is_counted;

    c->handshake.is_running = c->handshake.is_counted = false;
    if (was_counted)
        edge_handshakes_leave(c->edge);
}

void
manage_conn_start_tls(struct manage_conn *c)
{
    struct tls_context *context = edge_tls_context(c->edge, c->listen);

    c->handshake.is_running = true;
    c->handshake.began_us = clock_us();
    c->handshake.is_counted = !c->is_exempt;
    if (c->handshake.is_counted)
        edge_handshakes_enter(c->edge);
    if (context == NULL || !conn_start_tls(c->conn, context)) {
        conn_close(c->conn, true, "no memory");
        return;
    }
    conn_set_timeout(c->conn, c->edge->settings->timeouts.handshake);
    if (!c->is_reading)
        conn_read_resume(c->conn);
    c->is_reading = true;
}

static bool
begin_session(struct manage_conn *c, const struct tls_facts *facts)
{
    c->session = manage_session_new(c, facts);
    if (c->session != NULL)
        return true;
    log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
    conn_close(c->conn, false, "out of memory");
    return false;
}

static void
on_tls(void *arg, const struct tls_facts *facts)
{
    struct manage_conn *c = arg;

    leave_handshake(c);
    edge_handshake_count(facts, c->handshake.began_us);
    edge_handshake_log(c->id, facts, "us");
    c->certificate = edge_handshake_name(facts);
    if (c->session != NULL)
        managesieve_tls_started(c->session, facts->has_binding, c->certificate != NULL);
    else if (!begin_session(c, facts))
        return;
    manage_conn_update(c);
}

/* --- octets and time --- */

static void
on_bytes(void *arg, struct span bytes)
{
    struct manage_conn *c = arg;
    bool was_stranger = managesieve_login(c->session) == NULL;

    metrics_count(METRIC_NETWORK_IN, METRICS_MANAGESIEVE, bytes.n);
    managesieve_feed(c->session, bytes);
    if (was_stranger)
        conn_forget_input(c->conn);
    manage_conn_update(c);
}

static void
on_writable(void *arg)
{
    struct manage_conn *c = arg;

    c->is_full = false;
    if (c->session != NULL)
        managesieve_writable(c->session);
    manage_conn_update(c);
}

static bool
on_end(void *arg)
{
    struct manage_conn *c = arg;

    c->has_ended = true;
    return c->session != NULL && managesieve_is_waiting(c->session);
}

static void
on_timeout(void *arg)
{
    struct manage_conn *c = arg;

    if (c->handshake.is_running)
        c->pace.limit = METRICS_LIMIT_TIMEOUT_HANDSHAKE;
    limit_hit(c->pace.limit, c->id, c->peer);
    if (c->handshake.is_running)
        conn_close(c->conn, false, "tls: handshake timeout");
    else if (c->is_full)
        conn_close(c->conn, false, "client does not read");
    else
        managesieve_bye(c->session, c->pace.waits ? "TRYLATER" : NULL,
                        c->pace.waits ? "There is no answer."
                                      : "You have been silent for too long.");
}

/* --- its end --- */

static void
on_closed(void *arg, const char *reason)
{
    struct manage_conn *c = arg;
    struct edge *e = c->edge;

    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_MANAGESIEVE, -1);
    metrics_observe(METRIC_SESSION_TIME, METRICS_MANAGESIEVE, clock_us() - c->began_us);
    if (c->handshake.is_running)
        metrics_count(METRIC_TLS_HANDSHAKES, METRICS_TLS_FAILED, 1);
    log_event(LOG_LEVEL_INFO, "disconnect", "id", c->id, "reason", reason, NULL);
    leave_handshake(c);
    door_store_forget(e->store, &c->client);
    managesieve_free(c->session);
    buf_release(&c->final);
    if (c->network != NULL)
        network_leave(e->networks, c->network, clock_ms());
    LIST_REMOVE(c, link);
    free(c->certificate);
    free(c);
    edge_conns_remove(e);
}

static const struct conn_handlers conn_calls = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_tls = on_tls,
    .on_closed = on_closed,
};

/* --- accept --- */

static void
refuse(int fd, enum metrics_LIMITS limit, const char *peer)
{
    static const char line[] = "BYE (TRYLATER) \"Too many connections.\"\r\n";

    limit_hit(limit, NULL, peer);
    metrics_count(METRIC_CONNECTIONS_REFUSED, METRICS_NO_LABEL, 1);
    (void)!send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static struct manage_conn *
manage_conn_new(struct edge *e, const struct settings_listen *listen, int fd,
                const struct sockaddr_storage *peer)
{
    struct manage_conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->edge = e;
    c->listen = listen;
    c->address = *peer;
    c->began_us = clock_us();
    c->is_unix = peer->ss_family == AF_UNIX && peer_uid(fd, &c->uid);
    c->is_exempt = peer->ss_family == AF_UNIX || networks_are_exempt(e->networks, peer);
    id_make(c->id);
    peer_print(peer, c->peer);
    buf_init(&c->final, SASL_CHALLENGE_MAX);
    door_client_init(&c->client, &manage_door_calls, c);
    return c;
}

/* false: its network has enough. */
static bool
enter_network(struct manage_conn *c)
{
    if (c->is_exempt || c->edge->settings->limits.network_connections == UINT64_MAX)
        return true;
    c->network = network_enter(c->edge->networks, &c->address, clock_ms());
    return c->network != NULL;
}

static void
begin(struct manage_conn *c)
{
    log_event(LOG_LEVEL_INFO, "connect", "id", c->id, "protocol", "managesieve", "peer",
              c->peer[0] == '\0' ? "unix" : c->peer, NULL);
    metrics_count(METRIC_SESSIONS, METRICS_MANAGESIEVE, 1);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_MANAGESIEVE, 1);
    LIST_INSERT_HEAD(&c->edge->managers, c, link);
    edge_conns_add(c->edge);
    conn_read_at_most(c->conn, READ_MAX);
    c->pace.since_ms = clock_ms();
    if (c->listen->tls == LISTEN_TLS_IMPLICIT)
        manage_conn_start_tls(c);
    else if (begin_session(c, NULL))
        manage_conn_update(c);
}

static bool
attach(struct manage_conn *c, int fd)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};

    if (!c->is_unix) /* replies of one turn are one send */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    c->conn = conn_new(c->edge->loop, fd, &limits, &conn_calls, c);
    if (c->conn != NULL)
        return true;
    log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
    if (c->network != NULL)
        network_leave(c->edge->networks, c->network, clock_ms());
    return false;
}

static bool
has_room(const struct edge *e, const struct settings_listen *listen,
         const struct sockaddr_storage *peer)
{
    return !e->is_draining && admission_has_room(e, peer->ss_family == AF_UNIX) &&
           (listen->tls != LISTEN_TLS_IMPLICIT || edge_handshakes_have_room(e));
}

void
manage_conn_open(struct edge *e, const struct settings_listen *listen, int fd,
                 const struct sockaddr_storage *peer)
{
    struct manage_conn *c = has_room(e, listen, peer) ? manage_conn_new(e, listen, fd, peer) : NULL;

    if (c == NULL) {
        refuse(fd, METRICS_LIMIT_CONNECTIONS, NULL);
        return;
    }
    if (!enter_network(c)) {
        refuse(fd, METRICS_LIMIT_NETWORK_CONNECTIONS, c->peer);
        free(c);
        return;
    }
    if (attach(c, fd))
        begin(c);
    else
        free(c);
}

/* --- all of them --- */

void
manage_conns_drain(struct edge *e)
{
    struct manage_conn *c;

    LIST_FOREACH(c, &e->managers, link)
    {
        if (c->session == NULL)
            conn_close(c->conn, false, "drained");
        else
            manage_conn_update(c);
    }
}

void
manage_conns_stop(struct edge *e)
{
    struct manage_conn *c;

    LIST_FOREACH(c, &e->managers, link)
    {
        if (c->session == NULL || c->handshake.is_running)
            conn_close(c->conn, false, "stopped");
        else
            managesieve_bye(c->session, "TRYLATER", "The server is going away.");
    }
}
