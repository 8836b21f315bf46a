/* SPDX-License-Identifier: MIT
 *
 * The bodies of frames about log-ins as bytes, and back. The reader trusts nobody: what is out of
 * range breaks it.
 */
#include "doorstep/auth.h"

#include <string.h>

static bool
unpack_bool(struct unpack *u)
{
    uint8_t v = unpack_u8(u);

    if (v > 1)
        u->broken = true;
    return v == 1;
}

static uint8_t
unpack_below(struct unpack *u, uint8_t end)
{
    uint8_t v = unpack_u8(u);

    if (v >= end)
        u->broken = true;
    return u->broken ? 0 : v;
}

void
auth_client_pack(const struct auth_client *c, struct pack *p)
{
    pack_str(p, c->session);
    pack_str(p, c->address);
    pack_str(p, c->certificate);
    pack_u8(p, c->is_unix);
    pack_u32(p, c->uid);
    pack_span(p, (struct span){c->binding, c->binding_length});
}

void
auth_client_unpack(struct auth_client *c, struct unpack *u)
{
    struct span binding;

    *c = (struct auth_client){.session = ""};
    unpack_str(u, c->session, sizeof(c->session));
    unpack_str(u, c->address, sizeof(c->address));
    unpack_str(u, c->certificate, sizeof(c->certificate));
    c->is_unix = unpack_bool(u);
    c->uid = unpack_u32(u);
    binding = unpack_span(u, sizeof(c->binding));
    if (binding.n > 0)
        memcpy(c->binding, binding.p, binding.n);
    c->binding_length = (uint8_t)binding.n;
}

void
auth_begin_pack(const struct auth_begin *b, struct pack *p)
{
    pack_u8(p, (uint8_t)b->mechanism);
    pack_u8(p, b->has_initial);
    pack_span(p, b->octets);
}

void
auth_begin_unpack(struct auth_begin *b, struct unpack *u)
{
    b->mechanism = (enum sasl_mechanism)unpack_below(u, SASL_MECHANISM_COUNT);
    b->has_initial = unpack_bool(u);
    b->octets = unpack_span(u, SASL_OCTETS_MAX);
}

void
auth_secret_pack(const struct auth_secret *s, struct pack *p)
{
    pack_u8(p, s->is_allowed);
    pack_str(p, s->hash);
    pack_str(p, s->scram);
    pack_u8(p, s->wants_scram);
}

void
auth_secret_unpack(struct auth_secret *s, struct unpack *u)
{
    s->is_allowed = unpack_bool(u);
    unpack_str(u, s->hash, sizeof(s->hash));
    unpack_str(u, s->scram, sizeof(s->scram));
    s->wants_scram = unpack_bool(u);
}

void
auth_done_pack(const struct auth_done *d, struct pack *p)
{
    pack_u8(p, (uint8_t)d->verdict);
    pack_str(p, d->hash);
    pack_str(p, d->scram);
}

/* Text that goes into the database: one word, or nothing. */
static void
unpack_word(struct unpack *u, char *out, size_t size)
{
    unpack_str(u, out, size);
    for (const char *c = out; !u->broken && *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f)
            u->broken = true;
    }
}

void
auth_done_unpack(struct auth_done *d, struct unpack *u)
{
    d->verdict = (enum sasl_verdict)unpack_below(u, SASL_VERDICT_COUNT);
    unpack_word(u, d->hash, sizeof(d->hash));
    unpack_word(u, d->scram, sizeof(d->scram));
}
