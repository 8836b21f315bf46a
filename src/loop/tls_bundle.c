/* SPDX-License-Identifier: MIT
 *
 * Services and ticket keys as octets, on their way from main to the edges. Whoever reads takes
 * nothing for granted: lengths and numbers are bounded before they are used.
 */
#include <string.h>

#include "doorstep/tls.h"

void
tls_service_pack(const struct tls_service *service, struct pack *p)
{
    pack_str(p, service->name);
    pack_u32(p, (uint32_t)service->pair_count);
    for (size_t i = 0; i < service->pair_count; i++) {
        pack_span(p, service->pairs[i].certificate);
        pack_span(p, service->pairs[i].key);
    }
    pack_span(p, service->client_ca);
}

void
tls_service_unpack(struct tls_service *service, char name[TLS_NAME_SIZE], struct tls_pair *pairs,
                   struct unpack *u)
{
    uint32_t count;

    *service = (struct tls_service){.name = name, .pairs = pairs};
    unpack_str(u, name, TLS_NAME_SIZE);
    count = unpack_u32(u);
    if (count == 0 || count > TLS_PAIRS_MAX)
        u->broken = true;
    for (uint32_t i = 0; i < count && !u->broken; i++) {
        pairs[i].certificate = unpack_span(u, TLS_PEM_MAX);
        pairs[i].key = unpack_span(u, TLS_PEM_MAX);
    }
    service->client_ca = unpack_span(u, TLS_AUTHORITIES_PEM_MAX);
    service->pair_count = u->broken ? 0 : count;
}

void
tls_ticket_keys_pack(const struct tls_ticket_keys *keys, struct pack *p)
{
    pack_u32(p, keys->count);
    for (unsigned i = 0; i < keys->count; i++)
        pack_span(p, (struct span){(const char *)keys->key[i], TLS_TICKET_KEY_SIZE});
}

void
tls_ticket_keys_unpack(struct tls_ticket_keys *keys, struct unpack *u)
{
    uint32_t count = unpack_u32(u);

    *keys = (struct tls_ticket_keys){0};
    if (count > TLS_TICKET_KEYS)
        u->broken = true;
    for (uint32_t i = 0; i < count && !u->broken; i++) {
        struct span key = unpack_span(u, TLS_TICKET_KEY_SIZE);

        if (key.n != TLS_TICKET_KEY_SIZE)
            u->broken = true;
        else
            memcpy(keys->key[i], key.p, key.n);
    }
    keys->count = u->broken ? 0 : count;
}
