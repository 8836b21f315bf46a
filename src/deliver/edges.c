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

static void
edge_free(struct edge *e)
{
    DL_DELETE(e->deliver->edges, e);
    free(e);
}

bool
edge_is_here(const struct edge *e)
{
    return e->keeper.door != NULL;
}

void
edge_unref(struct edge *e)
{
    if (--e->references == 0 && !edge_is_here(e))
        edge_free(e);
}

/* Its door is closed. What it was sending is forgotten; what was accepted goes on, unanswered. */
static void
forget_edge(struct edge *e, const char *reason)
{
    e->references++;
    log_event(LOG_LEVEL_INFO, "edge_gone", "slot", log_num(e->slot), "reason", reason, NULL);
    transactions_abort_all(e);
    logins_abort_all(e->deliver->logins, e);
    script_sessions_close_all(e);
    edge_unref(e);
}

/* One that broke the rules: without a door it could never serve again, so main replaces it. */
static void
dismiss_edge(struct edge *e, const char *reason)
{
    door_keeper_close(&e->keeper);
    deliver_kill_edge(e->deliver, e->slot);
    forget_edge(e, reason);
}

void
edge_send(struct edge *e, uint16_t type, uint64_t id, struct span body)
{
    if (edge_is_here(e) && !door_keeper_put(&e->keeper, type, id, body))
        dismiss_edge(e, "it does not read its answers"); /* the caller holds a reference */
}

static bool
take_frame(struct edge *e, const struct door_frame *f)
{
    if (f->fd >= 0)
        return false;
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

static bool
take(void *arg, struct door_frame *f)
{
    struct edge *e = arg;

    e->references++; /* an answer that cannot be sent drops it */
    bool is_good = take_frame(e, f);
    if (is_secret(f) && edge_is_here(e))
        door_forget(e->keeper.door);
    edge_unref(e);
    return is_good;
}

static void
on_lost(void *arg, enum door_result how)
{
    struct edge *e = arg;
    struct deliver *d = e->deliver;

    if (how == DOOR_CLOSED) {
        forget_edge(e, "it ended");
    } else {
        log_event(LOG_LEVEL_ERROR, "edge_broken", "slot", log_num(e->slot), NULL);
        dismiss_edge(e, "it said what no edge says");
    }
    deliver_end_when_drained(d);
}

static void
on_sent(void *arg)
{
    struct edge *e = arg;

    deliver_end_when_drained(e->deliver);
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
    static const struct door_keeper_calls calls = {.take = take, .lost = on_lost, .sent = on_sent};
    struct edge *e = calloc(1, sizeof *e);

    if (e == NULL) {
        close(door_fd);
        return;
    }
    *e = (struct edge){.deliver = d, .slot = slot};
    e->keeper = (struct door_keeper){
        .loop = d->loop, .calls = &calls, .arg = e, .is_paused = !d->is_serving};
    if (!door_keeper_open(&e->keeper, door_new(door_fd, EDGE_QUEUE_MAX))) {
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
        door_keeper_resume(&e->keeper);
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
        if (edge_is_here(e) && door_queued(e->keeper.door) > 0)
            return true;
    return false;
}

void
edges_free(struct deliver *d)
{
    struct edge *e, *next;

    DL_FOREACH_SAFE(d->edges, e, next)
    {
        if (edge_is_here(e)) {
            door_keeper_close(&e->keeper);
            forget_edge(e, "the store ends");
        }
    }
}
