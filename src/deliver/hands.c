/* SPDX-License-Identifier: MIT
 *
 * Asking main for hands: see hands_priv.h. A request is shared by the asking thread and the
 * loop's: two references, an atomic state.
 */
#include "hands_priv.h"

#include <stdatomic.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

struct hand_request {
    struct hand_request *next, *prev; /* loop's thread */
    struct hands *hands;
    uint64_t id;
    uint32_t uid, gid;
    char user[ACCOUNT_USER_SIZE];
    char home[ACCOUNT_HOME_SIZE];
    _Atomic int state;
    _Atomic int fd;
    _Atomic int references;
};

struct hands {
    struct loop *loop;
    hands_send_fn send;
    void *arg;
    uint64_t next_id;
    struct hand_request *asked; /* sent to main, no answer yet */
};

static void
unref(struct hand_request *r)
{
    if (atomic_fetch_sub(&r->references, 1) > 1)
        return;
    int fd = atomic_load(&r->fd);
    if (fd >= 0)
        close(fd);
    free(r);
}

static void
settle(struct hand_request *r, int fd)
{
    atomic_store(&r->fd, fd);
    atomic_store(&r->state, fd < 0 ? HAND_REFUSED : HAND_THERE);
    unref(r);
}

static void
send_request(void *arg)
{
    struct hand_request *r = arg;
    struct hands *h = r->hands;
    struct buf body;
    struct pack p;

    r->id = ++h->next_id;
    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u32(&p, r->uid);
    pack_u32(&p, r->gid);
    pack_str(&p, r->user);
    pack_str(&p, r->home);
    if (!p.full && h->send(h->arg, r->id, buf_span(&body)))
        DL_APPEND(h->asked, r);
    else
        settle(r, -1);
    buf_release(&body);
}

struct hand_request *
hands_ask(struct hands *h, const struct account *a)
{
    struct hand_request *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->hands = h;
    r->uid = a->uid;
    r->gid = a->gid;
    memcpy(r->user, a->user, sizeof r->user);
    memcpy(r->home, a->home, sizeof r->home);
    atomic_store(&r->fd, -1);
    atomic_store(&r->references, 2);
    if (!loop_post(h->loop, send_request, r)) {
        free(r);
        return NULL;
    }
    return r;
}

enum hand_state
hand_request_state(const struct hand_request *r)
{
    return (enum hand_state)atomic_load(&r->state);
}

int
hand_request_take(struct hand_request *r)
{
    return atomic_exchange(&r->fd, -1);
}

void
hand_request_free(struct hand_request *r)
{
    if (r != NULL)
        unref(r);
}

void
hands_answer(struct hands *h, uint64_t id, int fd)
{
    struct hand_request *r;

    DL_SEARCH_SCALAR(h->asked, r, id, id);
    if (r == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    DL_DELETE(h->asked, r);
    settle(r, fd);
}

struct hands *
hands_new(struct loop *loop, hands_send_fn send, void *arg)
{
    struct hands *h = calloc(1, sizeof *h);

    if (h != NULL)
        *h = (struct hands){.loop = loop, .send = send, .arg = arg};
    return h;
}

void
hands_free(struct hands *h)
{
    struct hand_request *r, *next;

    if (h == NULL)
        return;
    DL_FOREACH_SAFE(h->asked, r, next)
    {
        DL_DELETE(h->asked, r);
        settle(r, -1);
    }
    free(h);
}
