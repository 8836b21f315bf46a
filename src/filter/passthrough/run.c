/* SPDX-License-Identifier: MIT
 *
 * The passthrough role: the store's door, the listeners of its filters, and main's door, which it
 * only watches. A store that breaks the rules of the door ends it, and main starts another.
 */
#include "passthrough_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <sysexits.h>

#include "doorstep/log.h"

#define QUEUE_MAX (64u << 20)
#define RESULT_MAX 65536 /* no result of ours has more than texts */

static void
end(struct passthrough *p, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    p->status = status;
    loop_stop(p->loop);
}

/* ---- to the store ---- */

void
passthrough_say(struct passthrough *p, uint64_t id, const struct filter_result *result, int fd)
{
    struct buf body;
    struct pack pk;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&pk, &body);
    pack_u8(&pk, 0); /* no more frames follow */
    filter_result_pack(result, &pk);
    if (pk.full || !door_keeper_send(&p->store, PASS_RESULT, id, buf_span(&body), fd))
        end(p, EX_OSERR, "a result cannot be told");
    buf_release(&body);
}

/* ---- from it ---- */

static bool
take_from_store(void *arg, struct door_frame *f)
{
    if (f->type == PASS_MESSAGE)
        return pass_take(arg, f);
    return f->type == PASS_MORE && pass_more(arg, f);
}

static void
on_store_lost(void *arg, enum door_result how)
{
    if (how == DOOR_CLOSED)
        end(arg, EXIT_SUCCESS, "the store is gone");
    else
        end(arg, EX_PROTOCOL, "the store said what no store says");
}

static const struct door_keeper_calls store_calls = {
    .take = take_from_store,
    .lost = on_store_lost,
};

/* ---- main ---- */

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
    end(arg, EXIT_SUCCESS, "main is gone");
}

static const struct door_keeper_calls main_calls = {
    .take = take_from_main,
    .lost = on_main_lost,
};

/* ---- the role ---- */

/* Whoever gives a message back is no client of ours: one that is a bit larger than it was is as
 * good, and what there is of time is the message's. */
static void
set_limits(struct passthrough *p)
{
    p->limits = p->settings->limits;
    p->limits.message_size += 2 * GIVEN_MARGIN; /* past one of these it is refused by the giver */
}

static bool
open_all(struct passthrough *p, const struct passthrough_start *start)
{
    p->loop = loop_new();
    if (p->loop == NULL || sodium_init() < 0)
        return false;
    for (; p->gate_count < p->settings->filter_count; p->gate_count++) {
        size_t i = p->gate_count;

        if (!gate_open(&p->gates[i], p, &p->settings->filters[i], start->returns[i]))
            return false;
    }
    p->main = (struct door_keeper){.loop = p->loop, .calls = &main_calls, .arg = p};
    p->store = (struct door_keeper){.loop = p->loop, .calls = &store_calls, .arg = p};
    return door_keeper_open(&p->main, start->main_door) &&
           door_keeper_open(&p->store, door_new(start->store_door, QUEUE_MAX)) &&
           door_keeper_send(&p->main, ROLE_READY, 0, SPAN_NONE, -1);
}

int
passthrough_run(const struct passthrough_start *start)
{
    struct passthrough p = {.settings = start->settings, .status = EX_OSERR};

    set_limits(&p);
    if (open_all(&p, start))
        loop_run(p.loop);
    return p.status; /* connections end with the process: half a message is none */
}
