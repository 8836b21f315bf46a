/* SPDX-License-Identifier: MIT
 *
 * One connection of an MTA that asks: joins a look-up (policy/lookup_priv.h) to a conn and to the
 * door of the store. Its deadlines are those of a session that sends no mail (pace.c): a request
 * has timeouts.command from the end of the one before it, the store timeouts.answer.
 */
#include "lookup_conn_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "edge_conn_priv.h"
#include "lookup_priv.h"

#define OUTPUT_HIGH 16384                   /* unsent octets of answers: stop reading requests */
#define OUTPUT_MAX (LOOKUP_WINDOW * 131072) /* of a whole window of the longest ones, and more */

struct lookup_conn {
    struct edge *edge; /* borrowed */
    LIST_ENTRY(lookup_conn) link;
    struct conn *conn;
    struct lookup *lookup; /* owned */
    struct door_client client;
    char id[ID_SIZE];
    char peer[PEER_TEXT_SIZE];
    struct pace pace;
    enum metrics_PROTOCOLS protocol;
    uint64_t began_us;
    bool is_full; /* of output the MTA does not read */
    bool is_reading;
    bool has_ended; /* the MTA sends no more */
};

/* --- pace --- */

static enum smtp_wait
waits_for(const struct lookup_conn *c)
{
    if (lookup_is_closed(c->lookup))
        return SMTP_WAIT_NOTHING;
    return lookup_is_waiting(c->lookup) ? SMTP_WAIT_ANSWER : SMTP_WAIT_COMMAND;
}

/* After everything that may have moved it: input on or off, the right deadline. */
static void
update(struct lookup_conn *c)
{
    bool wants = lookup_wants_input(c->lookup) && !c->is_full;
    const struct pace_state state = {
        .waits = waits_for(c), .steps = lookup_steps(c->lookup), .is_full = c->is_full};
    uint64_t timeout = pace_next(&c->pace, &state, c->edge->settings, clock_ms());

    if (state.waits == SMTP_WAIT_NOTHING)
        return; /* conn_close() has its own time */
    if (c->has_ended && state.waits != SMTP_WAIT_ANSWER) {
        conn_close(c->conn, true, "peer closed");
        return;
    }
    conn_set_timeout(c->conn, timeout);
    if (wants == c->is_reading)
        return;
    c->is_reading = wants;
    if (wants)
        conn_read_resume(c->conn);
    else
        conn_read_pause(c->conn);
}

/* --- the look-up's calls --- */

static void
on_reply(void *arg, struct span octets)
{
    struct lookup_conn *c = arg;

    metrics_count(METRIC_NETWORK_OUT, c->protocol, octets.n);
    if (!conn_write(c->conn, octets))
        c->is_full = true;
}

static void
answer_away(struct lookup_conn *c, uint64_t id)
{
    struct outcome o;

    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    lookup_answer(c->lookup, id, &o, SPAN_NONE);
}

static void
on_ask_rcpt(void *arg, uint64_t id, enum rcpt_asker asker, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    struct lookup_conn *c = arg;

    if (!door_store_ask_rcpt(c->edge->store, &c->client, id, asker, recipient, reverse_path, size))
        answer_away(c, id);
}

static void
on_ask_alias(void *arg, uint64_t id, const struct address *alias)
{
    struct lookup_conn *c = arg;

    if (!door_store_ask_alias(c->edge->store, &c->client, id, alias))
        answer_away(c, id);
}

static void
on_lookup_close(void *arg, const char *reason)
{
    struct lookup_conn *c = arg;

    conn_close(c->conn, true, reason);
}

static const struct lookup_calls lookup_calls = {
    .reply = on_reply,
    .ask_rcpt = on_ask_rcpt,
    .ask_alias = on_ask_alias,
    .close = on_lookup_close,
};

/* --- the store's answers --- */

static void
on_alias_answer(void *arg, uint64_t id, const struct outcome *o, struct span targets)
{
    struct lookup_conn *c = arg;

    lookup_answer(c->lookup, id, o, targets);
    update(c);
}

static void
on_rcpt_answer(void *arg, uint64_t id, const struct outcome *o)
{
    on_alias_answer(arg, id, o, SPAN_NONE);
}

static const struct door_client_calls client_calls = {
    .rcpt_answer = on_rcpt_answer,
    .alias_answer = on_alias_answer,
};

/* --- the connection's calls --- */

static void
on_bytes(void *arg, struct span bytes)
{
    struct lookup_conn *c = arg;

    metrics_count(METRIC_NETWORK_IN, c->protocol, bytes.n);
    lookup_feed(c->lookup, bytes);
    update(c);
}

/* The store owes an answer for too long. */
static void
give_up_on_store(struct lookup_conn *c)
{
    struct outcome o;

    log_event(LOG_LEVEL_ERROR, "answer_timeout", "id", c->id, NULL);
    outcome_set(&o, OUTCOME_TIMEOUT, "the store does not answer");
    door_store_forget(c->edge->store, &c->client);
    lookup_fail(c->lookup, &o);
    update(c);
}

static void
on_timeout(void *arg)
{
    struct lookup_conn *c = arg;
    bool is_idle = lookup_is_idle(c->lookup) && !c->is_full;

    if (!is_idle) /* an MTA keeps its connection for the next message */
        limit_hit(c->pace.next, c->id, c->peer);
    if (c->pace.next == METRICS_LIMIT_TIMEOUT_ANSWER)
        give_up_on_store(c);
    else if (c->pace.next == METRICS_LIMIT_TIMEOUT_WRITE)
        conn_close(c->conn, false, "client does not read");
    else
        conn_close(c->conn, true, is_idle ? "idle" : "no request in time");
}

static void
on_writable(void *arg)
{
    struct lookup_conn *c = arg;

    c->is_full = false;
    update(c);
}

static bool
on_end(void *arg)
{
    struct lookup_conn *c = arg;

    c->has_ended = true;
    return waits_for(c) == SMTP_WAIT_ANSWER;
}

static void
on_closed(void *arg, const char *reason)
{
    struct lookup_conn *c = arg;
    struct edge *e = c->edge;

    metrics_gauge_add(METRIC_SESSIONS_OPEN, c->protocol, -1);
    metrics_observe(METRIC_SESSION_TIME, c->protocol, clock_us() - c->began_us);
    log_event(LOG_LEVEL_INFO, "disconnect", "id", c->id, "reason", reason, "requests",
              log_num((long long)lookup_requests(c->lookup)), NULL);
    door_store_forget(e->store, &c->client);
    lookup_free(c->lookup);
    LIST_REMOVE(c, link);
    free(c);
    edge_conns_remove(e);
}

static const struct conn_handlers conn_calls = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_closed = on_closed,
};

/* --- accept --- */

/* An answer tells who exists: nobody else is to know. */
static bool
may_ask(const struct settings_listen *listen, const struct sockaddr_storage *peer)
{
    static const struct settings_network here[] = {
        {.family = AF_INET, .bytes = {127}, .bits = 8},
        {.family = AF_INET6, .bytes = {[15] = 1}, .bits = 128},
    };

    return peer_is_trusted(peer, listen) || peer_is_in(peer, here, sizeof(here) / sizeof(here[0]));
}

static struct lookup_conn *
lookup_conn_new(struct edge *e, const struct settings_listen *listen,
                const struct sockaddr_storage *peer)
{
    struct lookup_conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->edge = e;
    c->protocol = listen->protocol == LISTEN_POLICY ? METRICS_POLICY : METRICS_SOCKETMAP;
    c->began_us = clock_us();
    id_make(c->id);
    peer_print(peer, c->peer);
    door_client_init(&c->client, &client_calls, c);
    c->lookup = lookup_new(listen, e->settings, c->id, &lookup_calls, c);
    if (c->lookup != NULL)
        return c;
    free(c);
    return NULL;
}

static void
refuse(int fd, enum metrics_LIMITS limit, const char *peer)
{
    limit_hit(limit, NULL, peer);
    metrics_count(METRIC_CONNECTIONS_REFUSED, METRICS_NO_LABEL, 1);
    close(fd);
}

static void
begin(struct lookup_conn *c, const struct settings_listen *listen)
{
    log_event(LOG_LEVEL_INFO, "connect", "id", c->id, "protocol",
              settings_listen_word(listen->protocol), "peer", c->peer[0] == '\0' ? "unix" : c->peer,
              NULL);
    metrics_count(METRIC_SESSIONS, c->protocol, 1);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, c->protocol, 1);
    LIST_INSERT_HEAD(&c->edge->lookups, c, link);
    edge_conns_add(c->edge);
    pace_init(&c->pace, clock_ms());
    update(c);
}

void
lookup_conn_open(struct edge *e, const struct settings_listen *listen, int fd,
                 const struct sockaddr_storage *peer)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};
    struct lookup_conn *c;

    if (!may_ask(listen, peer)) {
        char text[PEER_TEXT_SIZE];

        peer_print(peer, text);
        log_event(LOG_LEVEL_WARNING, "lookup_refused", "peer", text, "reason", "not in trusted",
                  NULL);
        close(fd);
        return;
    }
    c = e->is_draining || !admission_has_room(e, peer->ss_family == AF_UNIX)
            ? NULL
            : lookup_conn_new(e, listen, peer);
    if (c == NULL) {
        refuse(fd, METRICS_LIMIT_CONNECTIONS, NULL);
        return;
    }
    c->conn = conn_new(e->loop, fd, &limits, &conn_calls, c);
    if (c->conn == NULL) {
        log_event(LOG_LEVEL_ERROR, "connect", "error", "out of memory", NULL);
        lookup_free(c->lookup);
        free(c);
        return;
    }
    begin(c, listen);
}

/* --- all of them --- */

void
lookup_conns_drain(struct edge *e)
{
    struct lookup_conn *c;

    LIST_FOREACH(c, &e->lookups, link)
    {
        lookup_drain(c->lookup);
        update(c);
    }
}

void
lookup_conns_stop(struct edge *e)
{
    struct lookup_conn *c;

    LIST_FOREACH(c, &e->lookups, link)
    {
        conn_close(c->conn, false, "stopped");
    }
}
