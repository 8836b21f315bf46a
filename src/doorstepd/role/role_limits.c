/* SPDX-License-Identifier: MIT
 *
 * How much memory a role may have: what its settings let it keep, with room to spare. It is no
 * budget, those are the settings; it is what stops a role that was taken over, or has gone mad,
 * from taking the host's memory. Sorters and the metrics role have fixed limits (sandbox.c), a
 * runner has none: its programs would inherit it, and each has one of its own.
 *
 * RLIMIT_DATA counts what a process may write and nobody shares: neither what is lent to it in a
 * map nor address space that threads set aside and do not use, which RLIMIT_AS counts.
 */
#include "role_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "doorstep/log.h"

#define MIB (UINT64_C(1024) * 1024)
#define GIB (1024 * MIB)

#define ROLE_OCTETS (512 * MIB)     /* libraries, settings, certificates; a hand needs no more */
#define CONNECTION_OCTETS (MIB / 2) /* twice what hostile input makes of one (docs/limits.md) */
#define ACCOUNT_OCTETS MIB          /* an open index with its caches */
#define ACCOUNTS_OPEN 1024          /* of all workers */
#define THREAD_OCTETS (64 * MIB)    /* a stack, and what its work takes */
#define PASSWORD_OCTETS (GIB + MIB) /* the most that hash_memory may be */
#define HANDOVER_OCTETS (4 * MIB)   /* a transaction with a next hop */
#define MEMORY_SHARE 2              /* of limits.memory: it counts messages, not their facts */

static uint64_t
handovers(const struct settings *s)
{
    uint64_t sum = s->relay.smarthost.connections;

    for (size_t i = 0; i < s->route_count; i++)
        sum += s->routes[i].connections;
    return sum;
}

/* Messages that filters have, and connections that give them back. */
static uint64_t
passes(const struct settings *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->filter_count; i++)
        sum += s->filters[i].concurrency;
    return sum;
}

static uint64_t
octets_of(enum role_memory role, const struct settings *s)
{
    switch (role) {
    case ROLE_MEMORY_EDGE:
    case ROLE_MEMORY_OUTBOUND:
        return ROLE_OCTETS + s->limits.connections * CONNECTION_OCTETS;
    case ROLE_MEMORY_STORE:
        return ROLE_OCTETS + MEMORY_SHARE * s->limits.memory + ACCOUNTS_OPEN * ACCOUNT_OCTETS +
               (s->workers + 8) * THREAD_OCTETS + s->limits.connections * CONNECTION_OCTETS;
    case ROLE_MEMORY_AUTH:
        return ROLE_OCTETS + s->auth.threads * PASSWORD_OCTETS;
    case ROLE_MEMORY_RELAY:
        return ROLE_OCTETS + handovers(s) * HANDOVER_OCTETS;
    case ROLE_MEMORY_PASSTHROUGH:
        return ROLE_OCTETS + passes(s) * HANDOVER_OCTETS;
    case ROLE_MEMORY_HAND:
        break;
    }
    return ROLE_OCTETS;
}

bool
role_limit_memory(enum role_memory role, const struct settings *s)
{
    const rlim_t octets = octets_of(role, s);
    const struct rlimit both = {octets, octets};

    if (DOORSTEP_SANITIZED || setrlimit(RLIMIT_DATA, &both) == 0)
        return true;
    log_event(LOG_LEVEL_ERROR, "confine", "error", strerror(errno), NULL);
    return false;
}
