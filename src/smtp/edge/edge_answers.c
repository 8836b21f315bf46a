/* SPDX-License-Identifier: MIT
 *
 * What comes back to a session: the answers of the store through its door, and those of the content
 * filters. Each moves the session on, pushes what that sent to the store, and looks at the
 * deadline.
 */
#include "edge_conn_priv.h"

#include "doorstep/log.h"
#include "doorstep/metrics.h"

static void
on_rcpt_answer(void *arg, uint64_t rcpt_id, const struct outcome *o)
{
    struct edge_conn *c = arg;

    smtp_session_rcpt_answer(c->session, rcpt_id, o);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}

static void
on_answer(void *arg, uint32_t index, const struct outcome *o, const char *delivery_id)
{
    struct edge_conn *c = arg;

    smtp_session_answer(c->session, index, o, delivery_id);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}

static void
on_lost(void *arg, const struct outcome *o)
{
    struct edge_conn *c = arg;

    metrics_count(METRIC_ANSWERS_LOST, METRICS_NO_LABEL, 1);
    log_event(LOG_LEVEL_WARNING, "deferred", "id", c->id, "cause", o->cause, NULL);
    smtp_session_fail(c->session, o);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}

static void
on_auth_challenge(void *arg, struct span octets)
{
    struct edge_conn *c = arg;

    smtp_session_auth_challenge(c->session, octets);
    edge_conn_update(c);
}

static void
on_auth_done(void *arg, enum sasl_verdict verdict, const char *login)
{
    struct edge_conn *c = arg;

    smtp_session_auth_done(c->session, verdict, login);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}

static void
on_paced(void *arg)
{
    edge_conn_update(arg);
}

const struct door_client_calls edge_answers_calls = {
    .rcpt_answer = on_rcpt_answer,
    .answer = on_answer,
    .lost = on_lost,
    .auth_challenge = on_auth_challenge,
    .auth_done = on_auth_done,
    .paced = on_paced,
};

void
edge_answers_filter(void *arg, uint64_t ticket, const struct outcome *o)
{
    struct edge_conn *c = arg;

    smtp_session_filter_answer(c->session, ticket, o);
    door_store_push(c->edge->store);
    edge_conn_update(c);
}
