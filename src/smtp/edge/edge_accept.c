/* SPDX-License-Identifier: MIT
 *
 * An accepted socket becomes a connection, or hears 421: the limits on connections, the PROXY
 * header that comes first where the listener wants one, and the session that begins behind it with
 * the address that it names.
 */
#include "edge_conn_priv.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "proxy_priv.h"

#define OUTPUT_HIGH 16384 /* unsent octets of replies: no more commands run */
#define OUTPUT_BASE 65536 /* and those that may follow, with the answers of all recipients: */
#define OUTPUT_PER_RECIPIENT 1024
#define HEADER_MAX (PROXY_HEADER_MAX + 65536) /* and what one read may bring behind it */

/* --- the session begins --- */

static void
note_begin(struct edge_conn *c)
{
    log_event(LOG_LEVEL_INFO, "connect", "id", c->id, "protocol",
              c->listen->protocol == LISTEN_LMTP ? "lmtp" : "smtp", "peer",
              c->address.ss_family == AF_UNIX ? "unix" : c->peer, NULL);
    metrics_count(METRIC_SESSIONS, c->protocol, 1);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, c->protocol, 1);
    pace_init(&c->pace, clock_ms());
}

void
edge_accept_rest(struct edge_conn *c)
{
    struct buf rest = c->header;

    if (c->handshake.state == HANDSHAKE_WAITS)
        return;
    buf_init(&c->header, HEADER_MAX);
    if (rest.len > 0)
        conn_take(c->conn, buf_span(&rest));
    buf_release(&rest);
}

/* The client is known: greet it. */
static void
begin(struct edge_conn *c)
{
    c->session = edge_session_new(c);
    if (c->session == NULL) {
        log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
        conn_close(c->conn, false, "out of memory");
        return;
    }
    note_begin(c);
    if (c->listen->tls == LISTEN_TLS_IMPLICIT)
        edge_handshake_begin(c);
    else
        smtp_session_greet(c->session);
    edge_conn_update(c);
    edge_accept_rest(c);
}

bool
edge_accept_is_exempt(const struct edge_conn *c)
{
    return peer_is_trusted(&c->address, c->listen) ||
           networks_are_exempt(c->edge->networks, &c->address);
}

/* Counts the connection for its client's network; false: that has enough. */
static bool
enter_network(struct edge_conn *c)
{
    c->is_exempt = edge_accept_is_exempt(c);
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
              h->is_client_verified ? "yes" : "no", "alpn", h->alpn, "authority", h->authority,
              "unique_id", h->unique_id, NULL);
}

/* The proxy ended TLS: it is the session's as if we had. */
static bool
take_tls(struct edge_conn *c, const struct proxy_header *h)
{
    if (!h->is_tls)
        return true;
    c->proxied = proxied_new(h);
    if (c->proxied == NULL) {
        conn_close(c->conn, false, "out of memory");
        return false;
    }
    edge_handshake_note(c, &c->proxied->facts);
    return true;
}

static void
use_header(struct edge_conn *c, const struct proxy_header *h)
{
    char proxy[PEER_TEXT_SIZE];

    memcpy(proxy, c->peer, sizeof(proxy));
    if (h->has_client) {
        c->address = h->source;
        c->is_unix = false;
    }
    peer_print(&c->address, c->peer);
    log_proxied(c, h, proxy);
    if (!take_tls(c, h))
        return;
    if (enter_network(c)) {
        begin(c);
        return;
    }
    limit_hit(METRICS_LIMIT_NETWORK_CONNECTIONS, c->id, c->peer);
    conn_write(c->conn, admission_refusal(METRICS_LIMIT_NETWORK_CONNECTIONS));
    conn_close(c->conn, true, "too many connections from its network");
}

void
edge_accept_header(struct edge_conn *c, struct span bytes)
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
    buf_consume(&c->header, used);
    use_header(c, &h);
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
    door_client_init(&c->client, &edge_answers_calls, c);
    return c;
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
        filter_client_new(c->edge->filters, c->edge->settings, c->listen, edge_answers_filter, c);
    return c->filters != NULL;
}

/* An accepted socket becomes a connection; takes fd. */
static bool
attach(struct edge_conn *c, int fd)
{
    struct edge *e = c->edge;
    const struct conn_limits limits = {
        .output_max = OUTPUT_BASE + e->settings->limits.recipients * OUTPUT_PER_RECIPIENT,
        .output_high = OUTPUT_HIGH,
    };

    c->is_unix = c->address.ss_family == AF_UNIX && peer_uid(fd, &c->uid);
    if (open_filters(c, fd))
        c->conn = conn_new(e->loop, fd, &limits, &edge_conn_handlers, c);
    else
        close(fd);
    if (c->conn == NULL)
        return false;
    LIST_INSERT_HEAD(&e->conns, c, link);
    edge_conns_add(e);
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

/* One that was never attached. */
static void
give_up(struct edge_conn *c)
{
    log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
    if (c->network != NULL)
        network_leave(c->edge->networks, c->network, clock_ms());
    filter_client_free(c->filters);
    free(c);
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
    if (!attach(c, fd))
        give_up(c);
    else if (listen->proxy_protocol)
        wait_for_header(c);
    else
        begin(c);
}
