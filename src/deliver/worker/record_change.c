/* SPDX-License-Identifier: MIT
 *
 * Changes as records: see record_change_priv.h.
 */
#include "record_change_priv.h"

#include <string.h>

#include "doorstep/arena.h"

#include "record_priv.h"

#define CHANGE_VERSION 1
#define KEYWORDS_MAX 65536

static void
pack_message(struct pack *p, const struct change_message *m)
{
    pack_u32(p, m->uid);
    pack_str(p, m->name);
    pack_u32(p, m->flags);
    pack_str(p, m->keywords);
    pack_u32(p, m->to_uid);
}

bool
record_change_pack(struct buf *out, const struct account *a, const struct change *c)
{
    struct pack p;

    pack_init(&p, out);
    pack_u8(&p, CHANGE_VERSION);
    pack_u8(&p, (uint8_t)c->kind);
    pack_str(&p, c->id);
    record_account_pack(&p, a);
    pack_str(&p, c->mailbox);
    pack_u32(&p, c->uid_validity);
    pack_str(&p, c->to);
    pack_u32(&p, c->to_validity);
    pack_u32(&p, c->count);
    for (uint32_t i = 0; i < c->count; i++)
        pack_message(&p, &c->list[i]);
    return !p.full;
}

/* At most max octets; from the arena. */
static const char *
unpack_text(struct unpack *u, struct arena *arena, size_t max)
{
    struct span s = unpack_span(u, max);
    char *text = u->broken ? NULL : arena_copy(arena, s);

    if (text == NULL || strlen(text) != s.n)
        u->broken = true;
    return text;
}

static void
unpack_message(struct unpack *u, struct change_message *m, struct arena *arena)
{
    m->uid = unpack_u32(u);
    m->name = unpack_text(u, arena, STORE_REF_SIZE - 1);
    m->flags = unpack_u32(u);
    m->keywords = unpack_text(u, arena, KEYWORDS_MAX);
    m->to_uid = unpack_u32(u);
}

static void
unpack_list(struct unpack *u, struct change *c, struct arena *arena)
{
    c->count = unpack_u32(u);
    if (c->count > CHANGE_MESSAGES_MAX)
        u->broken = true;
    if (u->broken || c->count == 0)
        return;
    c->list = arena_alloc(arena, c->count * sizeof *c->list);
    if (c->list == NULL)
        u->broken = true;
    for (uint32_t i = 0; !u->broken && i < c->count; i++)
        unpack_message(u, &c->list[i], arena);
}

bool
record_change_unpack(struct account *a, struct change *c, struct span record, struct arena *arena)
{
    struct unpack u;

    *c = (struct change){0};
    unpack_init(&u, record);
    uint8_t version = unpack_u8(&u);
    uint8_t kind = unpack_u8(&u);
    if (version != CHANGE_VERSION || kind < CHANGE_FLAGS || kind > CHANGE_VALIDITY)
        return false;
    c->kind = (enum change_kind)kind;
    unpack_str(&u, c->id, sizeof c->id);
    record_account_unpack(a, &u);
    c->mailbox = unpack_text(&u, arena, STORE_MAILBOX_SIZE - 1);
    c->uid_validity = unpack_u32(&u);
    c->to = unpack_text(&u, arena, STORE_MAILBOX_SIZE - 1);
    c->to_validity = unpack_u32(&u);
    unpack_list(&u, c, arena);
    return unpack_done(&u);
}
