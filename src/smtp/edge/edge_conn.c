/* SPDX-License-Identifier: MIT
 *
 * A connection of the edge between two turns of the loop: octets go to its session, time passes,
 * and its end. Which deadline runs is decided in pace.c; here is when reading pauses: while the
 * client does not read its replies, while too many commands wait behind an answer, and while the
 * store is slow to take a message.
 */
#include "edge_conn_priv.h"

#include <stdlib.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define COMMANDS_READ 16384 /* octets of a turn outside of a message: they may have to be kept */

/* --- pace and time --- */

void
edge_conn_update(struct edge_conn *c)
{
    bool wants = smtp_session_wants_input(c->session) && !c->is_full && !c->client.is_paused &&
                 c->handshake.state != HANDSHAKE_WAITS;
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
    conn_read_at_most(c->conn, smtp_session_in_message(c->session) ? SIZE_MAX : COMMANDS_READ);
    if (c->handshake.state == HANDSHAKE_NONE)
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
            edge_conn_update(c);
    }
}

void
edge_conns_add(struct edge *e)
{
    e->conn_count++;
    update_busy(e);
}

void
edge_conns_remove(struct edge *e)
{
    e->conn_count--;
    update_busy(e);
    if (e->conn_count == 0 && e->on_empty != NULL)
        e->on_empty(e);
}

/* --- octets --- */

static void
feed(struct edge_conn *c, struct span bytes)
{
    bool was_in_auth = smtp_session_in_auth(c->session);

    pace_took(&c->pace, bytes.n);
    smtp_session_feed(c->session, bytes);
    if (was_in_auth || smtp_session_in_auth(c->session))
        conn_forget_input(c->conn);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}

static void
on_bytes(void *arg, struct span bytes)
{
    struct edge_conn *c = arg;

    metrics_count(METRIC_NETWORK_IN, c->protocol, bytes.n);
    if (c->session != NULL)
        feed(c, bytes);
    else
        edge_accept_header(c, bytes);
}

static void
on_writable(void *arg)
{
    struct edge_conn *c = arg;

    c->is_full = false;
    if (c->session != NULL) {
        smtp_session_writable(c->session);
        door_store_push(c->edge->store);
        edge_conn_update(c);
    }
}

/* Some clients end their side behind the last line, and wait for the answers all the same. */
static bool
on_end(void *arg)
{
    struct edge_conn *c = arg;

    c->has_ended = true;
    return c->session != NULL && smtp_session_waits_for(c->session) == SMTP_WAIT_ANSWER;
}

/* --- time is over --- */

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
    edge_conn_update(c);
}

static void
on_delay_over(struct edge_conn *c)
{
    smtp_session_delay_over(c->session);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}

/* Before there is a session that could say something: 421 belongs to SMTP. */
static bool
ended_before_session(struct edge_conn *c)
{
    if (c->session == NULL) {
        limit_hit(METRICS_LIMIT_TIMEOUT_PROXY, c->id, c->peer);
        conn_close(c->conn, false, "no PROXY header in time");
        return true;
    }
    if (c->handshake.state == HANDSHAKE_NONE)
        return false;
    edge_handshake_timeout(c);
    return true;
}

static void
on_timeout(void *arg)
{
    struct edge_conn *c = arg;

    if (ended_before_session(c))
        return;
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

/* --- its end --- */

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
count_end(const struct edge_conn *c)
{
    if (c->session != NULL)
        metrics_gauge_add(METRIC_SESSIONS_OPEN, c->protocol, -1);
    metrics_observe(METRIC_SESSION_TIME, c->protocol, clock_us() - c->began_us);
    if (c->handshake.state == HANDSHAKE_RUNS)
        metrics_count(METRIC_TLS_HANDSHAKES, METRICS_TLS_FAILED, 1);
}

static void
on_closed(void *arg, const char *reason)
{
    struct edge_conn *c = arg;
    struct edge *e = c->edge;

    count_end(c);
    log_end(c, reason);
    edge_handshake_leave(c);
    smtp_session_free(c->session);
    door_store_forget(e->store, &c->client);
    if (c->network != NULL)
        network_leave(e->networks, c->network, clock_ms());
    buf_release(&c->header);
    filter_client_free(c->filters);
    LIST_REMOVE(c, link);
    free(c->certificate);
    free(c->proxied);
    free(c);
    edge_conns_remove(e);
}

const struct conn_handlers edge_conn_handlers = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_tls = edge_handshake_done,
    .on_closed = on_closed,
};

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
        edge_conn_update(c);
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
