/* SPDX-License-Identifier: MIT
 *
 * What roles are sent, and the doors between them. The store is the hub: it has a door to each edge
 * and each helper, and whichever side is started anew, both get new ends from here.
 */
#include "roles_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

#define FRAME_BODY_MAX 1024

/* --- frames --- */

void
role_send_number(struct role *r, enum door_frame_type type, uint32_t number, int fd)
{
    struct buf body;
    struct pack p;

    buf_init(&body, FRAME_BODY_MAX);
    pack_init(&p, &body);
    pack_u32(&p, number);
    supervise_send(r, type, 0, buf_span(&body), fd);
    buf_release(&body);
}

void
role_send_settings(struct role *r)
{
    supervise_send(r, MAIN_SETTINGS, 0, SPAN_NONE, r->daemon->settings_fd);
}

void
role_send_go(struct role *r)
{
    const char mode = r->daemon->is_offline ? 1 : 0;

    supervise_send(r, MAIN_GO, 0, (struct span){&mode, 1}, -1);
    r->has_go = true;
}

void
role_send_listener(struct role *r, uint32_t index, const struct settings_address *a)
{
    const struct listen_socket *socket = listen_find(&r->daemon->listens, a);
    struct buf body;
    struct pack p;

    if (socket == NULL)
        return; /* its address family is missing here */
    buf_init(&body, FRAME_BODY_MAX);
    pack_init(&p, &body);
    pack_u32(&p, index);
    pack_str(&p, a->text);
    supervise_send(r, MAIN_LISTENER, 0, buf_span(&body), socket->fd);
    buf_release(&body);
}

/* --- certificates --- */

void
roles_send_tls(struct role *edge)
{
    const struct daemon *d = edge->daemon;
    struct buf body;
    struct pack p;

    if (d->certificates.fd < 0)
        return;
    buf_init(&body, FRAME_BODY_MAX);
    pack_init(&p, &body);
    tls_ticket_keys_pack(&d->ticket_keys, &p);
    supervise_send(edge, MAIN_TICKET_KEYS, 0, buf_span(&body), -1);
    supervise_send(edge, MAIN_TLS, 0, SPAN_NONE, d->certificates.fd);
    if (body.data != NULL)
        explicit_bzero(body.data, body.size);
    buf_release(&body);
}

void
roles_renew_tls(struct daemon *d)
{
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        if (r->kind == ROLE_EDGE && role_has_process(r))
            roles_send_tls(r);
    }
}

/* --- doors between roles --- */

/* A new door: one end to the store as `type`, the other one returned; -1, logged, without one. */
static int
door_to_store(struct role *r, enum door_frame_type type)
{
    int ends[2];

    if (!door_pair(ends)) {
        log_event(LOG_LEVEL_ERROR, "door", "role", supervise_name(r->kind), "error",
                  strerror(errno), NULL);
        return -1;
    }
    role_send_number(roles_store(r->daemon), type, r->slot, ends[0]);
    close(ends[0]);
    return ends[1];
}

void
role_connect_edge(struct role *edge)
{
    int end = door_to_store(edge, MAIN_EDGE_DOOR);

    if (end < 0)
        return; /* the edge answers 451 until the next store or edge is started */
    supervise_send(edge, MAIN_STORE_DOOR, 0, SPAN_NONE, end);
    close(end);
}

static enum door_frame_type
door_of_helper(enum role_kind kind)
{
    if (kind == ROLE_AUTH)
        return MAIN_AUTH_DOOR;
    if (kind == ROLE_RELAY)
        return MAIN_RELAY_DOOR;
    if (kind == ROLE_PASSTHROUGH)
        return MAIN_PASSTHROUGH_DOOR;
    return kind == ROLE_RUNNER ? MAIN_RUNNER_DOOR : MAIN_SORTER_DOOR;
}

void
role_connect_helper(struct role *helper)
{
    if (helper->store_end >= 0)
        close(helper->store_end);
    helper->store_end = door_to_store(helper, door_of_helper(helper->kind));
}

/* The outbound role has a door to every edge and to the store. */
void
role_connect_outbound(struct role *r)
{
    struct role *outbound = supervise_find(r->daemon, ROLE_OUTBOUND, 0);
    int ends[2];

    if (!role_has_process(outbound) || !role_has_process(r))
        return;
    if (!door_pair(ends)) {
        log_event(LOG_LEVEL_ERROR, "door", "role", supervise_name(r->kind), "error",
                  strerror(errno), NULL);
        return;
    }
    role_send_number(outbound, r->kind == ROLE_EDGE ? MAIN_EDGE_DOOR : MAIN_STORE_DOOR, r->slot,
                     ends[0]);
    supervise_send(r, MAIN_OUTBOUND_DOOR, 0, SPAN_NONE, ends[1]);
    close(ends[0]);
    close(ends[1]);
}
