/* SPDX-License-Identifier: MIT
 *
 * Main raises the limit and warns; an edge, which inherits it, lowers its limits.connections to
 * what fits: a connection more than that would be accepted and then starve.
 */
#include "descriptors_priv.h"

#include <sys/resource.h>

#include "doorstep/log.h"

#define SPARE 128         /* doors, listeners, the loop, what a role opens besides */
#define STORE_NEEDS 16384 /* open databases, three descriptors each, and messages in files */

void
descriptors_raise(const struct settings *s)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)s->limits.connections + SPARE;

    if (needed < STORE_NEEDS)
        needed = STORE_NEEDS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = needed;
    if (limit.rlim_max < needed)
        limit.rlim_max = needed; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (descriptors_connections(s->limits.connections) < s->limits.connections)
        log_event(LOG_LEVEL_WARNING, "connections_lowered", "wanted",
                  log_num((long long)s->limits.connections), "possible",
                  log_num((long long)descriptors_connections(s->limits.connections)), "hint",
                  "raise LimitNOFILE= or ulimit -n", NULL);
}

uint64_t
descriptors_connections(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        wanted + SPARE <= limit.rlim_cur)
        return wanted;
    return limit.rlim_cur > SPARE + 1 ? limit.rlim_cur - SPARE : 1;
}
