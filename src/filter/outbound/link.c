/* SPDX-License-Identifier: MIT
 *
 * One connection to a filter, on a unix socket or by TCP: made without waiting, then a conn of the
 * loop with the timeout of whatever the filter owes.
 */
#include "outbound_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/metrics.h"

#define OUTPUT_HIGH 131072
#define OUTPUT_MAX (1024 * 1024) /* a filter that answers without reading */
#define AGAIN_MS 50              /* a unix socket whose backlog is full */

struct link {
    struct loop *loop;
    const struct settings_milter *settings;
    struct session *session; /* NULL: it has let go */
    bool is_lost;            /* the session was told */
    unsigned number;
    int fd; /* while it connects; then -1 */
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct conn *conn;
    uint64_t deadline_ms; /* of the connecting and the agreement */
    unsigned label;       /* of metrics */
    enum milter_wait waits;
    uint64_t turn;     /* of the conversation, as the timeout was set */
    uint64_t asked_us; /* since when it waits */
};

static void try_connect(struct link *l);

/* --- ends --- */

static void
stop_connecting(struct link *l)
{
    loop_watch_free(l->watch);
    l->watch = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

static void
link_free(struct link *l)
{
    stop_connecting(l);
    loop_timer_free(l->timer);
    free(l);
}

static void
tell_lost(struct link *l, const char *cause)
{
    stop_connecting(l);
    loop_timer_stop(l->timer);
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
on_connected(struct link *l)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};
    int fd = l->fd;

    l->fd = -1;
    stop_connecting(l);
    loop_timer_stop(l->timer);
    if (!l->settings->address.is_unix)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    l->conn = conn_new(l->loop, fd, &limits, &handlers, l);
    if (l->conn == NULL) {
        tell_lost(l, "no memory for a connection");
        return;
    }
    conn_read_resume(l->conn);
    session_link_opened(l->session, l->number);
}

static void
on_writable_socket(void *arg, unsigned events)
{
    struct link *l = arg;
    int error = 0;

    (void)events;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) != 0)
        error = errno;
    if (error == 0)
        on_connected(l);
    else
        tell_lost(l, strerror(error));
}

static int
start_connect(const struct link *l)
{
    const struct settings_address *a = &l->settings->address;
    struct sockaddr_un path = {.sun_family = AF_UNIX};

    if (!a->is_unix)
        return connect(l->fd, (const struct sockaddr *)&a->ip, a->ip_length);
    memcpy(path.sun_path, a->path, strlen(a->path)); /* the configuration has checked the length */
    return connect(l->fd, (const struct sockaddr *)&path, sizeof(path));
}

static void
try_connect(struct link *l)
{
    const struct settings_address *a = &l->settings->address;
    int family = a->is_unix ? AF_UNIX : a->ip.ss_family;

    l->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        tell_lost(l, strerror(errno));
    } else if (start_connect(l) == 0) {
        on_connected(l);
    } else if (errno == EINPROGRESS) {
        l->watch = loop_watch_new(l->loop, l->fd, LOOP_WRITE, on_writable_socket, l);
        if (l->watch == NULL)
            tell_lost(l, "no memory");
        else
            loop_timer_start(l->timer, l->settings->connect_timeout);
    } else if (errno == EAGAIN && clock_ms() < l->deadline_ms) {
        stop_connecting(l);
        loop_timer_start(l->timer, AGAIN_MS);
    } else {
        tell_lost(l, strerror(errno));
    }
}

static void
on_timer(void *arg)
{
    struct link *l = arg;

    if (l->watch != NULL)
        tell_lost(l, "it cannot be connected to in time");
    else if (l->session != NULL)
        try_connect(l);
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
    l->fd = -1;
    l->deadline_ms = clock_ms() + l->settings->connect_timeout;
    l->timer = loop_timer_new(loop, on_timer, l);
    if (l->timer == NULL) {
        free(l);
        return NULL;
    }
    loop_timer_start(l->timer, 0); /* the session is not called from inside its own call */
    return l;
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
    loop_timer_stop(l->timer);
    if (l->conn == NULL)
        link_free(l);
    else
        conn_close(l->conn, true, "session ended");
}
