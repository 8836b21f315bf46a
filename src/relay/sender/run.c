/* SPDX-License-Identifier: MIT
 *
 * The relay role from its first line to its end, which is that of the store's door, or of main's.
 * Connections end with the process: a next hop that has not had the end of a message takes none.
 */
#include "sender_priv.h"

#include <malloc.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#define FREED_FILL 0x5a /* what freed memory is overwritten with: libraries copy passwords */

void
sender_end(struct sender *s, int status, const char *reason)
{
    (void)s;
    log_event(status == EXIT_SUCCESS ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "relay_end", "reason",
              reason, NULL);
    _exit(status);
}

/* Main says nothing more but that it is time to go. */
static bool
take_from_main(void *arg, struct door_frame *f)
{
    if (f->type == MAIN_DRAIN)
        sender_end(arg, EXIT_SUCCESS, "drained");
    return true;
}

static void
on_main_lost(void *arg, enum door_result how)
{
    (void)how;
    sender_end(arg, EXIT_SUCCESS, "main is gone");
}

static bool
open_all(struct sender *s, const struct relay_sender_start *start)
{
    static const struct door_keeper_calls calls = {.take = take_from_main, .lost = on_main_lost};
    bool done;

    s->loop = loop_new();
    done = s->loop != NULL && routes_open(s, start->secrets);
    close(start->secrets);
    if (!done || !sender_door_open(s, start->store_door))
        return false;
    s->main = (struct door_keeper){.loop = s->loop, .calls = &calls, .arg = s};
    return door_keeper_open(&s->main, start->main_door) &&
           door_keeper_send(&s->main, ROLE_READY, 0, SPAN_NONE, -1);
}

void
relay_sender_run(const struct relay_sender_start *start)
{
    struct sender s = {.settings = start->settings, .logins = start->logins};

    mallopt(M_PERTURB, FREED_FILL);
    if (!open_all(&s, start))
        sender_end(&s, EX_OSERR, "it cannot start");
    loop_run(s.loop);
    sender_end(&s, EX_SOFTWARE, "the loop ended");
}
