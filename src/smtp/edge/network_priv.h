/* SPDX-License-Identifier: MIT
 *
 * Networks of clients: how many connections each has now, and how many messages it sent lately. A
 * network is as many bits of the address as the configuration says (limits.network_ipv4,
 * network_ipv6). The table is bounded: who has no connection is forgotten first.
 */
#ifndef DOORSTEP_SMTP_NETWORK_PRIV_H
#define DOORSTEP_SMTP_NETWORK_PRIV_H

#include <netinet/in.h>
#include <stdbool.h>

#include "doorstep/settings.h"

struct networks;
struct network;

/* networks_new() - limits: borrowed; shares: edges that count for themselves, so that each has its
 * part of the limits. NULL without memory. */
struct networks *networks_new(const struct settings_limits *limits, unsigned shares);
void networks_free(struct networks *n);

/* networks_are_exempt() - is the address (IPv4 also as mapped into IPv6) in limits.exempt? */
bool networks_are_exempt(const struct networks *n, const struct sockaddr_storage *peer);

/* network_enter() - one connection more from there, until network_leave(). NULL: it is one too
 * many, or there is no memory. */
struct network *network_enter(struct networks *n, const struct sockaddr_storage *peer,
                              uint64_t now_ms);
void network_leave(struct networks *n, struct network *net, uint64_t now_ms);

/* network_may_send() - takes one message from its network's hour; false: there is none left, or no
 * memory to count in. */
bool network_may_send(struct networks *n, const struct sockaddr_storage *peer, uint64_t now_ms);

#endif
