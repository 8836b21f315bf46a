/* SPDX-License-Identifier: MIT
 *
 * A listening socket: accepts a bounded number of connections a turn and hands them over. When
 * descriptors run out it rests for a moment, since epoll would report the waiting peer forever.
 */
#include "doorstep/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "loop_priv.h"

#define LISTENER_ACCEPTS_MAX 64 /* a turn */
#define LISTENER_REST_MS 100

struct listener {
    struct loop_item item; /* first */
    uv_poll_t poll;
    uv_timer_t rest; /* runs while descriptors are short */
    int fd;
    int open_handles; /* memory goes with the last */
    bool is_paused;
    bool is_closing;
    bool was_short; /* logged already */
    void (*on_accept)(void *arg, int fd, const struct sockaddr_storage *peer);
    void *arg;
};

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void
listener_wait(struct listener *ls)
{
    uv_poll_start(&ls->poll, UV_READABLE, on_acceptable);
}

static void
on_rested(uv_timer_t *rest)
{
    struct listener *ls = rest->data;

    if (!ls->is_paused)
        listener_wait(ls);
}

static bool
is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
listener_rest(struct listener *ls, int error)
{
    if (!ls->was_short)
        log_event(LOG_LEVEL_WARNING, "accept", "error", strerror(error), NULL);
    ls->was_short = true;
    uv_poll_stop(&ls->poll);
    uv_timer_start(&ls->rest, on_rested, LISTENER_REST_MS, 0);
}

/* One connection; false when there is none now. */
static bool
listener_accept(struct listener *ls)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    int fd;

    memset(&peer, 0, sizeof(peer));
    fd = accept4(ls->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        ls->was_short = false;
        ls->on_accept(ls->arg, fd, &peer);
        return true;
    }
    if (is_shortage(errno))
        listener_rest(ls, errno);
    /* A peer that is gone again (ECONNABORTED, EPROTO, ...: accept(2)) is no reason to stop. */
    return errno != EAGAIN && !is_shortage(errno) && errno != EBADF && errno != EINVAL;
}

static void
on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct listener *ls = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < LISTENER_ACCEPTS_MAX; i++) {
        if (ls->is_paused || ls->is_closing || !listener_accept(ls))
            return;
    }
}

static void
on_handle_closed(uv_handle_t *handle)
{
    struct listener *ls = handle->data;

    if (--ls->open_handles == 0)
        free(ls);
}

static void
listener_close(struct loop_item *item)
{
    struct listener *ls = (struct listener *)item;

    if (ls->is_closing)
        return;
    ls->is_closing = true;
    uv_close((uv_handle_t *)&ls->poll, on_handle_closed);
    uv_close((uv_handle_t *)&ls->rest, on_handle_closed);
    close(ls->fd);
}

struct listener *
listener_new(struct loop *l, int fd,
             void (*on_accept)(void *arg, int fd, const struct sockaddr_storage *peer), void *arg)
{
    struct listener *ls = calloc(1, sizeof(*ls));

    if (ls == NULL || uv_poll_init(&l->uv, &ls->poll, fd) != 0) {
        free(ls);
        close(fd);
        return NULL;
    }
    uv_timer_init(&l->uv, &ls->rest);
    ls->item.close = listener_close;
    ls->poll.data = ls->rest.data = ls;
    ls->fd = fd;
    ls->open_handles = 2;
    ls->on_accept = on_accept;
    ls->arg = arg;
    listener_wait(ls);
    return ls;
}

void
listener_pause(struct listener *ls)
{
    ls->is_paused = true;
    uv_poll_stop(&ls->poll);
}

void
listener_resume(struct listener *ls)
{
    ls->is_paused = false;
    if (!uv_is_active((uv_handle_t *)&ls->rest))
        listener_wait(ls);
}

void
listener_free(struct listener *ls)
{
    if (ls != NULL)
        listener_close(&ls->item);
}
