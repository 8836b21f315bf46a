/* SPDX-License-Identifier: MIT
 *
 * The doors of the edges. An edge that says what no edge says loses its door, and with it the
 * filters of its sessions.
 */
#include "outbound_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#define QUEUE_MAX (8u << 20)
#define NAME_SIZE 33

static void
edge_free(struct edge_door *e)
{
    struct edge_door **at = &e->outbound->edges;

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    sessions_free(e);
    door_keeper_close(&e->keeper);
    free(e);
}

void
edge_say_verdict(struct edge_door *e, uint64_t id, uint64_t ticket, bool has_lost,
                 const struct outcome *why)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u64(&p, ticket);
    pack_u8(&p, has_lost);
    outcome_pack(why, &p);
    if (!p.full)
        door_keeper_put(&e->keeper, FILTER_VERDICT, id, buf_span(&body));
    buf_release(&body);
}

/* --- frames --- */

static bool
is_key(const char *key)
{
    return strlen(key) == FILTER_KEY_SIZE - 1 &&
           strspn(key, "0123456789abcdef") == FILTER_KEY_SIZE - 1;
}

static bool
take_event(struct session *s, struct unpack *u)
{
    uint64_t ticket = unpack_u64(u);
    struct filter_event event;
    struct arena arena;
    bool good;

    arena_init(&arena, 4 * DOOR_BODY_MAX);
    good = filter_event_unpack(&event, &arena, u) && unpack_done(u) &&
           chain_event(session_chain(s), ticket, &event);
    arena_release(&arena);
    return good;
}

static bool
take_open(struct edge_door *e, const struct door_frame *f)
{
    char names[FILTER_NAMES_MAX][NAME_SIZE];
    const char *list[FILTER_NAMES_MAX];
    char key[FILTER_KEY_SIZE];
    struct session *s;
    struct unpack u;
    uint32_t count;

    unpack_init(&u, f->body);
    unpack_str(&u, key, sizeof(key));
    count = unpack_u32(&u);
    if (u.broken || count > FILTER_NAMES_MAX || !is_key(key) || session_find(e, f->id) != NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        unpack_str(&u, names[i], sizeof(names[i]));
        list[i] = names[i];
    }
    s = u.broken ? NULL : session_open(e, f->id, key, list, count);
    return s != NULL && take_event(s, &u);
}

static bool
take_handed(struct session *s, const struct door_frame *f)
{
    char name[FILTER_NAME_SIZE];
    struct unpack u;

    unpack_init(&u, f->body);
    unpack_str(&u, name, sizeof(name));
    return unpack_done(&u) && chain_handed(session_chain(s), name);
}

static bool
take_frame(void *arg, struct door_frame *f)
{
    struct edge_door *e = arg;
    struct session *s;
    struct unpack u;

    if (f->fd >= 0)
        return false;
    if (f->type == FILTER_OPEN)
        return take_open(e, f);
    s = session_find(e, f->id);
    if (s == NULL)
        return false;
    unpack_init(&u, f->body);
    switch (f->type) {
    case FILTER_EVENT:
        return take_event(s, &u);
    case FILTER_HANDED:
        return take_handed(s, f);
    case FILTER_ABORT:
        return chain_abort(session_chain(s));
    case FILTER_CLOSE:
        session_close(s);
        return true;
    default:
        return false;
    }
}

static void
on_lost(void *arg, enum door_result how)
{
    if (how == DOOR_BROKEN)
        log_event(LOG_LEVEL_ERROR, "edge_broken", NULL);
    edge_free(arg);
}

void
edges_add(struct outbound *o, int door_fd)
{
    static const struct door_keeper_calls calls = {.take = take_frame, .lost = on_lost};
    struct edge_door *e = calloc(1, sizeof(*e));

    if (e == NULL) {
        close(door_fd);
        return;
    }
    e->outbound = o;
    e->keeper = (struct door_keeper){.loop = o->loop, .calls = &calls, .arg = e};
    if (!door_keeper_open(&e->keeper, door_new(door_fd, QUEUE_MAX))) {
        free(e);
        return;
    }
    e->next = o->edges;
    o->edges = e;
}

void
edges_close(struct outbound *o)
{
    while (o->edges != NULL)
        edge_free(o->edges);
}
