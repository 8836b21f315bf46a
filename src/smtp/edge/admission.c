/* SPDX-License-Identifier: MIT
 *
 * Who may connect at all: how many connections this edge holds, and what those hear that are one
 * too many.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "edge_priv.h"

#define UNIX_RESERVE 10 /* per cent of the connections that only unix sockets may use */

static bool
has_unix_listener(const struct settings *s)
{
    for (size_t i = 0; i < s->listen_count; i++) {
        for (size_t j = 0; j < s->listens[i].address_count; j++) {
            if (s->listens[i].address[j].is_unix)
                return true;
        }
    }
    return false;
}

static uint64_t
connections_max(const struct edge *e)
{
    uint64_t edges = e->settings->edges > 0 ? e->settings->edges : 1;

    return (e->settings->limits.connections + edges - 1) / edges;
}

/* The MTA beside us comes through a unix socket: a flood from the network leaves it a part. */
bool
admission_has_room(const struct edge *e, bool is_unix)
{
    uint64_t max = connections_max(e);

    if (!is_unix && has_unix_listener(e->settings))
        max -= max * UNIX_RESERVE / 100;
    return e->conn_count < max;
}

/* It ends a little below where it begins, so that one connection does not switch it at each turn.
 */
bool
admission_is_busy(const struct edge *e)
{
    uint64_t from = (connections_max(e) * e->settings->limits.busy + 99) / 100;

    return e->conn_count >= (e->is_busy ? from - from / 8 : from);
}

struct span
admission_refusal(enum metrics_LIMITS limit)
{
    return limit == METRICS_LIMIT_NETWORK_CONNECTIONS
               ? SPAN("421 4.7.0 too many connections from your network, try again\r\n")
               : SPAN("421 4.3.2 too many connections, try again\r\n");
}

void
admission_refuse(int fd, enum metrics_LIMITS limit, const char *peer)
{
    struct span line = admission_refusal(limit);

    limit_hit(limit, NULL, peer);
    metrics_count(METRIC_CONNECTIONS_REFUSED, METRICS_NO_LABEL, 1);
    if (send(fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_event(LOG_LEVEL_DEBUG, "turn_away", "reason", "peer is gone", NULL);
    close(fd);
}
