/* SPDX-License-Identifier: MIT
 *
 * A door on a loop: see door_keeper.h.
 */
#include "doorstep/door_keeper.h"

#include <unistd.h>

#define FRAMES_A_TURN 64 /* and the packet they end in; then others have their turn */

/* The keeper whose frames its owner is hearing now. NULL: none, or it was closed by what its owner
 * heard, and perhaps freed. */
static _Thread_local struct door_keeper *heard;

/* What nobody reads any more is not waited for. */
static void
watch_door(struct door_keeper *k, bool has_unsent)
{
    loop_watch_set(k->watch, (k->is_paused ? 0 : LOOP_READ) | (has_unsent ? LOOP_WRITE : 0));
}

static void
flush(void *arg)
{
    struct door_keeper *k = arg;

    watch_door(k, door_flush(k->door) == DOOR_AGAIN);
    if (k->calls->sent != NULL)
        k->calls->sent(k->arg);
}

static bool
take_frame(struct door_keeper *k, struct door_frame *f)
{
    bool is_good = k->calls->take(k->arg, f);

    if (f->fd >= 0)
        close(f->fd);
    return is_good;
}

static bool
awaits_more(const struct door_keeper *k)
{
    return door_holds(k->door) || k->calls->awaits == NULL || k->calls->awaits(k->arg);
}

static void
read_frames(struct door_keeper *k)
{
    struct door_frame f;

    for (unsigned n = 0; n < FRAMES_A_TURN || door_holds(k->door); n++) {
        enum door_result got = n == 0 || awaits_more(k) ? door_receive(k->door, &f) : DOOR_AGAIN;

        if (got == DOOR_AGAIN)
            return;
        if (got == DOOR_OK && !take_frame(k, &f))
            got = DOOR_BROKEN;
        if (heard == NULL)
            return;
        if (got != DOOR_OK) {
            door_keeper_close(k);
            k->calls->lost(k->arg, got);
            return;
        }
    }
}

static void
on_door(void *arg, unsigned events)
{
    struct door_keeper *k = arg;

    heard = k;
    if ((events & LOOP_WRITE) != 0)
        flush(k);
    if (heard != NULL && !k->is_paused && (events & LOOP_READ) != 0)
        read_frames(k);
    heard = NULL;
}

bool
door_keeper_open(struct door_keeper *k, struct door *d)
{
    if (d == NULL)
        return false;
    k->watch = loop_watch_new(k->loop, door_fd(d), k->is_paused ? 0 : LOOP_READ, on_door, k);
    if (k->watch == NULL) {
        door_free(d);
        return false;
    }
    k->door = d;
    loop_chore_init(&k->flush, flush, k);
    return true;
}

void
door_keeper_close(struct door_keeper *k)
{
    if (k->door == NULL)
        return;
    if (heard == k)
        heard = NULL;
    loop_chore_cancel(k->loop, &k->flush);
    loop_watch_free(k->watch);
    door_free(k->door);
    k->watch = NULL;
    k->door = NULL;
}

void
door_keeper_pause(struct door_keeper *k)
{
    k->is_paused = true;
    if (k->door != NULL)
        watch_door(k, door_queued(k->door) > 0);
}

void
door_keeper_resume(struct door_keeper *k)
{
    k->is_paused = false;
    if (k->door != NULL)
        watch_door(k, door_queued(k->door) > 0);
}

bool
door_keeper_send(struct door_keeper *k, uint16_t type, uint64_t id, struct span body, int fd)
{
    if (k->door == NULL || !door_send(k->door, type, id, body, fd))
        return false;
    watch_door(k, door_queued(k->door) > 0);
    return true;
}

bool
door_keeper_send_pieces(struct door_keeper *k, uint16_t type, uint64_t id, struct span packed,
                        int fd)
{
    if (k->door == NULL || !door_send_pieces(k->door, type, id, packed, fd))
        return false;
    watch_door(k, door_queued(k->door) > 0);
    return true;
}

bool
door_keeper_put(struct door_keeper *k, uint16_t type, uint64_t id, struct span body)
{
    if (k->door == NULL || !door_put(k->door, type, id, body))
        return false;
    loop_chore_add(k->loop, &k->flush);
    return true;
}
