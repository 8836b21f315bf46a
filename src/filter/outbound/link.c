/* SPDX-License-Identifier: MIT
 *
 * One connection to a filter, on a unix socket or by TCP: made without waiting, then a conn of the
 * loop with the timeout of whatever the filter owes.
 */
#include "outbound_priv.h"

#include <stdlib.h>

#include "doorstep/clock.h"
#include "doorstep/metrics.h"

#define OUTPUT_HIGH 131072
#define OUTPUT_MAX (1024 * 1024) /* a filter that answers without reading */

struct link {
    struct loop *loop;
    const struct settings_milter *settings;
    struct session *session; /* NULL: it has let go */
    bool is_lost;            /* the session was told */
    unsigned number;
    struct loop_connect *connect; /* NULL: not under way */
    struct conn *conn;
    unsigned label; /* of metrics */
    enum milter_wait waits;
    uint64_t turn;     /* of the conversation, as the timeout was set */
    uint64_t asked_us; /* since when it waits */
};

/* --- ends --- */

static void
link_free(struct link *l)
{
    loop_connect_cancel(l->connect);
    free(l);
}

static void
tell_lost(struct link *l, const char *cause)
{
    if (l->session == NULL || l->is_lost)
        return;
    l->is_lost = true;
    session_link_lost(l->session, l->number, cause);
}

/* --- the connection --- */

static void
on_bytes(void *arg, struct span bytes)
{
    struct link *l = arg;

    if (l->session != NULL && !l->is_lost)
        session_link_bytes(l->session, l->number, bytes);
}

static void
on_timeout(void *arg)
{
    struct link *l = arg;

    tell_lost(l, "it does not answer in time");
    conn_close(l->conn, false, "timeout");
}

static void
on_writable(void *arg)
{
    struct link *l = arg;

    if (l->session != NULL && !l->is_lost)
        session_link_writable(l->session, l->number);
}

static void
on_closed(void *arg, const char *reason)
{
    struct link *l = arg;

    l->conn = NULL;
    if (l->session == NULL)
        link_free(l);
    else
        tell_lost(l, reason); /* the session lets go of it later */
}

static const struct conn_handlers handlers = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_closed = on_closed,
};

/* --- connecting --- */

static void
on_connected(void *arg, const struct loop_connected *end)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};
    struct link *l = arg;

    l->connect = NULL;
    if (end->fd < 0) {
        tell_lost(l, end->problem);
        return;
    }
    l->conn = conn_new(l->loop, end->fd, &limits, &handlers, l);
    if (l->conn == NULL) {
        tell_lost(l, "no memory for a connection");
        return;
    }
    conn_read_resume(l->conn);
    session_link_opened(l->session, l->number);
}

static struct loop_connect *
begin_connect(struct link *l)
{
    const struct settings_address *a = &l->settings->address;
    const struct loop_addresses to = {
        .list = {a->is_unix ? loop_address_of_path(a->path)
                            : (struct loop_address){a->ip, a->ip_length}},
        .count = 1,
    };

    return loop_connect_new(l->loop, &to, l->settings->connect_timeout, on_connected, l);
}

/* --- for sessions --- */

struct link *
link_open(struct session *s, struct loop *loop, unsigned number)
{
    const struct chain *chain = session_chain(s);
    struct link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->loop = loop;
    l->settings = chain_settings(chain, number);
    l->label = chain_label(chain, number);
    l->session = s;
    l->number = number;
    l->connect = begin_connect(l);
    if (l->connect != NULL)
        return l;
    free(l);
    return NULL;
}

bool
link_send(struct link *l, struct span octets)
{
    return l->conn == NULL || conn_write(l->conn, octets);
}

static uint64_t
timeout_of(const struct settings_milter *m, enum milter_wait waits)
{
    switch (waits) {
    case MILTER_WAITS_FOR_AGREEMENT:
        return m->connect_timeout;
    case MILTER_WAITS_FOR_COMMAND:
        return m->command_timeout;
    case MILTER_WAITS_FOR_CONTENT:
        return m->content_timeout;
    case MILTER_WAITS_FOR_NOTHING:
        break;
    }
    return 0;
}

static void
measure(struct link *l, enum milter_wait waits)
{
    if (l->waits == MILTER_WAITS_FOR_NOTHING)
        l->asked_us = clock_us();
    else if (waits == MILTER_WAITS_FOR_NOTHING)
        metrics_observe(METRIC_MILTER_TIME, l->label, clock_us() - l->asked_us);
}

void
link_wait(struct link *l, enum milter_wait waits, uint64_t turn)
{
    if (l->waits == waits && l->turn == turn)
        return; /* what has arrived is no answer: the timeout runs on */
    measure(l, waits);
    l->waits = waits;
    l->turn = turn;
    if (l->conn != NULL)
        conn_set_timeout(l->conn, timeout_of(l->settings, waits));
}

void
link_close(struct link *l)
{
    if (l == NULL)
        return;
    l->session = NULL;
    if (l->conn == NULL)
        link_free(l);
    else
        conn_close(l->conn, true, "session ended");
}
