/* SPDX-License-Identifier: MIT
 *
 * The loop: start, stop, the way in for other threads, and the two moments of a turn at which
 * chores are done: connections and doors send what they gathered. Callers are the edge and the
 * store's dispatcher; what hangs in the loop is in handles.c, conn.c and listener.c.
 */
#include "doorstep/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "loop_priv.h"

struct loop_post_entry {
    STAILQ_ENTRY(loop_post_entry) next;
    void (*fn)(void *arg);
    void *arg;
};

static struct loop_post_list
loop_take_posts(struct loop *l)
{
    struct loop_post_list taken = STAILQ_HEAD_INITIALIZER(taken);

    pthread_mutex_lock(&l->post_lock);
    STAILQ_CONCAT(&taken, &l->posts);
    pthread_mutex_unlock(&l->post_lock);
    return taken;
}

static void
on_wake(uv_async_t *wake)
{
    struct loop *l = wake->data;
    struct loop_post_list posts = loop_take_posts(l);
    struct loop_post_entry *entry;

    while ((entry = STAILQ_FIRST(&posts)) != NULL) {
        STAILQ_REMOVE_HEAD(&posts, next);
        entry->fn(entry->arg);
        free(entry);
    }
}

/* --- chores --- */

void
loop_chore_init(struct loop_chore *c, void (*fn)(void *arg), void *arg)
{
    *c = (struct loop_chore){.fn = fn, .arg = arg};
}

void
loop_chore_add(struct loop *l, struct loop_chore *c)
{
    if (!c->is_due)
        TAILQ_INSERT_TAIL(&l->due, c, due);
    c->is_due = true;
}

void
loop_chore_cancel(struct loop *l, struct loop_chore *c)
{
    if (c->is_due)
        TAILQ_REMOVE(&l->due, c, due);
    c->is_due = false;
}

/* A chore may make others due, and they are done too: replies to what the first one let through. */
static void
run_chores(struct loop *l)
{
    struct loop_chore *c;

    while ((c = TAILQ_FIRST(&l->due)) != NULL) {
        loop_chore_cancel(l, c);
        c->fn(c->arg);
    }
}

static void
on_prepare(uv_prepare_t *prepare)
{
    struct loop *l = prepare->data;

    l->handshake_ns = 0;
    run_chores(l);
}

static void
on_check(uv_check_t *check)
{
    run_chores(check->data);
}

/* The loop's own three handles do not keep loop_run() running. */
static void
loop_own_handles(struct loop *l)
{
    l->wake.data = l->prepare.data = l->check.data = l;
    uv_prepare_init(&l->uv, &l->prepare);
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_init(&l->uv, &l->check);
    uv_check_start(&l->check, on_check);
    uv_unref((uv_handle_t *)&l->wake);
    uv_unref((uv_handle_t *)&l->prepare);
    uv_unref((uv_handle_t *)&l->check);
}

struct loop *
loop_new(void)
{
    struct loop *l = malloc(sizeof(*l));

    if (l == NULL)
        return NULL;
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return NULL;
    }
    if (uv_async_init(&l->uv, &l->wake, on_wake) != 0) {
        uv_loop_close(&l->uv);
        free(l);
        return NULL;
    }
    l->handshake_ns = 0;
    pthread_mutex_init(&l->post_lock, NULL);
    STAILQ_INIT(&l->posts);
    TAILQ_INIT(&l->conns);
    TAILQ_INIT(&l->due);
    loop_own_handles(l);
    return l;
}

void
loop_close_conns(struct loop *l)
{
    struct conn *c, *next;

    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = conn_next(c);
        conn_close(c, false, "loop ended");
    }
    while (!TAILQ_EMPTY(&l->conns))
        uv_run(&l->uv, UV_RUN_NOWAIT);
}

static void
close_item(uv_handle_t *handle, void *arg)
{
    struct loop_item *item = handle->data;

    (void)arg;
    if (!uv_is_closing(handle))
        item->close(item);
}

/* Connections go first: their last callbacks may still free timers and watches. */
void
loop_free(struct loop *l)
{
    struct loop_post_list posts;
    struct loop_post_entry *entry;

    if (l == NULL)
        return;
    loop_close_conns(l);
    posts = loop_take_posts(l);
    while ((entry = STAILQ_FIRST(&posts)) != NULL) {
        STAILQ_REMOVE_HEAD(&posts, next);
        free(entry);
    }
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_walk(&l->uv, close_item, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0) /* a late loop_stop() cuts one run short */
        ;
    if (uv_loop_close(&l->uv) != 0)
        assert(!"a handle outlived its loop");
    pthread_mutex_destroy(&l->post_lock);
    free(l);
}

void
loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

bool
loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_post_entry *entry = malloc(sizeof(*entry));

    if (entry == NULL)
        return false;
    entry->fn = fn;
    entry->arg = arg;
    pthread_mutex_lock(&l->post_lock);
    STAILQ_INSERT_TAIL(&l->posts, entry, next);
    pthread_mutex_unlock(&l->post_lock);
    uv_async_send(&l->wake);
    return true;
}
