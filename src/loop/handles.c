/* SPDX-License-Identifier: MIT
 *
 * Timers, watched descriptors and signals: thin, so that no caller sees libuv. Each is one
 * allocation that lives until libuv has called its close callback.
 */
#include "doorstep/loop.h"

#include <stdlib.h>

#include "loop_priv.h"

/* --- timers --- */

struct loop_timer {
    struct loop_item item; /* first */
    uv_timer_t uv;
    void (*fn)(void *arg);
    void *arg;
};

static void
on_timer(uv_timer_t *uv)
{
    struct loop_timer *t = uv->data;

    t->fn(t->arg);
}

static void
on_item_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
timer_close(struct loop_item *item)
{
    uv_close((uv_handle_t *)&((struct loop_timer *)item)->uv, on_item_closed);
}

struct loop_timer *
loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = malloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    t->item.close = timer_close;
    t->fn = fn;
    t->arg = arg;
    uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    return t;
}

void
loop_timer_start(struct loop_timer *t, uint64_t ms)
{
    uv_update_time(t->uv.loop); /* "from now", however long this turn has taken already */
    uv_timer_start(&t->uv, on_timer, ms, 0);
}

void
loop_timer_stop(struct loop_timer *t)
{
    uv_timer_stop(&t->uv);
}

void
loop_timer_free(struct loop_timer *t)
{
    if (t != NULL)
        timer_close(&t->item);
}

/* --- watched descriptors --- */

struct loop_watch {
    struct loop_item item; /* first */
    uv_poll_t uv;
    unsigned events; /* asked for */
    void (*fn)(void *arg, unsigned events);
    void *arg;
};

static void
on_poll(uv_poll_t *uv, int status, int events)
{
    struct loop_watch *w = uv->data;
    unsigned seen = 0;

    /* On an error of the descriptor libuv has stopped the handle: the owner finds out by
     * reading or writing. */
    if (status < 0) {
        w->fn(w->arg, LOOP_READ | LOOP_WRITE);
        return;
    }
    if ((events & UV_READABLE) != 0)
        seen |= LOOP_READ;
    if ((events & UV_WRITABLE) != 0)
        seen |= LOOP_WRITE;
    w->fn(w->arg, seen);
}

static void
watch_close(struct loop_item *item)
{
    uv_close((uv_handle_t *)&((struct loop_watch *)item)->uv, on_item_closed);
}

struct loop_watch *
loop_watch_new(struct loop *l, int fd, unsigned events, void (*fn)(void *arg, unsigned events),
               void *arg)
{
    struct loop_watch *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    if (uv_poll_init(&l->uv, &w->uv, fd) != 0) {
        free(w);
        return NULL;
    }
    w->item.close = watch_close;
    w->fn = fn;
    w->arg = arg;
    w->uv.data = w;
    loop_watch_set(w, events);
    return w;
}

void
loop_watch_set(struct loop_watch *w, unsigned events)
{
    int wanted = 0;

    if (w->events == events && (events == 0 || uv_is_active((uv_handle_t *)&w->uv)))
        return;
    w->events = events;
    if ((events & LOOP_READ) != 0)
        wanted |= UV_READABLE;
    if ((events & LOOP_WRITE) != 0)
        wanted |= UV_WRITABLE;
    uv_poll_start(&w->uv, wanted, on_poll); /* 0 stops it */
}

void
loop_watch_free(struct loop_watch *w)
{
    if (w != NULL)
        watch_close(&w->item);
}

/* --- signals --- */

struct loop_signal {
    struct loop_item item; /* first */
    uv_signal_t uv;
    void (*fn)(void *arg, int signum);
    void *arg;
};

static void
on_signal(uv_signal_t *uv, int signum)
{
    struct loop_signal *s = uv->data;

    s->fn(s->arg, signum);
}

static void
signal_close(struct loop_item *item)
{
    uv_close((uv_handle_t *)&((struct loop_signal *)item)->uv, on_item_closed);
}

struct loop_signal *
loop_signal_new(struct loop *l, int signum, void (*fn)(void *arg, int signum), void *arg)
{
    struct loop_signal *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->item.close = signal_close;
    s->fn = fn;
    s->arg = arg;
    if (uv_signal_init(&l->uv, &s->uv) != 0) {
        free(s);
        return NULL;
    }
    s->uv.data = s;
    if (uv_signal_start(&s->uv, on_signal, signum) != 0) {
        signal_close(&s->item);
        return NULL;
    }
    return s;
}

void
loop_signal_free(struct loop_signal *s)
{
    if (s != NULL)
        signal_close(&s->item);
}
