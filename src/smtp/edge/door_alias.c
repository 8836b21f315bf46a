/* SPDX-License-Identifier: MIT
 *
 * What an alias leads to, asked through the store's door for an MTA. The addresses come back packed
 * and are checked as a peer's; the MTA reads them as a list.
 */
#include "door_link_priv.h"

#include <stdlib.h>

#define ALIAS_BODY_MAX 4096 /* one address */
#define LIST_MAX (RCPT_ALIAS_TARGETS_MAX * ADDRESS_PATH_MAX)

bool
door_store_ask_alias(struct door_store *d, struct door_client *c, uint64_t id,
                     const struct address *alias)
{
    struct door_request *r;
    struct buf body;
    struct pack p;

    if (d->keeper.door == NULL && d->is_long_away)
        return false;
    r = door_request_add(d, c);
    if (r == NULL)
        return false;
    r->rcpt_id = id;
    r->type = EDGE_ALIAS;
    buf_init(&body, ALIAS_BODY_MAX);
    pack_init(&p, &body);
    address_pack(alias, &p);
    if (p.full) {
        buf_release(&body);
        door_request_free(d, r);
        return false;
    }
    return door_link_ask(d, r, &body);
}

/* --- the answer --- */

static bool
unpack_address(struct unpack *u, struct buf *list)
{
    struct address address;
    struct arena arena;
    bool done;

    arena_init(&arena, 2 * ADDRESS_PATH_MAX);
    done = address_unpack(&address, &arena, u) && (list->len == 0 || buf_append_str(list, ", ")) &&
           address_print(&address, list);
    arena_release(&arena);
    return done;
}

static bool
unpack_answer(const struct door_frame *f, struct outcome *o, struct buf *list)
{
    struct unpack u;
    uint32_t count;

    unpack_init(&u, f->body);
    outcome_unpack(o, &u);
    count = unpack_u32(&u);
    if (count > RCPT_ALIAS_TARGETS_MAX || (count > 0) != outcome_is_success(o))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!unpack_address(&u, list))
            return false;
    }
    return unpack_done(&u);
}

static void
tell(struct door_store *d, struct door_request *r, const struct outcome *o, struct span list)
{
    struct door_client *c = r->client;
    uint64_t id = r->rcpt_id;

    door_request_free(d, r);
    c->calls->alias_answer(c->arg, id, o, list);
}

bool
door_alias_take(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);
    struct outcome o;
    struct buf list;
    bool done;

    buf_init(&list, LIST_MAX);
    done = unpack_answer(f, &o, &list) && (r == NULL || r->type == EDGE_ALIAS);
    if (done && r != NULL)
        tell(d, r, &o, buf_span(&list));
    buf_release(&list);
    return done;
}
