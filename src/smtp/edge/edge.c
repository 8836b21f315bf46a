/* SPDX-License-Identifier: MIT
 *
 * The edge role: what main says (settings, listening sockets, the door to the store, go, retire,
 * drain), and the listeners. It opens nothing itself, and locks itself in before it accepts. Its
 * connections begin in edge_accept.c.
 */
#include "doorstep/smtp.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"
#include "doorstep/log.h"
#include "edge_priv.h"
#include "lookup_conn_priv.h"
#include "manage_conn_priv.h"

#define MAIN_QUEUE_MAX 65536
#define ADDRESS_TEXT_MAX 512
#define FAREWELL_MS 2000 /* for the last replies behind a drain's deadline */

struct edge_listener {
    LIST_ENTRY(edge_listener) link;
    struct edge_role *role;
    const struct settings_listen *listen;
    int fd;                    /* owned until listening */
    struct listener *listener; /* from MAIN_GO on */
};

struct edge_role {
    struct edge edge;
    const struct edge_hooks *hooks;
    struct door_keeper main;
    struct loop_timer *deadline; /* of a drain */
    LIST_HEAD(, edge_listener) listeners;
    bool is_serving; /* MAIN_GO came */
    bool is_ending;  /* retire or drain came: the last connection ends us */
    bool is_stopped; /* the deadline is over */
    int status;
};

static struct edge_role *
role_of(struct edge *e)
{
    return (struct edge_role *)e; /* its first member */
}

static void
end(struct edge_role *r, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    r->status = status;
    loop_stop(r->edge.loop);
}

/* --- listeners --- */

static void
on_accept(void *arg, int fd, const struct sockaddr_storage *peer)
{
    struct edge_listener *l = arg;

    if (settings_listen_takes_mail(l->listen))
        edge_conn_open(&l->role->edge, l->listen, fd, peer);
    else if (l->listen->protocol == LISTEN_MANAGESIEVE)
        manage_conn_open(&l->role->edge, l->listen, fd, peer);
    else
        lookup_conn_open(&l->role->edge, l->listen, fd, peer);
}

static void
close_listeners(struct edge_role *r)
{
    struct edge_listener *l;

    while ((l = LIST_FIRST(&r->listeners)) != NULL) {
        LIST_REMOVE(l, link);
        if (l->listener != NULL)
            listener_free(l->listener);
        else
            close(l->fd);
        free(l);
    }
}

static bool
take_listener(struct edge_role *r, struct door_frame *f)
{
    char text[ADDRESS_TEXT_MAX];
    struct edge_listener *l;
    struct unpack u;
    uint32_t index;

    unpack_init(&u, f->body);
    index = unpack_u32(&u);
    unpack_str(&u, text, sizeof(text));
    if (!unpack_done(&u) || r->edge.settings == NULL || r->is_serving || f->fd < 0 ||
        index >= r->edge.settings->listen_count)
        return false;
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        return false;
    l->role = r;
    l->listen = &r->edge.settings->listens[index];
    l->fd = f->fd;
    f->fd = -1;
    LIST_INSERT_HEAD(&r->listeners, l, link);
    return true;
}

static bool
open_listeners(struct edge_role *r)
{
    struct edge_listener *l;

    LIST_FOREACH(l, &r->listeners, link)
    {
        l->listener = listener_new(r->edge.loop, l->fd, on_accept, l);
        l->fd = -1;
        if (l->listener == NULL)
            return false;
    }
    return true;
}

/* --- what main says --- */

static bool
take_settings(struct edge_role *r, const struct door_frame *f)
{
    if (f->fd < 0 || r->edge.settings != NULL)
        return false;
    r->edge.settings = r->hooks->parse_settings(f->fd);
    return r->edge.settings != NULL;
}

static bool
take_tls(struct edge_role *r, const struct door_frame *f)
{
    return f->fd >= 0 && r->edge.settings != NULL && edge_tls_take(&r->edge, f->fd);
}

static bool
go(struct edge_role *r)
{
    if (r->edge.settings == NULL || r->is_serving)
        return false;
    if (!r->hooks->confine(r->edge.settings)) {
        log_event(LOG_LEVEL_ERROR, "confine", "error", "refused", NULL);
        return false;
    }
    r->is_serving = true;
    r->edge.networks = networks_new(&r->edge.settings->limits, (unsigned)r->edge.settings->edges);
    return r->edge.networks != NULL && open_listeners(r) &&
           door_keeper_send(&r->main, ROLE_READY, 0, SPAN_NONE, -1);
}

/* When nothing is open any more, there is nothing left to do. */
static void
on_empty(struct edge *e)
{
    if (role_of(e)->is_ending)
        end(role_of(e), EXIT_SUCCESS, "all sessions ended");
}

static bool
retire(struct edge_role *r)
{
    r->is_ending = true;
    close_listeners(r);
    if (r->edge.conn_count == 0)
        on_empty(&r->edge);
    return true;
}

static void
on_deadline(void *arg)
{
    struct edge_role *r = arg;

    if (r->is_stopped) {
        end(r, EXIT_SUCCESS, "deadline");
        return;
    }
    r->is_stopped = true;
    loop_timer_start(r->deadline, FAREWELL_MS);
    edge_conns_stop(&r->edge);
    lookup_conns_stop(&r->edge);
    manage_conns_stop(&r->edge);
}

static bool
drain(struct edge_role *r, struct span body)
{
    struct unpack u;
    uint32_t ms;

    unpack_init(&u, body);
    ms = unpack_u32(&u);
    if (!unpack_done(&u))
        return false;
    loop_timer_start(r->deadline, ms);
    edge_conns_drain(&r->edge);
    lookup_conns_drain(&r->edge);
    manage_conns_drain(&r->edge);
    return retire(r);
}

static bool
take_frame(void *arg, struct door_frame *f)
{
    struct edge_role *r = arg;

    switch (f->type) {
    case MAIN_SETTINGS:
        return take_settings(r, f);
    case MAIN_LISTENER:
        return take_listener(r, f);
    case MAIN_STORE_DOOR:
        if (f->fd < 0)
            return false;
        door_store_replace(r->edge.store, f->fd);
        f->fd = -1;
        return true;
    case MAIN_OUTBOUND_DOOR:
        if (f->fd < 0)
            return false;
        filter_link_replace(r->edge.filters, f->fd);
        f->fd = -1;
        return true;
    case MAIN_TLS:
        return take_tls(r, f);
    case MAIN_TICKET_KEYS:
        return r->edge.settings != NULL && edge_tls_take_keys(&r->edge, f->body);
    case MAIN_GO:
        return go(r);
    case MAIN_RETIRE:
        return retire(r);
    case MAIN_DRAIN:
        return drain(r, f->body);
    default:
        return false;
    }
}

static void
on_main_lost(void *arg, enum door_result how)
{
    if (how == DOOR_CLOSED)
        end(arg, EXIT_SUCCESS, "main is gone");
    else
        end(arg, EX_PROTOCOL, "main said what cannot be done");
}

/* --- the role --- */

static bool
role_open(struct edge_role *r, int main_door)
{
    static const struct door_keeper_calls calls = {.take = take_frame, .lost = on_main_lost};

    r->edge.loop = loop_new();
    if (r->edge.loop == NULL)
        return false;
    r->edge.store = door_store_new(r->edge.loop);
    r->edge.filters = filter_link_new(r->edge.loop);
    r->main = (struct door_keeper){.loop = r->edge.loop, .calls = &calls, .arg = r};
    r->deadline = loop_timer_new(r->edge.loop, on_deadline, r);
    r->edge.on_empty = on_empty;
    return door_keeper_open(&r->main, door_new(main_door, MAIN_QUEUE_MAX)) &&
           r->edge.store != NULL && r->edge.filters != NULL && r->deadline != NULL;
}

/* Connections use the store's door until their last call, so it goes behind them, and the loop
 * last. */
static void
role_close(struct edge_role *r)
{
    close_listeners(r);
    r->edge.on_empty = NULL;
    if (r->edge.loop != NULL)
        loop_close_conns(r->edge.loop);
    edge_tls_free(&r->edge);
    buf_release(&r->edge.sieve_extensions);
    buf_release(&r->edge.list_schemes);
    networks_free(r->edge.networks);
    door_store_free(r->edge.store);
    filter_link_free(r->edge.filters);
    loop_timer_free(r->deadline);
    door_keeper_close(&r->main);
    loop_free(r->edge.loop);
}

int
edge_run(int main_door, const struct edge_hooks *hooks)
{
    struct edge_role r = {.hooks = hooks, .status = EX_OSERR};

    /* Ctrl-C and systemd reach the whole process group: main decides when we end, through its door.
     */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    LIST_INIT(&r.edge.conns);
    LIST_INIT(&r.edge.lookups);
    LIST_INIT(&r.edge.managers);
    TAILQ_INIT(&r.edge.handshakes.running);
    TAILQ_INIT(&r.edge.handshakes.waiting);
    LIST_INIT(&r.listeners);
    if (role_open(&r, main_door))
        loop_run(r.edge.loop);
    role_close(&r);
    return r.status;
}
