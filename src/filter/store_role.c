/* SPDX-License-Identifier: MIT
 *
 * The doors of a role that works for the store: see store_role_priv.h.
 */
#include "store_role_priv.h"

#include <stdlib.h>
#include <sysexits.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#define QUEUE_MAX (64u << 20) /* unsent results */

void
store_role_end(struct store_role *r, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    r->status = status;
    loop_stop(r->loop);
}

static bool
take_from_store(void *arg, struct door_frame *f)
{
    struct store_role *r = arg;

    return r->take(r->arg, f);
}

static void
on_store_lost(void *arg, enum door_result how)
{
    if (how == DOOR_CLOSED)
        store_role_end(arg, EXIT_SUCCESS, "the store is gone");
    else
        store_role_end(arg, EX_PROTOCOL, "the store said what no store says");
}

static bool
take_from_main(void *arg, struct door_frame *f)
{
    (void)arg;
    (void)f;
    return false; /* it has nothing more to say, whatever this is */
}

static void
on_main_lost(void *arg, enum door_result how)
{
    (void)how;
    store_role_end(arg, EXIT_SUCCESS, "main is gone");
}

bool
store_role_open(struct store_role *r, struct door *main_door, int store_door)
{
    static const struct door_keeper_calls main_calls = {.take = take_from_main,
                                                        .lost = on_main_lost};
    static const struct door_keeper_calls store_calls = {.take = take_from_store,
                                                         .lost = on_store_lost};

    r->main = (struct door_keeper){.loop = r->loop, .calls = &main_calls, .arg = r};
    r->store = (struct door_keeper){.loop = r->loop, .calls = &store_calls, .arg = r};
    r->status = EX_OSERR;
    bool is_open = door_keeper_open(&r->main, main_door);
    return door_keeper_open(&r->store, door_new(store_door, QUEUE_MAX)) && is_open &&
           door_keeper_send(&r->main, ROLE_READY, 0, SPAN_NONE, -1);
}
