/* SPDX-License-Identifier: MIT
 *
 * Requests for scripts and their answers as bytes, and back. The reader trusts nobody: what is out
 * of range is no request, and no answer.
 */
#include "doorstep/managesieve.h"

void
managesieve_request_pack(const struct managesieve_request *r, struct pack *p)
{
    pack_u8(p, (uint8_t)r->verb);
    pack_span(p, r->name);
    pack_span(p, r->to);
    pack_u64(p, r->octets);
    pack_span(p, r->text);
}

bool
managesieve_request_unpack(struct managesieve_request *r, size_t text_max, struct span octets)
{
    struct unpack u;
    uint8_t verb;

    unpack_init(&u, octets);
    verb = unpack_u8(&u);
    r->verb = (enum managesieve_verb)verb;
    r->name = unpack_span(&u, MANAGESIEVE_NAME_MAX);
    r->to = unpack_span(&u, MANAGESIEVE_NAME_MAX);
    r->octets = unpack_u64(&u);
    r->text = unpack_span(&u, text_max);
    return unpack_done(&u) && verb < MANAGESIEVE_VERBS;
}

void
managesieve_answer_pack(const struct managesieve_answer *a, struct pack *p)
{
    pack_u8(p, (uint8_t)a->result);
    pack_span(p, a->text);
    pack_u32(p, a->list_count);
    for (uint32_t i = 0; i < a->list_count; i++) {
        pack_str(p, a->list[i].name);
        pack_u8(p, a->list[i].is_active);
    }
}

static bool
unpack_script(struct managesieve_script *s, struct arena *arena, struct unpack *u)
{
    struct span name = unpack_span(u, MANAGESIEVE_NAME_MAX);
    uint8_t is_active = unpack_u8(u);

    s->is_active = is_active == 1;
    s->name = arena_copy(arena, name);
    return !u->broken && is_active <= 1 && s->name != NULL &&
           (name.n == 0 || memchr(name.p, '\0', name.n) == NULL);
}

bool
managesieve_answer_unpack(struct managesieve_answer *a, struct arena *arena, struct span octets)
{
    struct managesieve_script *list = NULL;
    struct unpack u;
    uint8_t result;

    unpack_init(&u, octets);
    result = unpack_u8(&u);
    a->result = (enum managesieve_result)result;
    a->text = unpack_span(&u, MANAGESIEVE_REPLY_MAX);
    a->list_count = unpack_u32(&u);
    if (u.broken || result >= MANAGESIEVE_RESULTS || a->list_count > MANAGESIEVE_LIST_MAX)
        return false;
    if (a->list_count > 0)
        list = arena_alloc(arena, a->list_count * sizeof(*list));
    if (a->list_count > 0 && list == NULL)
        return false;
    for (uint32_t i = 0; i < a->list_count; i++) {
        if (!unpack_script(&list[i], arena, &u))
            return false;
    }
    a->list = list;
    return unpack_done(&u);
}
