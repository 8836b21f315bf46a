/* SPDX-License-Identifier: MIT
 *
 * What a handler holds and calls: an operation, its arguments, and the ways to answer. A request
 * outlives its client; then its rows go nowhere. Called on the loop's thread.
 */
#include "server_priv.h"

#include <stdlib.h>

#include "doorstep/clock.h"

enum { PROGRESS_MS = 100 };

void
control_request_writable(struct control_request *r)
{
    void (*fn)(void *, struct control_request *) = r->writable;

    r->writable = NULL;
    if (fn != NULL)
        fn(r->writable_arg, r);
}

static void
request_on_timer(void *arg)
{
    control_request_writable(arg);
}

struct control_request *
control_request_new(struct control_peer *p, struct control_call *call)
{
    struct control_request *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->timer = loop_timer_new(p->control->loop, request_on_timer, r);
    if (r->timer == NULL) {
        free(r);
        return NULL;
    }
    r->call = *call;
    r->peer = p;
    return r;
}

void
control_request_lose_peer(struct control_request *r)
{
    r->peer = NULL;
    if (r->writable != NULL)
        loop_timer_start(r->timer, 0);
}

const char *
control_op(const struct control_request *r)
{
    return r->call.op;
}

json_t *
control_args(const struct control_request *r)
{
    return r->call.args;
}

bool
control_gone(const struct control_request *r)
{
    return r->peer == NULL || r->peer->closing;
}

/* Send a line (released here) that was printed, or remember that it could not be. */
static bool
request_write(struct control_request *r, struct buf *line, bool printed)
{
    bool room = true;

    if (printed)
        room = control_peer_write(r->peer, buf_span(line));
    else
        r->broken = true;
    buf_release(line);
    return room;
}

bool
control_row(struct control_request *r, json_t *row)
{
    bool room = true;
    struct buf line;

    if (!control_gone(r)) {
        buf_init(&line, CONTROL_REPLY_MAX);
        room = request_write(r, &line, row != NULL && control_print_row(&line, row));
    }
    json_decref(row);
    return room;
}

void
control_progress(struct control_request *r, uint64_t done, uint64_t total)
{
    uint64_t now = clock_ms();
    struct buf line;

    if (control_gone(r) || (r->progress_at != 0 && now - r->progress_at < PROGRESS_MS))
        return;
    r->progress_at = now;
    buf_init(&line, CONTROL_REPLY_MAX);
    request_write(r, &line, control_print_progress(&line, done, total));
}

bool
control_bytes(struct control_request *r, struct span bytes)
{
    bool room = true;

    for (size_t n; bytes.n > 0 && !control_gone(r); bytes = span_skip(bytes, n)) {
        struct buf line;
        n = bytes.n < CONTROL_BYTES_MAX ? bytes.n : CONTROL_BYTES_MAX;
        buf_init(&line, CONTROL_REPLY_MAX);
        bool printed = control_print_bytes(&line, (struct span){bytes.p, n});
        room = request_write(r, &line, printed);
    }
    return room;
}

void
control_when_writable(struct control_request *r, void (*fn)(void *arg, struct control_request *r),
                      void *arg)
{
    r->writable = fn;
    r->writable_arg = arg;
    if (control_gone(r) || !r->peer->full)
        loop_timer_start(r->timer, 0);
}

/* The peer is free for its next request. */
static void
request_end(struct control_request *r)
{
    struct control_peer *p = r->peer;

    loop_timer_free(r->timer);
    control_call_release(&r->call);
    free(r);
    if (p == NULL)
        return;
    p->request = NULL;
    control_peer_dispatch(p);
}

void
control_done(struct control_request *r, json_t *ok)
{
    json_t *object = ok != NULL ? ok : json_object();
    struct outcome why;
    struct buf line;

    if (!control_gone(r) && !r->broken) {
        buf_init(&line, CONTROL_REPLY_MAX);
        bool printed = object != NULL && control_print_ok(&line, object);
        request_write(r, &line, printed);
    }
    if (!control_gone(r) && r->broken) {
        outcome_set(&why, OUTCOME_SYSTEM, "a reply found no memory, or is longer than %zu octets",
                    CONTROL_REPLY_MAX);
        control_peer_write_error(r->peer, &why);
    }
    json_decref(object);
    request_end(r);
}

void
control_fail(struct control_request *r, const struct outcome *why)
{
    if (!control_gone(r))
        control_peer_write_error(r->peer, why);
    request_end(r);
}
