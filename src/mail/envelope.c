/* SPDX-License-Identifier: MIT
 *
 * Envelopes as bytes: packed by the edge at end of data, read by the store, which trusts the
 * edge no more than the network. Every string comes out as one line without control octets, fit
 * for a trace field or a log.
 */
#include "doorstep/envelope.h"

#include "doorstep/unpack_string.h"

/* Above what the edge lets through: RFC 3461 4.2 and 4.4 give ORCPT 500 and ENVID 100 characters.
 */
#define ENVELOPE_STRING_MAX 1024

/* An empty address (flags and two lengths), an empty ORCPT, NOTIFY. */
#define ENVELOPE_RECIPIENT_PACKED_MIN (1 + 4 + 4 + 4 + 1)

static void
recipient_pack(const struct envelope_recipient *r, struct pack *p)
{
    address_pack(&r->address, p);
    pack_str(p, r->orcpt);
    pack_u8(p, (uint8_t)r->notify);
}

void
envelope_pack(const struct envelope *e, struct pack *p)
{
    address_pack(&e->reverse_path, p);
    pack_u8(p, (uint8_t)e->body);
    pack_u8(p, (uint8_t)e->protocol);
    pack_u8(p, (uint8_t)e->ret);
    pack_u8(p, e->smtputf8);
    pack_u8(p, e->require_tls);
    pack_u64(p, e->size);
    pack_str(p, e->envid);
    pack_str(p, e->helo);
    pack_str(p, e->client_ip);
    pack_str(p, e->client_name);
    pack_str(p, e->client_port);
    pack_str(p, e->client_protocol);
    pack_str(p, e->client_source);
    pack_str(p, e->queue_id);
    pack_str(p, e->session);
    pack_str(p, e->login);
    pack_str(p, e->auth_sender);
    pack_str(p, e->tls_version);
    pack_str(p, e->tls_cipher);
    pack_str(p, e->filter);
    pack_u8(p, e->filter_must);
    pack_u32(p, e->recipient_count);
    for (uint32_t i = 0; i < e->recipient_count; i++)
        recipient_pack(&e->recipients[i], p);
}

static uint8_t
unpack_enum(struct unpack *u, uint8_t highest)
{
    uint8_t v = unpack_u8(u);

    if (v > highest)
        u->broken = true;
    return u->broken ? 0 : v;
}

/* NEVER stands alone (RFC 3461 4.1). */
static unsigned
unpack_notify(struct unpack *u)
{
    unsigned notify = unpack_enum(u, NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY);

    if ((notify & NOTIFY_NEVER) != 0 && notify != NOTIFY_NEVER)
        u->broken = true;
    return notify;
}

static void
recipients_unpack(struct envelope *e, struct arena *arena, struct unpack *u)
{
    uint32_t n = unpack_u32(u);

    e->recipient_count = 0;
    e->recipients = NULL;
    if (n > ENVELOPE_RECIPIENTS_MAX || n > u->rest.n / ENVELOPE_RECIPIENT_PACKED_MIN)
        u->broken = true;
    if (u->broken || n == 0)
        return;
    e->recipients = arena_alloc(arena, n * sizeof(*e->recipients));
    if (e->recipients == NULL)
        u->broken = true;
    for (uint32_t i = 0; i < n && !u->broken; i++) {
        struct envelope_recipient *r = &e->recipients[i];
        address_unpack(&r->address, arena, u);
        r->orcpt = unpack_line(u, arena, ENVELOPE_STRING_MAX);
        r->notify = unpack_notify(u);
        if (r->address.is_null)
            u->broken = true;
    }
    e->recipient_count = u->broken ? 0 : n;
}

bool
envelope_unpack(struct envelope *e, struct arena *arena, struct unpack *u)
{
    address_unpack(&e->reverse_path, arena, u);
    e->body = (enum envelope_body)unpack_enum(u, BODY_BINARYMIME);
    e->protocol = (enum envelope_protocol)unpack_enum(u, PROTOCOL_LMTP);
    e->ret = (enum envelope_ret)unpack_enum(u, RET_HDRS);
    e->smtputf8 = unpack_enum(u, 1) != 0;
    e->require_tls = unpack_enum(u, 1) != 0;
    e->size = unpack_u64(u);
    e->envid = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->helo = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->client_ip = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->client_name = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->client_port = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->client_protocol = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->client_source = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->queue_id = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->session = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->login = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->auth_sender = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->tls_version = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->tls_cipher = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->filter = unpack_line(u, arena, ENVELOPE_STRING_MAX);
    e->filter_must = unpack_enum(u, 1) != 0;
    recipients_unpack(e, arena, u);
    return !u->broken;
}
