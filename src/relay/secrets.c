/* SPDX-License-Identifier: MIT
 *
 * Passwords and authorities as octets, on their way from main to the relay role. See
 * relay_secrets.h.
 */
#include "doorstep/relay_secrets.h"

void
relay_secrets_pack_head(struct span system_authorities, uint32_t count, struct pack *p)
{
    pack_span(p, system_authorities);
    pack_u32(p, count);
}

void
relay_secret_pack(const struct relay_secret *s, struct pack *p)
{
    pack_str(p, s->route);
    pack_span(p, s->password);
    pack_span(p, s->authorities);
}

uint32_t
relay_secrets_unpack_head(struct span *system_authorities, struct unpack *u)
{
    uint32_t count;

    *system_authorities = unpack_span(u, RELAY_AUTHORITIES_MAX);
    count = unpack_u32(u);
    if (count > RELAY_ROUTES_MAX)
        u->broken = true;
    return u->broken ? 0 : count;
}

void
relay_secret_unpack(struct relay_secret *s, char route[static RELAY_ROUTE_SIZE], struct unpack *u)
{
    unpack_str(u, route, RELAY_ROUTE_SIZE);
    s->route = route;
    s->password = unpack_span(u, RELAY_PASSWORD_MAX);
    s->authorities = unpack_span(u, RELAY_AUTHORITIES_MAX);
}
