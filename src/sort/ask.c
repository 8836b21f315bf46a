/* SPDX-License-Identifier: MIT
 *
 * A sorter's questions to the store. The store has sent other messages meanwhile, whose frames come
 * before the answer: they are held, and served in their turn.
 */
#include "sorter_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

struct held {
    struct held *next;
    uint16_t type;
    int fd;
    uint64_t id;
    size_t n;
    char body[];
};

static void
held_free(struct held *h)
{
    if (h != NULL && h->fd >= 0)
        close(h->fd);
    free(h);
}

static bool
hold(struct sorter *so, const struct door_frame *f)
{
    struct held *h = malloc(sizeof *h + f->body.n);

    if (h == NULL)
        return false;
    *h = (struct held){.type = f->type, .fd = f->fd, .id = f->id, .n = f->body.n};
    if (f->body.n > 0)
        memcpy(h->body, f->body.p, f->body.n);
    LL_APPEND(so->held, h);
    return true;
}

void
sorter_drop_held(struct sorter *so)
{
    struct held *h, *next;

    LL_FOREACH_SAFE(so->held, h, next)
    {
        held_free(h);
    }
    held_free(so->current);
    so->held = so->current = NULL;
}

static enum sorter_result
receive_now(struct sorter *so, struct door_frame *out)
{
    switch (door_await(so->door, -1, out)) {
    case DOOR_OK:
        return SORTER_GOES_ON;
    case DOOR_BROKEN:
        return SORTER_IS_BROKEN;
    case DOOR_AGAIN:
    case DOOR_CLOSED:
        break;
    }
    return SORTER_IS_DONE;
}

/* The facts of all messages that came in one packet leave in one packet. */
enum sorter_result
sorter_receive(struct sorter *so, struct door_frame *out)
{
    struct held *h = so->held;

    held_free(so->current);
    so->current = NULL;
    if (h != NULL) {
        LL_DELETE(so->held, h);
        so->current = h;
        *out = (struct door_frame){h->type, h->id, {h->body, h->n}, h->fd};
        h->fd = -1;
        return SORTER_GOES_ON;
    }
    enum sorter_result result = door_holds(so->door) ? SORTER_GOES_ON : sorter_flush(so);
    return result == SORTER_GOES_ON ? receive_now(so, out) : result;
}

static bool
take_piece(const struct door_frame *f, struct buf *told, bool *more)
{
    struct unpack u;

    unpack_init(&u, f->body);
    *more = unpack_u8(&u) != 0;
    return !u.broken && f->fd < 0 && buf_append_span(told, u.rest);
}

static enum sorter_result
wait_for_answer(struct sorter *so, struct buf *told)
{
    struct door_frame f;
    bool more = true;

    while (more) {
        enum sorter_result result = receive_now(so, &f);
        if (result != SORTER_GOES_ON)
            return result;
        if (f.type == SORT_TOLD && f.id == so->runs_id) {
            if (!take_piece(&f, told, &more))
                return SORTER_IS_BROKEN;
        } else if (!hold(so, &f)) {
            return SORTER_IS_BROKEN;
        }
    }
    return SORTER_GOES_ON;
}

enum sorter_result
sorter_ask(struct sorter *so, uint32_t run, enum sort_question what, struct span question,
           struct buf *answer, uint8_t *verdict)
{
    struct buf frame;
    struct pack p;

    buf_init(&frame, DOOR_BODY_MAX);
    pack_init(&p, &frame);
    pack_u32(&p, run);
    pack_u8(&p, (uint8_t)what);
    bool ok = !p.full && buf_append_span(&frame, question) &&
              door_put(so->door, SORT_ASK, so->runs_id, buf_span(&frame));
    buf_release(&frame);
    enum sorter_result result = ok ? sorter_flush(so) : SORTER_IS_BROKEN;
    if (result == SORTER_GOES_ON)
        result = wait_for_answer(so, answer);
    *verdict = SORT_NOT_NOW;
    if (result == SORTER_GOES_ON && answer->len > 0) {
        *verdict = (uint8_t)answer->data[0];
        buf_consume(answer, 1);
    }
    return result;
}
