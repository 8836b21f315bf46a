/* SPDX-License-Identifier: MIT
 *
 * The door to a role: see role_door_priv.h.
 */
#include "role_door_priv.h"

#include <unistd.h>

#include "doorstep/log.h"

#define FRAMES_A_TURN 64 /* then others have their turn */

void
role_door_close(struct role_door *d)
{
    loop_watch_free(d->watch);
    door_free(d->door);
    d->watch = NULL;
    d->door = NULL;
}

void
role_door_lose(struct role_door *d, const char *cause, bool is_broken)
{
    if (d->door == NULL)
        return;
    log_event(is_broken ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "role_lost", "role", d->role,
              "reason", cause, NULL);
    role_door_close(d);
    if (is_broken)
        d->calls->replace(d->arg);
    d->calls->lost(d->arg, cause);
}

static void
watch_door(struct role_door *d)
{
    loop_watch_set(d->watch, door_queued(d->door) > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static bool
take_frame(struct role_door *d, struct door_frame *frame)
{
    bool is_good = d->calls->take(d->arg, frame);

    if (frame->fd >= 0)
        close(frame->fd);
    return is_good;
}

/* Whoever is told of an answer may lose the door. */
static void
on_door(void *arg, unsigned events)
{
    struct role_door *d = arg;
    struct door_frame frame;

    if ((events & LOOP_WRITE) != 0)
        door_flush(d->door); /* a role that is gone is noticed by reading */
    for (unsigned n = 0; d->door != NULL && (n < FRAMES_A_TURN || door_holds(d->door)); n++) {
        enum door_result got = door_receive(d->door, &frame);

        if (got == DOOR_AGAIN)
            break;
        if (got == DOOR_CLOSED)
            role_door_lose(d, "it ended", false);
        else if (got != DOOR_OK || !take_frame(d, &frame))
            role_door_lose(d, "it said what no such role says", true);
    }
    if (d->door != NULL)
        watch_door(d);
}

bool
role_door_send(struct role_door *d, uint16_t type, uint64_t id, struct span body, int fd)
{
    if (d->door == NULL || !door_send(d->door, type, id, body, fd))
        return false;
    watch_door(d);
    return true;
}

bool
role_door_open(struct role_door *d, int fd)
{
    role_door_lose(d, "replaced", false);
    d->door = door_new(fd, d->queue_max);
    if (d->door == NULL) {
        close(fd);
        return false;
    }
    d->watch = loop_watch_new(d->loop, fd, LOOP_READ, on_door, d);
    if (d->watch == NULL)
        role_door_close(d);
    return d->watch != NULL;
}
