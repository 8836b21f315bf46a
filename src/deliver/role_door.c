/* SPDX-License-Identifier: MIT
 *
 * The door to a role: see role_door_priv.h.
 */
#include "role_door_priv.h"

#include "doorstep/log.h"

void
role_door_close(struct role_door *d)
{
    door_keeper_close(&d->keeper);
}

/* Its door is closed. */
static void
tell_lost(struct role_door *d, const char *cause, bool is_broken)
{
    log_event(is_broken ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "role_lost", "role", d->role,
              "reason", cause, NULL);
    if (is_broken)
        d->calls->replace(d->arg);
    d->calls->lost(d->arg, cause);
}

void
role_door_lose(struct role_door *d, const char *cause, bool is_broken)
{
    if (!role_door_is_here(d))
        return;
    role_door_close(d);
    tell_lost(d, cause, is_broken);
}

static bool
take_frame(void *arg, struct door_frame *frame)
{
    struct role_door *d = arg;

    return d->calls->take(d->arg, frame);
}

static void
on_lost(void *arg, enum door_result how)
{
    if (how == DOOR_CLOSED)
        tell_lost(arg, "it ended", false);
    else
        tell_lost(arg, "it said what no such role says", true);
}

bool
role_door_is_here(const struct role_door *d)
{
    return d->keeper.door != NULL;
}

bool
role_door_send(struct role_door *d, uint16_t type, uint64_t id, struct span body, int fd)
{
    return door_keeper_send(&d->keeper, type, id, body, fd);
}

bool
role_door_open(struct role_door *d, int fd)
{
    static const struct door_keeper_calls calls = {.take = take_frame, .lost = on_lost};

    role_door_lose(d, "replaced", false);
    d->keeper = (struct door_keeper){.loop = d->loop, .calls = &calls, .arg = d};
    return door_keeper_open(&d->keeper, door_new(fd, d->queue_max));
}
