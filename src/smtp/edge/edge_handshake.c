/* SPDX-License-Identifier: MIT
 *
 * TLS of a connection: its handshake begins (STARTTLS, or at once where the listener is implicit),
 * when there are not too many, and what it found out reaches the session, the log and the metrics.
 * Contexts are in edge_tls.c, TLS itself in the loop.
 *
 *   NONE --begin--> RUNS --done, closed--> NONE
 *     '--limits.handshakes--> WAITS --another ends--> RUNS
 *                               '--timeouts.handshake--> 421, or closed where TLS is implicit
 */
#include "edge_conn_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

bool
edge_handshake_is_possible(const struct edge_conn *c)
{
    return edge_tls_context(c->edge, c->listen) != NULL;
}

/* --- how many at a time --- */

static uint64_t
share_of_limit(const struct edge *e)
{
    uint64_t edges = e->settings->edges > 0 ? e->settings->edges : 1;

    return (e->settings->limits.handshakes + edges - 1) / edges;
}

/* While others wait, one that stalls is not waited for. */
static void
set_timeout(struct edge_conn *c)
{
    const struct settings_timeouts *t = &c->edge->settings->timeouts;
    bool is_busy = c->handshake.is_counted && !TAILQ_EMPTY(&c->edge->handshakes.waiting);
    uint64_t timeout =
        is_busy && t->handshake_busy < t->handshake ? t->handshake_busy : t->handshake;
    uint64_t passed = (clock_us() - c->handshake.began_us) / 1000;

    conn_set_timeout(c->conn, passed < timeout ? timeout - passed : 1);
}

static void
hurry_others(struct edge *e)
{
    struct edge_conn *c;

    TAILQ_FOREACH(c, &e->handshakes.running, handshake.link)
    set_timeout(c);
}

static void
wait(struct edge_conn *c)
{
    struct edge *e = c->edge;
    bool is_first = TAILQ_EMPTY(&e->handshakes.waiting);

    limit_hit(METRICS_LIMIT_HANDSHAKES, c->id, c->peer);
    c->handshake.state = HANDSHAKE_WAITS;
    c->handshake.began_us = clock_us();
    TAILQ_INSERT_TAIL(&e->handshakes.waiting, c, handshake.link);
    metrics_gauge_add(METRIC_TLS_HANDSHAKES_WAITING, METRICS_NO_LABEL, 1);
    if (is_first)
        hurry_others(e);
    conn_set_timeout(c->conn, e->settings->timeouts.handshake);
}

static void
enter(struct edge_conn *c)
{
    if (!c->handshake.is_counted)
        return;
    TAILQ_INSERT_TAIL(&c->edge->handshakes.running, c, handshake.link);
    c->edge->handshakes.count++;
    metrics_gauge_add(METRIC_TLS_HANDSHAKES_OPEN, METRICS_NO_LABEL, 1);
}

/* 220 is the last in plain. What came with a PROXY header is the first of TLS. */
static void
start(struct edge_conn *c)
{
    struct tls_context *context = edge_tls_context(c->edge, c->listen);

    c->handshake.state = HANDSHAKE_RUNS;
    c->handshake.began_us = clock_us();
    enter(c);
    smtp_session_tls_begin(c->session);
    if (context == NULL || !conn_start_tls(c->conn, context)) {
        conn_close(c->conn, true, "no memory");
        return;
    }
    set_timeout(c);
}

/* Those that wait, in the order in which they came. */
static void
start_next(struct edge *e)
{
    struct edge_conn *c;

    while ((c = TAILQ_FIRST(&e->handshakes.waiting)) != NULL &&
           e->handshakes.count < share_of_limit(e)) {
        TAILQ_REMOVE(&e->handshakes.waiting, c, handshake.link);
        metrics_gauge_add(METRIC_TLS_HANDSHAKES_WAITING, METRICS_NO_LABEL, -1);
        start(c);
        edge_conn_update(c);
        edge_accept_rest(c);
    }
}

void
edge_handshake_begin(struct edge_conn *c)
{
    c->handshake.is_counted = !c->is_exempt;
    if (c->handshake.is_counted && c->edge->handshakes.count >= share_of_limit(c->edge))
        wait(c);
    else
        start(c);
}

void
edge_handshake_leave(struct edge_conn *c)
{
    struct edge_handshakes *h = &c->edge->handshakes;
    bool was_running = c->handshake.state == HANDSHAKE_RUNS;

    if (c->handshake.state == HANDSHAKE_NONE)
        return;
    c->handshake.state = HANDSHAKE_NONE;
    if (!c->handshake.is_counted)
        return;
    TAILQ_REMOVE(was_running ? &h->running : &h->waiting, c, handshake.link);
    metrics_gauge_add(was_running ? METRIC_TLS_HANDSHAKES_OPEN : METRIC_TLS_HANDSHAKES_WAITING,
                      METRICS_NO_LABEL, -1);
    h->count -= was_running;
    start_next(c->edge);
}

bool
edge_handshakes_have_room(const struct edge *e)
{
    return e->handshakes.count < share_of_limit(e);
}

void
edge_handshakes_enter(struct edge *e)
{
    e->handshakes.count++;
    metrics_gauge_add(METRIC_TLS_HANDSHAKES_OPEN, METRICS_NO_LABEL, 1);
}

void
edge_handshakes_leave(struct edge *e)
{
    e->handshakes.count--;
    metrics_gauge_add(METRIC_TLS_HANDSHAKES_OPEN, METRICS_NO_LABEL, -1);
    start_next(e);
}

void
edge_handshake_timeout(struct edge_conn *c)
{
    limit_hit(METRICS_LIMIT_TIMEOUT_HANDSHAKE, c->id, c->peer);
    if (c->handshake.state == HANDSHAKE_RUNS)
        conn_close(c->conn, false, "tls: handshake timeout");
    else if (c->listen->tls == LISTEN_TLS_IMPLICIT) /* no code that it could read */
        conn_close(c->conn, false, "too many handshakes");
    else
        smtp_session_tls_refuse(c->session);
}

/* --- what became known --- */

static void
log_client(const char *id, const struct tls_facts *f)
{
    log_event(LOG_LEVEL_INFO, "tls_client", "id", id, "verified",
              f->is_client_verified ? "yes" : "no", "problem", f->client_problem, "subject",
              f->client_subject, "issuer", f->client_issuer, "fingerprint", f->client_fingerprint,
              NULL);
}

void
edge_handshake_log(const char *id, const struct tls_facts *f, const char *by)
{
    log_event(LOG_LEVEL_INFO, "tls", "id", id, "version", f->version, "cipher", f->cipher,
              "server_name", f->server_name, "resumed", f->is_resumed ? "yes" : "no", "by", by,
              NULL);
    if (f->client_subject[0] != '\0' || f->client_fingerprint[0] != '\0')
        log_client(id, f);
}

char *
edge_handshake_name(const struct tls_facts *f)
{
    if (!f->is_client_verified)
        return NULL;
    return strdup(*f->client_email != '\0' ? f->client_email : f->client_common_name);
}

void
edge_handshake_note(struct edge_conn *c, const struct tls_facts *f)
{
    edge_handshake_log(c->id, f, c->proxied != NULL && f == &c->proxied->facts ? "proxy" : "us");
    free(c->certificate);
    c->certificate = edge_handshake_name(f);
}

void
edge_handshake_identify(struct conn *conn, const char *certificate, struct auth_client *client)
{
    uint8_t binding[TLS_BINDING_MAX];
    size_t n = 0;

    if (conn_tls_binding(conn, TLS_BINDING_EXPORTER, binding, &n) && n <= AUTH_BINDING_MAX) {
        memcpy(client->binding, binding, n);
        client->binding_length = (uint8_t)n;
    }
    if (certificate != NULL)
        snprintf(client->certificate, sizeof(client->certificate), "%s", certificate);
}

void
edge_handshake_count(const struct tls_facts *f, uint64_t began_us)
{
    metrics_count(METRIC_TLS_HANDSHAKES,
                  strcmp(f->version, "TLSv1.3") == 0 ? METRICS_TLS_1_3 : METRICS_TLS_1_2, 1);
    if (f->is_resumed)
        metrics_count(METRIC_TLS_RESUMED, METRICS_NO_LABEL, 1);
    metrics_observe(METRIC_TLS_HANDSHAKE, METRICS_NO_LABEL, clock_us() - began_us);
}

void
edge_handshake_done(void *arg, const struct tls_facts *facts)
{
    struct edge_conn *c = arg;

    edge_handshake_leave(c);
    edge_handshake_count(facts, c->handshake.began_us);
    edge_handshake_note(c, facts);
    smtp_session_tls_started(c->session, facts);
    if (c->listen->tls == LISTEN_TLS_IMPLICIT)
        smtp_session_greet(c->session);
    edge_conn_update(c);
}
