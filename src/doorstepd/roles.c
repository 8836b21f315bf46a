/* SPDX-License-Identifier: MIT
 *
 * What each role is sent at its start, and what follows from its becoming ready and its end. The
 * store is the hub: it has a door to each edge and each sorter, and whichever side is started
 * anew, both get new ends from here.
 */
#include "supervise_priv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

#include "pages_priv.h"

#define FAILED_STARTS_MAX 3 /* ends before the daemon was first ready: it cannot work here */
#define FRAME_BODY_MAX 1024

struct role *
roles_store(struct daemon *d)
{
    return supervise_find(d, ROLE_STORE, 0);
}

static bool
has_process(const struct role *r)
{
    return r != NULL && r->pid > 0;
}

/* --- frames --- */

static void
send_number(struct role *r, enum door_frame_type type, uint32_t number, int fd)
{
    struct buf body;
    struct pack p;

    buf_init(&body, FRAME_BODY_MAX);
    pack_init(&p, &body);
    pack_u32(&p, number);
    supervise_send(r, type, 0, buf_span(&body), fd);
    buf_release(&body);
}

static void
send_settings(struct role *r)
{
    supervise_send(r, MAIN_SETTINGS, 0, SPAN_NONE, r->daemon->settings_fd);
}

static void
send_go(struct role *r)
{
    const char mode = r->daemon->is_offline ? 1 : 0;

    supervise_send(r, MAIN_GO, 0, (struct span){&mode, 1}, -1);
    r->has_go = true;
}

static void
send_listener(struct role *r, uint32_t index, const struct settings_address *a)
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
        if (r->kind == ROLE_EDGE && has_process(r))
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
    send_number(roles_store(r->daemon), type, r->slot, ends[0]);
    close(ends[0]);
    return ends[1];
}

static void
connect_edge(struct role *edge)
{
    int end = door_to_store(edge, MAIN_EDGE_DOOR);

    if (end < 0)
        return; /* the edge answers 451 until the next store or edge is started */
    supervise_send(edge, MAIN_STORE_DOOR, 0, SPAN_NONE, end);
    close(end);
}

/* Helpers of the store have no other door. */
static bool
is_helper(enum role_kind kind)
{
    return kind == ROLE_SORTER || kind == ROLE_AUTH || kind == ROLE_RELAY || kind == ROLE_RUNNER;
}

static enum door_frame_type
door_of_helper(enum role_kind kind)
{
    if (kind == ROLE_AUTH)
        return MAIN_AUTH_DOOR;
    if (kind == ROLE_RELAY)
        return MAIN_RELAY_DOOR;
    return kind == ROLE_RUNNER ? MAIN_RUNNER_DOOR : MAIN_SORTER_DOOR;
}

static void
connect_helper(struct role *helper)
{
    if (helper->store_end >= 0)
        close(helper->store_end);
    helper->store_end = door_to_store(helper, door_of_helper(helper->kind));
}

/* The outbound role has a door to every edge and to the store. */
static void
connect_outbound(struct role *r)
{
    struct role *outbound = supervise_find(r->daemon, ROLE_OUTBOUND, 0);
    int ends[2];

    if (!has_process(outbound) || !has_process(r))
        return;
    if (!door_pair(ends)) {
        log_event(LOG_LEVEL_ERROR, "door", "role", supervise_name(r->kind), "error",
                  strerror(errno), NULL);
        return;
    }
    send_number(outbound, r->kind == ROLE_EDGE ? MAIN_EDGE_DOOR : MAIN_STORE_DOOR, r->slot,
                ends[0]);
    supervise_send(r, MAIN_OUTBOUND_DOOR, 0, SPAN_NONE, ends[1]);
    close(ends[0]);
    close(ends[1]);
}

/* --- starting --- */

static const struct identity *
identity_of(const struct role *r)
{
    const struct daemon *d = r->daemon;

    if (!d->is_root)
        return NULL;
    if (r->kind == ROLE_RUNNER)
        return &d->runner_users[r->slot];
    return r->kind == ROLE_STORE ? &d->store_user : &d->sandbox_user;
}

static bool
serves(const struct role *r)
{
    return has_process(r) && r->state == ROLE_SERVING;
}

/* Listeners come only once the store has replayed: until then clients wait in the backlog. */
static void
open_edge(struct role *edge)
{
    const struct settings *s = edge->daemon->settings;

    for (size_t i = 0; i < s->listen_count; i++) {
        for (size_t k = 0; k < s->listens[i].address_count; k++)
            send_listener(edge, (uint32_t)i, &s->listens[i].address[k]);
    }
    send_go(edge);
}

static bool
wants_outbound(const struct daemon *d)
{
    for (size_t i = 0; i < d->settings->listen_count; i++)
        if (d->settings->listens[i].milter_count > 0)
            return true;
    return false;
}

/* No mail is taken before those are there who decide about it. */
static bool
may_open(struct daemon *d)
{
    return serves(roles_store(d)) &&
           (!wants_outbound(d) || serves(supervise_find(d, ROLE_OUTBOUND, 0)));
}

static void
open_edges(struct daemon *d)
{
    for (struct role *edge = d->roles; may_open(d) && edge != NULL; edge = edge->next) {
        if (edge->kind == ROLE_EDGE && has_process(edge) && !edge->has_go)
            open_edge(edge);
    }
}

static void
start_edge(struct role *edge)
{
    struct role *store = roles_store(edge->daemon);

    if (!supervise_spawn(edge, identity_of(edge)))
        return;
    send_settings(edge);
    roles_send_tls(edge);
    if (has_process(store) && store->state != ROLE_LEAVING)
        connect_edge(edge);
    connect_outbound(edge);
    if (may_open(edge->daemon))
        open_edge(edge);
}

static void
start_helper(struct role *helper)
{
    struct role *store = roles_store(helper->daemon);

    if (!has_process(store))
        return; /* a store's start starts its helpers */
    if (helper->store_end < 0)
        connect_helper(helper);
    if (helper->store_end < 0 || !supervise_spawn(helper, identity_of(helper)))
        return;
    send_settings(helper);
    if (helper->kind == ROLE_RELAY)
        supervise_send(helper, MAIN_RELAY_SECRETS, 0, SPAN_NONE, helper->daemon->relay_files.fd);
    supervise_send(helper, MAIN_STORE_DOOR, 0, SPAN_NONE, helper->store_end);
    close(helper->store_end);
    helper->store_end = -1;
    send_go(helper);
}

/* One for a new store: the process of that slot still serves the old one's door. */
static void
renew_helper(struct daemon *d, enum role_kind kind, uint32_t slot)
{
    struct role *helper = supervise_find(d, kind, slot);

    if (helper == NULL)
        helper = supervise_add(d, kind, slot);
    if (helper == NULL)
        return;
    connect_helper(helper);
    if (has_process(helper)) {
        supervise_kill(helper); /* comes back when it is reaped */
        return;
    }
    loop_timer_stop(helper->timer);
    start_helper(helper);
}

/* Nobody can log in anywhere, and nothing is started for that. */
static bool
needs_auth(const struct daemon *d)
{
    for (size_t i = 0; i < d->settings->listen_count && !d->is_offline; i++) {
        if (settings_listen_has_logins(&d->settings->listens[i]))
            return true;
    }
    return false;
}

/* The tool's tasks need no programs. */
static uint32_t
runner_count(const struct daemon *d)
{
    return d->is_offline ? 0 : settings_runner_count(d->settings);
}

static bool
wants_relay(const struct daemon *d)
{
    return !d->is_offline && d->relay_files.fd >= 0;
}

static void
start_store(struct role *store)
{
    struct daemon *d = store->daemon;

    if (!supervise_spawn(store, identity_of(store)))
        return;
    store->generation = d->generation;
    send_settings(store);
    pages_send_all(store);
    if (d->relay_files.srs.len > 0)
        supervise_send(store, MAIN_SRS_SECRETS, 0, buf_span(&d->relay_files.srs), -1);
    supervise_send(store, MAIN_CONTROL, 0, SPAN_NONE, d->state.control_fd);
    for (uint32_t slot = 0; slot < d->settings->sorters; slot++)
        renew_helper(d, ROLE_SORTER, slot);
    if (needs_auth(d))
        renew_helper(d, ROLE_AUTH, 0);
    if (wants_relay(d))
        renew_helper(d, ROLE_RELAY, 0);
    for (uint32_t slot = 0; slot < runner_count(d); slot++)
        renew_helper(d, ROLE_RUNNER, slot);
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        if (r->kind == ROLE_EDGE && has_process(r))
            connect_edge(r);
    }
    connect_outbound(store);
    send_go(store);
}

static void
start_metrics(struct role *metrics)
{
    const struct settings_metrics *s = &metrics->daemon->settings->metrics;

    if (!supervise_spawn(metrics, identity_of(metrics)))
        return;
    send_settings(metrics);
    for (size_t i = 0; i < s->address_count; i++)
        send_listener(metrics, (uint32_t)i, &s->address[i]);
    pages_send_all(metrics);
    send_go(metrics);
}

void
roles_renew_metrics(struct daemon *d)
{
    struct role *metrics = supervise_find(d, ROLE_METRICS, 0);

    if (metrics != NULL && has_process(metrics)) {
        supervise_kill(metrics); /* comes back when it is reaped, if it is wanted still */
        return;
    }
    if (d->settings->metrics.address_count == 0) {
        if (metrics != NULL)
            supervise_remove(metrics);
        return;
    }
    if (metrics == NULL)
        metrics = supervise_add(d, ROLE_METRICS, 0);
    if (metrics != NULL)
        loop_timer_start(metrics->timer, 0);
}

static void
start_outbound(struct role *outbound)
{
    if (!supervise_spawn(outbound, identity_of(outbound)))
        return;
    send_settings(outbound);
    for (struct role *r = outbound->daemon->roles; r != NULL; r = r->next) {
        if (r->kind == ROLE_EDGE || (r->kind == ROLE_STORE && r->state != ROLE_LEAVING))
            connect_outbound(r);
    }
    send_go(outbound);
}

/* One that runs keeps its sessions and gets the new settings; one that nobody needs any more stays
 * for those that began before. */
void
roles_renew_outbound(struct daemon *d)
{
    struct role *outbound = supervise_find(d, ROLE_OUTBOUND, 0);

    if (has_process(outbound)) {
        send_settings(outbound);
        return;
    }
    if (!wants_outbound(d)) {
        if (outbound != NULL)
            supervise_remove(outbound);
        return;
    }
    if (outbound == NULL)
        outbound = supervise_add(d, ROLE_OUTBOUND, 0);
    if (outbound != NULL)
        start_outbound(outbound);
}

void
roles_start(struct role *r)
{
    switch (r->kind) {
    case ROLE_EDGE:
        start_edge(r);
        break;
    case ROLE_STORE:
        start_store(r);
        break;
    case ROLE_SORTER:
    case ROLE_AUTH:
    case ROLE_RELAY:
    case ROLE_RUNNER:
        start_helper(r);
        break;
    case ROLE_METRICS:
        start_metrics(r);
        break;
    case ROLE_OUTBOUND:
        start_outbound(r);
        break;
    case ROLE_HAND:
        break; /* never again: the store asks for another one */
    }
}

void
roles_add_edges(struct daemon *d)
{
    uint32_t slot = 0;

    for (uint64_t i = 0; i < d->settings->edges; i++) {
        while (supervise_find(d, ROLE_EDGE, slot) != NULL)
            slot++;
        struct role *edge = supervise_add(d, ROLE_EDGE, slot);

        if (edge != NULL)
            start_edge(edge);
    }
}

/* --- what roles say --- */

static void
on_ready(struct role *r)
{
    if (r->state != ROLE_STARTING)
        return;
    supervise_step(r, ROLE_SERVING);
    if (r->kind == ROLE_STORE || r->kind == ROLE_OUTBOUND)
        open_edges(r->daemon);
    daemon_check_ready(r->daemon);
}

static struct role *
role_in_slot(struct daemon *d, enum role_kind kind, struct span body)
{
    struct role *r;
    struct unpack u;
    uint32_t slot;

    unpack_init(&u, body);
    slot = unpack_u32(&u);
    r = unpack_done(&u) ? supervise_find(d, kind, slot) : NULL;
    return has_process(r) ? r : NULL;
}

/* The store can do without it. It may be ending already, and the store heard of it first:
 * role_ended tells. */
static void
on_dismissed(struct role *r)
{
    if (r != NULL)
        supervise_dismiss(r);
}

void
roles_on_frame(struct role *r, const struct door_frame *frame)
{
    bool is_store = r->kind == ROLE_STORE;

    if (frame->fd >= 0)
        close(frame->fd); /* nobody sends main a descriptor */
    if (frame->type == ROLE_READY) {
        on_ready(r);
    } else if (frame->type == STORE_WANT_HAND && is_store) {
        hands_open(r, frame);
    } else if (frame->type == STORE_KILL_SORTER && is_store) {
        on_dismissed(role_in_slot(r->daemon, ROLE_SORTER, frame->body));
    } else if (frame->type == STORE_KILL_AUTH && is_store) {
        on_dismissed(role_in_slot(r->daemon, ROLE_AUTH, frame->body));
    } else if (frame->type == STORE_KILL_RUNNER && is_store) {
        on_dismissed(role_in_slot(r->daemon, ROLE_RUNNER, frame->body));
    } else if (frame->type == STORE_KILL_EDGE && is_store) {
        on_dismissed(role_in_slot(r->daemon, ROLE_EDGE, frame->body));
    } else if (frame->type == STORE_KILL_OUTBOUND && is_store) {
        on_dismissed(role_in_slot(r->daemon, ROLE_OUTBOUND, frame->body));
    } else if (frame->type == STORE_KILL_RELAY && is_store) {
        on_dismissed(role_in_slot(r->daemon, ROLE_RELAY, frame->body));
    } else {
        log_event(LOG_LEVEL_ERROR, "door_broken", "role", supervise_name(r->kind), "pid",
                  log_num(r->pid), "frame", log_num(frame->type), NULL);
        supervise_kill(r);
        r->is_sacked = false; /* its own fault */
    }
}

/* --- what follows from an end --- */

/* Whether the place goes with its process: another one would not be wanted. */
static bool
is_over(const struct role *r)
{
    const struct daemon *d = r->daemon;

    if (d->phase == DAEMON_ENDING || r->kind == ROLE_HAND)
        return true;
    if (r->kind == ROLE_STORE)
        return d->phase == DAEMON_DRAINING_STORE;
    if (r->kind == ROLE_METRICS)
        return d->settings->metrics.address_count == 0;
    if (r->kind == ROLE_OUTBOUND) /* needed to the end of all sessions */
        return !wants_outbound(d);
    if (r->kind == ROLE_SORTER) /* still needed while a store drains */
        return r->slot >= d->settings->sorters;
    if (r->kind == ROLE_RUNNER)
        return r->slot >= runner_count(d);
    if (r->kind == ROLE_AUTH)
        return !needs_auth(d);
    if (r->kind == ROLE_RELAY)
        return !wants_relay(d);
    return daemon_is_ending(d) || r->state == ROLE_LEAVING || r->generation != d->generation;
}

/* A daemon that never was ready and whose roles keep ending would turn in a circle for ever. */
static bool
gives_up(struct daemon *d, const struct role *r, bool is_clean)
{
    if (d->phase != DAEMON_STARTING || is_clean || r->kind == ROLE_HAND || r->kind == ROLE_METRICS)
        return false;
    return ++d->failed_starts >= FAILED_STARTS_MAX;
}

/* A helper whose store has closed the door: the next store's start brings it back. */
static bool
waits_for_store(const struct role *r, bool is_clean)
{
    const struct role *store = roles_store(r->daemon);

    return is_helper(r->kind) && is_clean && (!has_process(store) || store->state == ROLE_LEAVING);
}

void
roles_on_ended(struct role *r, bool is_clean)
{
    struct daemon *d = r->daemon;
    bool is_replaced = r->kind == ROLE_STORE && r->state == ROLE_LEAVING;

    if (is_over(r)) {
        supervise_remove(r);
        drain_continue(d);
    } else if (gives_up(d, r, is_clean)) {
        daemon_fail(d, r->exit_code != 0 ? r->exit_code : EX_SOFTWARE);
    } else if (waits_for_store(r, is_clean)) {
        supervise_step(r, ROLE_WAITING);
    } else if (is_replaced) {
        loop_timer_stop(d->deadline);
        supervise_step(r, ROLE_WAITING);
        roles_start(r);
    } else {
        supervise_restart(r, is_clean);
    }
}
