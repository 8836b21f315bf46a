/* SPDX-License-Identifier: MIT
 *
 * Who may connect at all: how many connections this edge holds, and what those hear that are one
 * too many.
 */
#include <sys/socket.h>
#include <unistd.h>

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

/* The MTA beside us comes through a unix socket: a flood from the network leaves it a part. */
bool
admission_has_room(const struct edge *e, bool is_unix)
{
    uint64_t edges = e->settings->edges > 0 ? e->settings->edges : 1;
    uint64_t max = (e->settings->limits.connections + edges - 1) / edges;

    if (!is_unix && has_unix_listener(e->settings))
        max -= max * UNIX_RESERVE / 100;
    return e->conn_count < max;
}

void
admission_refuse(int fd)
{
    static const char line[] = "421 4.3.2 too many connections, try again\r\n";

    metrics_count(METRIC_CONNECTIONS_REFUSED, METRICS_NO_LABEL, 1);
    if (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_event(LOG_LEVEL_DEBUG, "turn_away", "reason", "peer is gone", NULL);
    close(fd);
}
