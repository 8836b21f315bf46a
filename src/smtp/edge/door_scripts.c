/* SPDX-License-Identifier: MIT
 *
 * Scripts through the store's door: a log-in that stays, and requests in pieces. It is the store
 * that knows who has logged in; here is only which connection is meant. Like a log-in, a request
 * lives and dies with its store.
 */
#include "door_link_priv.h"
#include "doorstep/managesieve.h"

#define PIECE_MAX 16384 /* octets of a request in one frame, which shares a packet */
#define REQUEST_MAX (1u << 20)
#define ANSWER_MAX (16u << 20)

bool
door_store_script_login(struct door_store *d, struct door_client *c,
                        const struct auth_client *client, const struct auth_begin *begin)
{
    return door_auth_send(d, c, EDGE_SCRIPT_LOGIN, client, begin) != NULL;
}

/* --- requests --- */

/* Without the last piece the store has half of a request, and would read the next one as its other
 * half: that log-in is over. */
static void
send_pieces(struct door_store *d, struct door_request *r, struct span packed)
{
    char body[1 + PIECE_MAX];
    bool is_sent = true;

    while (is_sent && packed.n > 0) {
        size_t n = packed.n < PIECE_MAX ? packed.n : PIECE_MAX;

        body[0] = packed.n > n;
        memcpy(body + 1, packed.p, n);
        is_sent = door_link_send(d, EDGE_SCRIPT_ASK, r->id, (struct span){body, n + 1});
        packed = span_skip(packed, n);
    }
    if (!is_sent)
        door_link_lose(d, r);
}

bool
door_store_script_ask(struct door_store *d, struct door_client *c,
                      const struct managesieve_request *request)
{
    struct door_request *r = c->scripts;
    struct buf body;
    struct pack p;
    bool is_sent;

    if (r == NULL || r->is_asking || d->keeper.door == NULL)
        return false;
    buf_init(&body, REQUEST_MAX);
    pack_init(&p, &body);
    managesieve_request_pack(request, &p);
    is_sent = !p.full && body.len + door_queued(d->keeper.door) < DOOR_LINK_QUEUE_MAX / 2;
    if (is_sent) {
        r->is_asking = true;
        buf_init(&r->answer, ANSWER_MAX);
        send_pieces(d, r, buf_span(&body));
    }
    buf_release(&body);
    return is_sent;
}

void
door_store_script_logout(struct door_store *d, struct door_client *c)
{
    if (c->scripts == NULL)
        return;
    door_link_send(d, EDGE_SCRIPT_LOGOUT, c->scripts->id, SPAN_NONE);
    door_request_free(d, c->scripts);
}

/* --- answers --- */

static bool
tell(struct door_request *r)
{
    struct door_client *c = r->client;
    struct managesieve_answer a;
    struct buf whole = r->answer;
    struct arena arena;
    bool done;

    r->is_asking = false;
    buf_init(&r->answer, 0);
    arena_init(&arena, ANSWER_MAX);
    done = managesieve_answer_unpack(&a, &arena, buf_span(&whole));
    if (done)
        c->calls->script_answer(c->arg, &a);
    arena_release(&arena);
    buf_release(&whole);
    return done;
}

bool
door_scripts_take(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);
    struct unpack u;
    uint8_t has_more;

    unpack_init(&u, f->body);
    has_more = unpack_u8(&u);
    if (u.broken || has_more > 1)
        return false;
    if (r == NULL)
        return true;
    if (!r->is_asking || !buf_append_span(&r->answer, u.rest))
        return false;
    return has_more == 1 || tell(r);
}
