/* SPDX-License-Identifier: MIT
 *
 * The passthrough role: the store's door, the listeners of its filters, and main's door, which it
 * only watches. A store that breaks the rules of the door ends it, and main starts another.
 */
#include "passthrough_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/log.h"

#define QUEUE_MAX (64u << 20)
#define RESULT_MAX 65536 /* no result of ours has more than texts */
#define FRAMES_A_TURN 64

static void
end(struct passthrough *p, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    p->status = status;
    loop_stop(p->loop);
}

/* ---- to the store ---- */

static void
flush(void *arg)
{
    struct passthrough *p = arg;

    door_flush(p->door); /* a store that is gone is noticed by reading */
    loop_watch_set(p->watch, door_queued(p->door) > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

void
passthrough_say(struct passthrough *p, uint64_t id, const struct filter_result *result, int fd)
{
    struct buf body;
    struct pack pk;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&pk, &body);
    pack_u8(&pk, 0); /* no more frames follow */
    filter_result_pack(result, &pk);
    if (pk.full || !door_send(p->door, PASS_RESULT, id, buf_span(&body), fd))
        end(p, EX_OSERR, "a result cannot be told");
    buf_release(&body);
    loop_chore_add(p->loop, &p->flush);
}

/* ---- from it ---- */

static bool
take_frame(struct passthrough *p, struct door_frame *f)
{
    if (f->type == PASS_MESSAGE)
        return pass_take(p, f);
    return f->type == PASS_MORE && pass_more(p, f);
}

static void
on_door(void *arg, unsigned events)
{
    struct passthrough *p = arg;
    struct door_frame f;

    if ((events & LOOP_WRITE) != 0)
        flush(p);
    for (unsigned n = 0; n < FRAMES_A_TURN || door_holds(p->door); n++) {
        enum door_result got = door_receive(p->door, &f);
        bool good;

        if (got == DOOR_AGAIN)
            return;
        if (got == DOOR_CLOSED) {
            end(p, EXIT_SUCCESS, "the store is gone");
            return;
        }
        good = got == DOOR_OK && take_frame(p, &f);
        if (got == DOOR_OK && f.fd >= 0)
            close(f.fd);
        if (!good) {
            end(p, EX_PROTOCOL, "the store said what no store says");
            return;
        }
    }
}

static void
on_main(void *arg, unsigned events)
{
    struct passthrough *p = arg;
    struct door_frame f;

    (void)events;
    if (door_receive(p->main_door, &f) != DOOR_AGAIN) /* main has nothing more to say */
        end(p, EXIT_SUCCESS, "main is gone");
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
    p->door = door_new(start->store_door, QUEUE_MAX);
    p->loop = loop_new();
    if (p->door == NULL || p->loop == NULL || sodium_init() < 0)
        return false;
    loop_chore_init(&p->flush, flush, p);
    for (; p->gate_count < p->settings->filter_count; p->gate_count++) {
        size_t i = p->gate_count;

        if (!gate_open(&p->gates[i], p, &p->settings->filters[i], start->returns[i]))
            return false;
    }
    p->main_watch = loop_watch_new(p->loop, door_fd(p->main_door), LOOP_READ, on_main, p);
    p->watch = loop_watch_new(p->loop, start->store_door, LOOP_READ, on_door, p);
    return p->main_watch != NULL && p->watch != NULL &&
           door_send(p->main_door, ROLE_READY, 0, SPAN_NONE, -1);
}

int
passthrough_run(const struct passthrough_start *start)
{
    struct passthrough p = {
        .settings = start->settings, .main_door = start->main_door, .status = EX_OSERR};

    set_limits(&p);
    if (open_all(&p, start))
        loop_run(p.loop);
    return p.status; /* connections end with the process: half a message is none */
}
