/* SPDX-License-Identifier: MIT
 *
 * The doors of the edges: frames in, each checked as if it came from the network. An edge that says
 * what no edge says is dropped, and main starts another.
 */
#include "deliver_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#include "script_sessions_priv.h"

#define FRAMES_A_TURN 64 /* and the packet they end in; then others have their turn */

static void
edge_free(struct edge *e)
{
    DL_DELETE(e->deliver->edges, e);
    free(e);
}

void
edge_unref(struct edge *e)
{
    if (--e->references == 0 && e->door == NULL)
        edge_free(e);
}

/* What it was sending is forgotten; what was accepted goes on, unanswered. */
static void
drop_edge(struct edge *e, const char *reason)
{
    if (e->door == NULL)
        return;
    e->references++;
    log_event(LOG_LEVEL_INFO, "edge_gone", "slot", log_num(e->slot), "reason", reason, NULL);
    loop_chore_cancel(e->deliver->loop, &e->flush);
    loop_watch_free(e->watch);
    door_free(e->door);
    e->watch = NULL;
    e->door = NULL;
    transactions_abort_all(e);
    logins_abort_all(e->deliver->logins, e);
    script_sessions_close_all(e);
    edge_unref(e);
}

/* One that broke the rules: without a door it could never serve again, so main replaces it. */
static void
dismiss_edge(struct edge *e, const char *reason)
{
    if (e->door == NULL)
        return;
    deliver_kill_edge(e->deliver, e->slot);
    drop_edge(e, reason);
}

static void
update_watch(struct edge *e)
{
    unsigned events = LOOP_READ;

    if (door_queued(e->door) > 0)
        events |= LOOP_WRITE;
    loop_watch_set(e->watch, events);
}

/* The answers of one turn travel together. May free the edge. */
static void
flush(void *arg)
{
    struct edge *e = arg;
    struct deliver *d = e->deliver;

    if (door_flush(e->door) == DOOR_CLOSED)
        drop_edge(e, "it reads no more");
    else
        update_watch(e);
    deliver_end_when_drained(d);
}

void
edge_send(struct edge *e, uint16_t type, uint64_t id, struct span body)
{
    if (e->door == NULL)
        return;
    if (door_put(e->door, type, id, body))
        loop_chore_add(e->deliver->loop, &e->flush);
    else
        dismiss_edge(e, "it does not read its answers"); /* the caller holds a reference */
}

static bool
take_frame(struct edge *e, const struct door_frame *f)
{
    if (f->fd != -1) {
        close(f->fd);
        return false;
    }
    switch (f->type) {
    case EDGE_RCPT:
        return rcpt_ask(e, f->id, f->body);
    case EDGE_ALIAS:
        return alias_ask(e, f->id, f->body);
    case EDGE_DATA_BEGIN:
        return transaction_begin(e, f->id, f->body);
    case EDGE_DATA:
        return transaction_data(e, f->id, f->body);
    case EDGE_ENVELOPE:
        return transaction_envelope(e, f->id, f->body);
    case EDGE_DATA_END:
        return transaction_end(e, f->id, f->body);
    case EDGE_DATA_ABORT:
        return transaction_abort(e, f->id);
    case EDGE_AUTH_BEGIN:
        return logins_begin(e->deliver->logins, e, f->id, f->body, false);
    case EDGE_AUTH_STEP:
        return logins_step(e->deliver->logins, e, f->id, f->body);
    case EDGE_AUTH_ABORT:
        return logins_abort(e->deliver->logins, e, f->id);
    case EDGE_SCRIPT_LOGIN:
        return logins_begin(e->deliver->logins, e, f->id, f->body, true);
    case EDGE_SCRIPT_ASK:
        return script_session_ask(e, f->id, f->body);
    case EDGE_SCRIPT_LOGOUT:
        script_session_close(e, f->id);
        return logins_abort(e->deliver->logins, e, f->id);
    }
    return false;
}

static bool
is_secret(const struct door_frame *f)
{
    return f->type == EDGE_AUTH_BEGIN || f->type == EDGE_AUTH_STEP || f->type == EDGE_SCRIPT_LOGIN;
}

static void
read_frames(struct edge *e)
{
    struct door_frame f;

    for (unsigned n = 0; e->door != NULL && (n < FRAMES_A_TURN || door_holds(e->door)); n++) {
        enum door_result got = door_receive(e->door, &f);
        if (got == DOOR_AGAIN)
            return;
        if (got == DOOR_CLOSED) {
            drop_edge(e, "it ended");
            return;
        }
        if (got != DOOR_OK) {
            dismiss_edge(e, "broken frame");
            return;
        }
        if (!take_frame(e, &f)) {
            log_event(LOG_LEVEL_ERROR, "edge_broken", "slot", log_num(e->slot), "type",
                      log_num(f.type), NULL);
            dismiss_edge(e, "it said what no edge says");
            return;
        }
        if (is_secret(&f) && e->door != NULL)
            door_forget(e->door);
    }
}

static void
on_door(void *arg, unsigned events)
{
    struct edge *e = arg;

    e->references++; /* an answer that cannot be sent drops it while its frames are read */
    if ((events & LOOP_WRITE) != 0)
        flush(e);
    if ((events & LOOP_READ) != 0)
        read_frames(e);
    edge_unref(e);
}

static void
tell_disk(struct edge *e)
{
    char is_full = (char)disk_is_full(e->deliver->disk);

    e->references++; /* one that does not read is dropped */
    edge_send(e, STORE_DISK, 0, (struct span){&is_full, 1});
    edge_unref(e);
}

void
edge_add(struct deliver *d, uint32_t slot, int door_fd)
{
    struct edge *e = calloc(1, sizeof *e);

    if (e == NULL) {
        close(door_fd);
        return;
    }
    *e = (struct edge){.deliver = d, .slot = slot, .door = door_new(door_fd, EDGE_QUEUE_MAX)};
    loop_chore_init(&e->flush, flush, e);
    if (e->door != NULL)
        e->watch = loop_watch_new(d->loop, door_fd, d->is_serving ? LOOP_READ : 0, on_door, e);
    if (e->watch == NULL) {
        door_free(e->door);
        free(e);
        log_event(LOG_LEVEL_ERROR, "edge_not_added", "slot", log_num(slot), NULL);
        return;
    }
    DL_APPEND(d->edges, e);
    if (d->disk != NULL && disk_is_full(d->disk))
        tell_disk(e);
}

void
edges_serve(struct deliver *d)
{
    for (struct edge *e = d->edges; e != NULL; e = e->next)
        if (e->watch != NULL)
            loop_watch_set(e->watch, LOOP_READ);
}

void
edges_tell_disk(struct deliver *d)
{
    for (struct edge *e = d->edges, *next; e != NULL; e = next) {
        next = e->next;
        tell_disk(e);
    }
}

bool
edges_have_unsent(const struct deliver *d)
{
    for (const struct edge *e = d->edges; e != NULL; e = e->next)
        if (e->door != NULL && door_queued(e->door) > 0)
            return true;
    return false;
}

void
edges_free(struct deliver *d)
{
    struct edge *e, *next;

    DL_FOREACH_SAFE(d->edges, e, next)
    {
        drop_edge(e, "the store ends");
    }
}
