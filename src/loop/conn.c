/* SPDX-License-Identifier: MIT
 *
 * A stream connection: bytes in, bytes out, one timer, one way out. Output gathers during a
 * turn of the loop and leaves in one send(2); input is read into one buffer that all
 * connections share, at most LOOP_READ_MAX octets a turn. An idle connection holds this
 * struct and nothing else, and OpenSSL's state under TLS (conn_tls.c).
 *
 *        conn_new()
 *           |
 *         OPEN --conn_close(flush)--> FLUSHING --all sent--> LINGERING
 *           |                            |                       |
 *           '--conn_close(), error-------+-- error, 5 s ---------+-- peer's end, error, 5 s
 *                                        v                       v
 *                                      CLOSED --last handle gone--> on_closed(), memory freed
 *
 * OPEN       handlers are called.
 * FLUSHING   queued output is being sent; what arrives is thrown away.
 * LINGERING  our side is shut down, the peer's is not: closing with unread input would make the
 *            kernel send a reset, which destroys our last reply on its way.
 * CLOSED     the descriptor is closed, libuv's handles are going.
 */
#include "doorstep/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn_priv.h"

#define CONN_FAREWELL_MS 5000 /* for FLUSHING and LINGERING together */

static void on_poll(uv_poll_t *poll, int status, int events);

struct conn *
conn_next(const struct conn *c)
{
    return TAILQ_NEXT(c, all);
}

/* --- state --- */

static void
conn_step(struct conn *c, enum conn_state to)
{
    static const unsigned next[] = {
        [CONN_OPEN] = 1u << CONN_FLUSHING | 1u << CONN_CLOSED,
        [CONN_FLUSHING] = 1u << CONN_LINGERING | 1u << CONN_CLOSED,
        [CONN_LINGERING] = 1u << CONN_CLOSED,
        [CONN_CLOSED] = 0,
    };

    assert((next[c->state] & 1u << to) != 0);
    (void)next;
    c->state = to;
}

static void
on_handle_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;

    if (--c->open_handles > 0)
        return;
    TAILQ_REMOVE(&c->loop->conns, c, all);
    c->handlers->on_closed(c->arg, c->reason);
    conn_tls_free(c->tls);
    free(c);
}

static void
conn_finish(struct conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    conn_step(c, CONN_CLOSED);
    loop_chore_cancel(c->loop, &c->flush);
    buf_release(&c->output);
    uv_close((uv_handle_t *)&c->poll, on_handle_closed); /* forgets fd before we close it */
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
    close(c->fd);
}

static void
conn_fail(struct conn *c, const char *reason)
{
    if (c->state == CONN_OPEN)
        c->reason = reason;
    conn_finish(c);
}

/* Tell libuv what we wait for, only when that changes: each change costs two epoll_ctl(2). */
static void
conn_watch(struct conn *c, bool for_write)
{
    int wanted = for_write ? UV_WRITABLE : 0;

    if (!c->has_ended && (c->state != CONN_OPEN || c->is_reading))
        wanted |= UV_READABLE;
    if (wanted == c->watched)
        return;
    c->watched = wanted;
    if (uv_poll_start(&c->poll, wanted, on_poll) != 0)
        conn_fail(c, "watch error");
}

/* --- output --- */

/* Sends what the socket takes; false when it is broken. */
static bool
conn_send(struct conn *c)
{
    while (c->output.len > 0) {
        ssize_t n = send(c->fd, c->output.data, c->output.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        buf_consume(&c->output, (size_t)n);
    }
    if (c->output.size > CONN_OUTPUT_KEEP)
        buf_release(&c->output);
    return true;
}

static void
conn_linger(struct conn *c)
{
    conn_step(c, CONN_LINGERING);
    if (c->has_ended || shutdown(c->fd, SHUT_WR) != 0)
        conn_finish(c);
    else
        conn_watch(c, false);
}

static void
conn_flush(void *conn)
{
    struct conn *c = conn;

    if (c->tls != NULL && !conn_tls_seal(c, c->state == CONN_FLUSHING)) {
        conn_fail(c, "output overflow");
        return;
    }
    if (!conn_send(c)) {
        conn_fail(c, "write error");
        return;
    }
    if (c->state == CONN_FLUSHING && c->output.len == 0) {
        conn_linger(c);
        return;
    }
    conn_watch(c, c->output.len > 0);
    if (c->state == CONN_OPEN && c->was_full && c->output.len < c->limits.output_high / 2) {
        c->was_full = false;
        c->handlers->on_writable(c->arg);
    }
}

void
conn_forget_input(struct conn *c)
{
    /* Under TLS the read buffer holds no secret, but perhaps the records that come next. */
    if (c->tls != NULL)
        explicit_bzero(c->loop->plain_buffer, sizeof(c->loop->plain_buffer));
    else
        explicit_bzero(c->loop->read_buffer, c->loop->read_length);
}

static size_t
conn_unsent(const struct conn *c)
{
    return c->output.len + (c->tls != NULL ? conn_tls_waiting(c) : 0);
}

bool
conn_write(struct conn *c, struct span bytes)
{
    if (c->state != CONN_OPEN)
        return false;
    if (c->tls != NULL ? !conn_tls_put(c, bytes) : !buf_append_span(&c->output, bytes)) {
        conn_close(c, false, "output overflow");
        return false;
    }
    loop_chore_add(c->loop, &c->flush);
    if (conn_unsent(c) < c->limits.output_high)
        return true;
    c->was_full = true;
    return false;
}

/* --- input --- */

/* A peer that shuts its side down may still read what we have to say. */
void
conn_end_of_input(struct conn *c)
{
    c->has_ended = true;
    if (c->state == CONN_OPEN && c->handlers->on_end != NULL && c->handlers->on_end(c->arg))
        conn_watch(c, c->output.len > 0);
    else if (conn_unsent(c) == 0 || c->state == CONN_LINGERING)
        conn_fail(c, "peer closed");
    else if (c->state == CONN_OPEN)
        conn_close(c, true, "peer closed");
    else
        conn_watch(c, true);
}

void
conn_take(struct conn *c, struct span bytes)
{
    if (c->state == CONN_OPEN && c->tls != NULL)
        conn_tls_take(c, bytes);
    else if (c->state == CONN_OPEN)
        c->handlers->on_bytes(c->arg, bytes);
}

static void
conn_read(struct conn *c)
{
    ssize_t n = recv(c->fd, c->loop->read_buffer, c->read_max, 0);
    c->loop->read_length = n > 0 ? (size_t)n : 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        conn_fail(c, "read error");
    else if (n == 0)
        conn_end_of_input(c);
    else
        conn_take(c, (struct span){c->loop->read_buffer, (size_t)n});
}

/* An error of the socket (status < 0, libuv has stopped the handle) shows in recv() or send(). */
static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *c = poll->data;

    if (status < 0) {
        conn_fail(c, "connection error");
        return;
    }
    if ((events & UV_WRITABLE) != 0)
        conn_flush(c);
    if ((events & UV_READABLE) == 0 || (c->watched & UV_READABLE) == 0 || c->state == CONN_CLOSED)
        return;
    if (c->tls == NULL || !conn_tls_must_wait(c))
        conn_read(c);
}

void
conn_read_at_most(struct conn *c, size_t n)
{
    c->read_max = n < sizeof(c->loop->read_buffer) ? n : sizeof(c->loop->read_buffer);
}

void
conn_read_pause(struct conn *c)
{
    c->is_reading = false;
    if (c->state == CONN_OPEN)
        conn_watch(c, (c->watched & UV_WRITABLE) != 0);
}

void
conn_read_resume(struct conn *c)
{
    c->is_reading = true;
    if (c->state == CONN_OPEN)
        conn_watch(c, (c->watched & UV_WRITABLE) != 0);
}

/* --- time --- */

/* A command moves the deadline of its connection; the timer is left alone and looks at the
 * deadline when it runs out, which spares the heap of timers a move per command. */
static void
on_timer(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    uint64_t now = uv_now(&c->loop->uv);

    if (c->deadline == 0)
        return;
    if (c->deadline > now) {
        uv_timer_start(timer, on_timer, c->deadline - now, 0);
        return;
    }
    c->deadline = 0;
    if (c->state == CONN_OPEN)
        c->handlers->on_timeout(c->arg);
    else
        conn_finish(c);
}

static void
conn_set_deadline(struct conn *c, uint64_t ms)
{
    c->deadline = ms == 0 ? 0 : uv_now(&c->loop->uv) + ms;
    if (ms == 0)
        return;
    if (!uv_is_active((uv_handle_t *)&c->timer) || uv_timer_get_due_in(&c->timer) > ms)
        uv_timer_start(&c->timer, on_timer, ms, 0);
}

/* A farewell has its own deadline, which no late caller may move. */
void
conn_set_timeout(struct conn *c, uint64_t ms)
{
    if (c->state == CONN_OPEN)
        conn_set_deadline(c, ms);
}

/* --- begin and end --- */

struct conn *
conn_new(struct loop *l, int fd, const struct conn_limits *limits,
         const struct conn_handlers *handlers, void *arg)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL || uv_poll_init(&l->uv, &c->poll, fd) != 0) {
        free(c);
        close(fd);
        return NULL;
    }
    uv_timer_init(&l->uv, &c->timer);
    c->poll.data = c->timer.data = c;
    c->open_handles = 2;
    c->loop = l;
    c->fd = fd;
    c->limits = *limits;
    c->read_max = sizeof(l->read_buffer);
    c->handlers = handlers;
    c->arg = arg;
    loop_chore_init(&c->flush, conn_flush, c);
    buf_init(&c->output, limits->output_max);
    TAILQ_INSERT_TAIL(&l->conns, c, all);
    return c;
}

void
conn_close(struct conn *c, bool flush, const char *reason)
{
    if (c->state == CONN_OPEN)
        c->reason = reason;
    if (!flush) {
        conn_finish(c);
        return;
    }
    if (c->state != CONN_OPEN)
        return;
    conn_step(c, CONN_FLUSHING);
    conn_set_deadline(c, CONN_FAREWELL_MS);
    conn_watch(c, (c->watched & UV_WRITABLE) != 0);
    if (c->state != CONN_CLOSED)
        loop_chore_add(c->loop, &c->flush);
}
