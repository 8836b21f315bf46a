/* SPDX-License-Identifier: MIT
 *
 * The passthrough role: what the store says, the listeners of its filters, and what the store is
 * told of messages.
 */
#include "passthrough_priv.h"

#include <sodium.h>
#include <sysexits.h>

#define RESULT_MAX 65536 /* no result of ours has more than texts */

void
passthrough_say(struct passthrough *p, uint64_t id, const struct filter_result *result, int fd)
{
    struct buf body;
    struct pack pk;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&pk, &body);
    pack_u8(&pk, 0); /* no more frames follow */
    filter_result_pack(result, &pk);
    if (pk.full || !door_keeper_send(&p->role.store, PASS_RESULT, id, buf_span(&body), fd))
        store_role_end(&p->role, EX_OSERR, "a result cannot be told");
    buf_release(&body);
}

static bool
take_frame(void *arg, struct door_frame *f)
{
    if (f->type == PASS_MESSAGE)
        return pass_take(arg, f);
    return f->type == PASS_MORE && pass_more(arg, f);
}

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
    p->role = (struct store_role){.loop = p->loop, .take = take_frame, .arg = p};
    return store_role_open(&p->role, start->main_door, start->store_door);
}

int
passthrough_run(const struct passthrough_start *start)
{
    struct passthrough p = {.settings = start->settings};

    set_limits(&p);
    if (!open_all(&p, start))
        return EX_OSERR;
    loop_run(p.loop);
    return p.role.status; /* connections end with the process: half a message is none */
}
