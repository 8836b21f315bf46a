/* SPDX-License-Identifier: MIT
 *
 * TLS of a connection: its handshake begins (STARTTLS, or at once where the listener is implicit),
 * and what it found out reaches the session, the log and the metrics. Contexts are in edge_tls.c,
 * TLS itself in the loop.
 */
#include "edge_conn_priv.h"

#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

bool
edge_handshake_is_possible(const struct edge_conn *c)
{
    return edge_tls_context(c->edge, c->listen) != NULL;
}

void
edge_handshake_begin(struct edge_conn *c)
{
    struct tls_context *context = edge_tls_context(c->edge, c->listen);

    if (context == NULL || !conn_start_tls(c->conn, context)) {
        conn_close(c->conn, true, "no memory");
        return;
    }
    c->is_handshaking = true;
    c->handshake_began_us = clock_us();
    conn_set_timeout(c->conn, c->edge->settings->timeouts.handshake);
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

void
edge_handshake_done(void *arg, const struct tls_facts *facts)
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
    edge_conn_update(c);
}
