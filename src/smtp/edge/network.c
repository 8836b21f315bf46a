/* SPDX-License-Identifier: MIT
 *
 * The table of networks: see network_priv.h.
 */
#include "network_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/rate.h"
#include "peer_priv.h"

#define uthash_nonfatal_oom(network) ((network)->is_unlisted = true)
#include "doorstep/table.h"

#define IDLE_MAX 65536 /* networks without a connection whose messages are remembered */

struct network_key {
    uint8_t length; /* octets of the address: 4 or 16 */
    uint8_t octets[16];
};

struct network {
    struct network_key key;
    uint64_t connections;
    struct rate messages;
    bool is_unlisted;  /* the table had no memory for it */
    UT_hash_handle hh; /* in the order in which they came, or were last left */
};

struct networks {
    const struct settings_limits *limits; /* borrowed */
    uint64_t connections_max;
    uint64_t messages_max;
    struct network *table;
    size_t idle; /* without connections */
};

static uint64_t
share_of(uint64_t limit, unsigned shares)
{
    return limit == UINT64_MAX ? limit : (limit + shares - 1) / shares;
}

struct networks *
networks_new(const struct settings_limits *limits, unsigned shares)
{
    struct networks *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return NULL;
    n->limits = limits;
    n->connections_max = share_of(limits->network_connections, shares);
    n->messages_max = share_of(limits->network_messages, shares);
    return n;
}

static void
forget(struct networks *n, struct network *net)
{
    HASH_DEL(n->table, net);
    free(net);
}

void
networks_free(struct networks *n)
{
    if (n == NULL)
        return;
    while (n->table != NULL)
        forget(n, n->table);
    free(n);
}

bool
networks_are_exempt(const struct networks *n, const struct sockaddr_storage *peer)
{
    return peer_is_in(peer, n->limits->exempt, n->limits->exempt_count);
}

/* --- find, make, forget --- */

static void
make_key(const struct networks *n, const struct sockaddr_storage *peer, struct network_key *key)
{
    size_t length, bits;

    memset(key, 0, sizeof(*key));
    length = peer_octets(peer, key->octets);
    bits = length == 4 ? n->limits->network_ipv4 : n->limits->network_ipv6;
    key->length = (uint8_t)length;
    for (size_t i = 0; i < length; i++) {
        size_t kept = bits <= i * 8 ? 0 : bits - i * 8 >= 8 ? 8 : bits - i * 8;

        key->octets[i] &= (uint8_t)(0xff00u >> kept);
    }
}

/* Makes room: the one that has been without a connection for longest comes first in the table, but
 * for those with connections, which are bounded elsewhere. */
static void
forget_oldest_idle(struct networks *n)
{
    struct network *net, *next;

    HASH_ITER(hh, n->table, net, next)
    {
        if (net->connections == 0) {
            n->idle--;
            forget(n, net);
            return;
        }
    }
}

static struct network *
find_or_make(struct networks *n, const struct sockaddr_storage *peer, uint64_t now_ms)
{
    struct network_key key;
    struct network *net;

    make_key(n, peer, &key);
    HASH_FIND(hh, n->table, &key, sizeof(key), net);
    if (net != NULL)
        return net;
    if (n->idle >= IDLE_MAX)
        forget_oldest_idle(n);
    net = calloc(1, sizeof(*net));
    if (net == NULL)
        return NULL;
    net->key = key;
    rate_init(&net->messages, now_ms);
    HASH_ADD(hh, n->table, key, sizeof(net->key), net);
    if (net->is_unlisted) {
        free(net);
        return NULL;
    }
    n->idle++;
    return net;
}

/* Nothing is known about it that a new one would not say. */
static void
forget_if_new(struct networks *n, struct network *net, uint64_t now_ms)
{
    if (net->connections > 0 || !rate_is_full(&net->messages, n->messages_max, now_ms))
        return;
    n->idle--;
    forget(n, net);
}

/* --- connections and messages --- */

struct network *
network_enter(struct networks *n, const struct sockaddr_storage *peer, uint64_t now_ms)
{
    struct network *net = find_or_make(n, peer, now_ms);

    if (net == NULL || net->connections >= n->connections_max)
        return NULL;
    n->idle -= net->connections == 0;
    net->connections++;
    return net;
}

void
network_leave(struct networks *n, struct network *net, uint64_t now_ms)
{
    if (--net->connections > 0)
        return;
    n->idle++;
    HASH_DEL(n->table, net); /* to the end of the order */
    HASH_ADD(hh, n->table, key, sizeof(net->key), net);
    if (net->is_unlisted) {
        n->idle--;
        free(net);
        return;
    }
    forget_if_new(n, net, now_ms);
}

bool
network_may_send(struct networks *n, const struct sockaddr_storage *peer, uint64_t now_ms)
{
    struct network *net;

    if (n->messages_max == UINT64_MAX)
        return true;
    net = find_or_make(n, peer, now_ms);
    if (net == NULL || !rate_has(&net->messages, n->messages_max, 1, now_ms))
        return false;
    rate_take(&net->messages, 1);
    return true;
}
