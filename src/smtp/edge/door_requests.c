/* SPDX-License-Identifier: MIT
 *
 * The table of requests to the store: every one has an id of the edge's and belongs to a
 * connection, with which it goes.
 */
#include "door_link_priv.h"

#include <stdlib.h>

void
door_client_init(struct door_client *c, const struct door_client_calls *calls, void *arg)
{
    *c = (struct door_client){.calls = calls, .arg = arg};
    LIST_INIT(&c->requests);
}

void
door_client_stop_sending(struct door_client *c)
{
    if (c->is_sender)
        LIST_REMOVE(c, sender);
    c->is_sender = false;
    c->is_paused = false; /* the caller is the client, or is about to call it */
}

void
door_client_start_sending(struct door_store *d, struct door_client *c)
{
    LIST_INSERT_HEAD(&d->senders, c, sender);
    c->is_sender = true;
    c->is_paused = d->is_congested;
}

void
door_request_free(struct door_store *d, struct door_request *r)
{
    if (r->client->message == r) {
        door_client_stop_sending(r->client);
        r->client->message = NULL;
    }
    if (r->client->auth == r)
        r->client->auth = NULL;
    if (r->client->scripts == r)
        r->client->scripts = NULL;
    LIST_REMOVE(r, of_client);
    HASH_DEL(d->requests, r);
    free(r->body);
    buf_release(&r->answer);
    free(r);
}

struct door_request *
door_request_add(struct door_store *d, struct door_client *c)
{
    struct door_request *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->id = ++d->last_id;
    r->client = c;
    HASH_ADD(hh, d->requests, id, sizeof(r->id), r);
    if (r->is_unlisted) {
        free(r);
        return NULL;
    }
    LIST_INSERT_HEAD(&c->requests, r, of_client);
    return r;
}

struct door_request *
door_request_find(const struct door_store *d, uint64_t id)
{
    struct door_request *r;

    HASH_FIND(hh, d->requests, &id, sizeof(id), r);
    return r;
}
