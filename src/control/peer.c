/* SPDX-License-Identifier: MIT
 *
 * A connection of the control socket: lines in, one request at a time, replies out. Answers come
 * back through request.c. Every wait has a timer, every buffer a maximum.
 */
#include "server_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

enum {
    IDLE_MS = 10 * 60 * 1000,   /* between requests; a person may think */
    LINE_MS = 30 * 1000,        /* from the first octet of a request to its newline */
    UNREAD_MS = 10 * 60 * 1000, /* a client that reads no more: a pager may stand behind it */
};

#define UNSENT_MAX ((size_t)64 << 20)
#define INPUT_MAX (2 * CONTROL_REQUEST_MAX) /* a whole request, and what was read along with it */

void
control_peer_close(struct control_peer *p, bool flush, const char *reason)
{
    p->closing = true;
    conn_close(p->conn, flush, reason);
}

bool
control_peer_write(struct control_peer *p, struct span line)
{
    if (p->closing)
        return true;
    if (!conn_write(p->conn, line) && !p->full) {
        p->full = true;
        conn_set_timeout(p->conn, UNREAD_MS);
    }
    return !p->full;
}

void
control_peer_write_error(struct control_peer *p, const struct outcome *why)
{
    struct buf line;

    buf_init(&line, CONTROL_REPLY_MAX);
    if (control_print_error(&line, outcome_code(why), outcome_enhanced(why), outcome_text(why),
                            why->cause))
        control_peer_write(p, buf_span(&line));
    else
        control_peer_close(p, false, "no memory for a reply");
    buf_release(&line);
}

static void
peer_refuse_long_request(struct control_peer *p)
{
    struct outcome why;

    outcome_set(&why, OUTCOME_BAD_REQUEST, NULL);
    outcome_say(&why, "the request is longer than %zu octets", CONTROL_REQUEST_MAX);
    control_peer_write_error(p, &why);
    control_peer_close(p, true, "request too long");
}

static void
peer_run(struct control_peer *p, struct span line)
{
    struct control_call call;
    struct outcome why;

    if (!control_call_parse(line, &call, &why)) {
        control_peer_write_error(p, &why);
        return;
    }
    struct control_request *r = control_request_new(p, &call);
    if (r == NULL) {
        control_call_release(&call);
        outcome_set(&why, OUTCOME_OVERLOAD, "no memory for a request");
        control_peer_write_error(p, &why);
        return;
    }
    p->request = r;
    log_event(LOG_LEVEL_DEBUG, "control request", "op", control_op(r), NULL);
    p->control->handle(p->control->handle_arg, r);
}

/* The next whole line, or false. */
static bool
peer_next_line(struct control_peer *p, struct span *line)
{
    size_t unseen = p->in.len - p->scanned;
    const char *newline = unseen > 0 ? memchr(p->in.data + p->scanned, '\n', unseen) : NULL;

    if (newline == NULL) {
        p->scanned = p->in.len;
        return false;
    }
    size_t end = (size_t)(newline - p->in.data);
    *line = (struct span){p->in.data + p->start, end - p->start};
    p->start = p->scanned = end + 1;
    return true;
}

/* What was run is dropped once it is the larger half, so that the rest is moved seldom. */
static void
peer_compact(struct control_peer *p)
{
    if (p->start < p->in.len - p->start)
        return;
    buf_consume(&p->in, p->start);
    p->scanned -= p->start;
    p->start = 0;
}

static bool
peer_is_busy(const struct control_peer *p)
{
    return p->request != NULL || p->full;
}

/* After each turn: which wait is the right one, and whether to read on. Reading goes on beside a
 * request, since only a read tells that the client is gone. */
static void
peer_settle(struct control_peer *p)
{
    size_t waiting = p->in.len - p->start;
    bool pause = peer_is_busy(p) && waiting >= CONTROL_REQUEST_MAX;
    bool half_line = !peer_is_busy(p) && waiting > 0;

    if (pause && !p->paused)
        conn_read_pause(p->conn);
    if (!pause && p->paused)
        conn_read_resume(p->conn);
    p->paused = pause;
    if (p->request != NULL && !p->full)
        conn_set_timeout(p->conn, 0); /* an operation takes as long as it takes */
    else if (!p->full && !(half_line && p->line_timer))
        conn_set_timeout(p->conn, half_line ? LINE_MS : IDLE_MS);
    p->line_timer = half_line;
}

/* A handler that answers at once comes back here through control_done(): that inner call leaves the
 * work to the loop below, so no client can nest them. */
void
control_peer_dispatch(struct control_peer *p)
{
    struct span line;

    if (p->dispatching)
        return;
    p->dispatching = true;
    while (!p->closing && !peer_is_busy(p) && peer_next_line(p, &line)) {
        if (line.n < CONTROL_REQUEST_MAX)
            peer_run(p, line);
        else
            peer_refuse_long_request(p);
    }
    p->dispatching = false;
    if (!p->closing && !peer_is_busy(p) && p->in.len - p->start >= CONTROL_REQUEST_MAX)
        peer_refuse_long_request(p);
    if (p->closing)
        return;
    peer_compact(p);
    peer_settle(p);
}

static void
peer_on_bytes(void *arg, struct span bytes)
{
    struct control_peer *p = arg;

    if (p->closing)
        return;
    if (buf_append_span(&p->in, bytes))
        control_peer_dispatch(p);
    else
        control_peer_close(p, false, "no memory for a request");
}

static void
peer_on_timeout(void *arg)
{
    control_peer_close(arg, false, "timeout");
}

static void
peer_on_writable(void *arg)
{
    struct control_peer *p = arg;

    p->full = false;
    if (p->closing)
        return;
    control_peer_dispatch(p); /* settles the timer, and runs what waited for this */
    if (p->request != NULL)
        control_request_writable(p->request);
}

static void
peer_on_closed(void *arg, const char *reason)
{
    struct control_peer *p = arg;

    log_event(LOG_LEVEL_DEBUG, "control closed", "reason", reason, NULL);
    if (p->request != NULL)
        control_request_lose_peer(p->request);
    if (p->control != NULL) {
        *p->link = p->next;
        if (p->next != NULL)
            p->next->link = p->link;
        p->control->peer_count--;
    }
    buf_release(&p->in);
    free(p);
}

static void
peer_enlist(struct control_peer *p, struct control *c)
{
    p->control = c;
    p->link = &c->peers;
    p->next = c->peers;
    if (p->next != NULL)
        p->next->link = &p->next;
    c->peers = p;
    c->peer_count++;
}

void
control_peer_new(struct control *c, int fd)
{
    static const struct conn_handlers handlers = {
        .on_bytes = peer_on_bytes,
        .on_timeout = peer_on_timeout,
        .on_writable = peer_on_writable,
        .on_closed = peer_on_closed,
    };
    static const struct conn_limits limits = {
        .output_max = UNSENT_MAX,
        .output_high = CONTROL_UNSENT_HIGH,
    };
    struct control_peer *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        close(fd);
        return;
    }
    buf_init(&p->in, INPUT_MAX);
    p->conn = conn_new(c->loop, fd, &limits, &handlers, p); /* takes fd, also when it fails */
    if (p->conn == NULL) {
        free(p);
        return;
    }
    peer_enlist(p, c);
    conn_set_timeout(p->conn, IDLE_MS);
    conn_read_resume(p->conn);
}
