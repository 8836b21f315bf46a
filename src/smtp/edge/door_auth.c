/* SPDX-License-Identifier: MIT
 *
 * Log-ins through the store's door. An exchange lives and dies with the store that it began with:
 * the client hears 454 and may begin anew.
 */
#include "door_link_priv.h"

#include <sodium.h>

/* The body held a password, perhaps; so do its copies in the door's queue. */
static bool
send_secret(struct door_store *d, uint16_t type, uint64_t id, struct buf *body)
{
    bool is_sent = door_link_send(d, type, id, buf_span(body));

    if (d->keeper.door != NULL)
        door_mark_secret(d->keeper.door);
    if (body->data != NULL)
        sodium_memzero(body->data, body->size);
    buf_release(body);
    return is_sent;
}

struct door_request *
door_auth_send(struct door_store *d, struct door_client *c, uint16_t type,
               const struct auth_client *client, const struct auth_begin *begin)
{
    struct door_request *r;
    struct buf body;
    struct pack p;

    if (d->keeper.door == NULL)
        return NULL;
    r = door_request_add(d, c);
    if (r == NULL)
        return NULL;
    r->is_auth = true;
    r->is_scripts = type == EDGE_SCRIPT_LOGIN;
    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    auth_client_pack(client, &p);
    auth_begin_pack(begin, &p);
    c->auth = r;
    if (send_secret(d, type, r->id, &body) && !p.full)
        return r;
    door_request_free(d, r);
    return NULL;
}

bool
door_store_auth_begin(struct door_store *d, struct door_client *c, const struct auth_client *client,
                      const struct auth_begin *begin)
{
    return door_auth_send(d, c, EDGE_AUTH_BEGIN, client, begin) != NULL;
}

bool
door_store_auth_step(struct door_store *d, struct door_client *c, struct span octets)
{
    struct buf body;

    if (c->auth == NULL)
        return false;
    buf_init(&body, SASL_OCTETS_MAX);
    if (buf_append_span(&body, octets) && send_secret(d, EDGE_AUTH_STEP, c->auth->id, &body))
        return true;
    buf_release(&body);
    door_store_auth_abort(d, c);
    return false;
}

void
door_store_auth_abort(struct door_store *d, struct door_client *c)
{
    if (c->auth == NULL)
        return;
    door_link_send(d, c->auth->is_scripts ? EDGE_SCRIPT_LOGOUT : EDGE_AUTH_ABORT, c->auth->id,
                   SPAN_NONE);
    door_request_free(d, c->auth);
}

bool
door_auth_take_challenge(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);

    if (f->body.n > SASL_CHALLENGE_MAX)
        return false;
    if (r == NULL)
        return true;
    if (!r->is_auth)
        return false;
    r->client->calls->auth_challenge(r->client->arg, f->body);
    return true;
}

bool
door_auth_take_done(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);
    char login[SASL_LOGIN_SIZE];
    struct door_client *c;
    struct unpack u;
    uint8_t verdict;

    unpack_init(&u, f->body);
    verdict = unpack_u8(&u);
    unpack_str(&u, login, sizeof(login));
    if (!unpack_done(&u) || verdict >= SASL_VERDICT_COUNT)
        return false;
    if (r == NULL)
        return true;
    if (!r->is_auth)
        return false;
    c = r->client;
    if (r->is_scripts && verdict == SASL_ACCEPTED) {
        r->is_auth = false;
        c->auth = NULL;
        c->scripts = r;
    } else {
        door_request_free(d, r);
    }
    c->calls->auth_done(c->arg, (enum sasl_verdict)verdict, login);
    return true;
}
