/* SPDX-License-Identifier: MIT
 *
 * The store's door to main: what main gives (doors, pages, secrets) and says (go, drain), each to
 * whom it is meant for; and what the store asks main for.
 */
#include "deliver_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#define RELAY_JOB_MS UINT64_C(14400000) /* a long message on a slow line */

/* --- what main is told --- */

bool
deliver_tell_main(struct deliver *d, uint16_t type, uint64_t id, struct span body)
{
    return door_keeper_send(&d->main, type, id, body, -1);
}

static bool
send_want_hand(void *arg, uint64_t id, struct span body)
{
    return deliver_tell_main(arg, STORE_WANT_HAND, id, body);
}

static void
tell_slot(struct deliver *d, uint16_t type, uint32_t slot)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 16);
    pack_init(&p, &body);
    pack_u32(&p, slot);
    deliver_tell_main(d, type, 0, buf_span(&body));
    buf_release(&body);
}

static void
send_kill_sorter(void *arg, uint32_t slot)
{
    tell_slot(arg, STORE_KILL_SORTER, slot);
}

void
deliver_kill_auth(void *arg)
{
    tell_slot(arg, STORE_KILL_AUTH, 0);
}

static void
send_kill_outbound(void *arg)
{
    tell_slot(arg, STORE_KILL_OUTBOUND, 0);
}

static void
send_kill_runner(void *arg, uint32_t slot)
{
    tell_slot(arg, STORE_KILL_RUNNER, slot);
}

static void
send_kill_passthrough(void *arg)
{
    tell_slot(arg, STORE_KILL_PASSTHROUGH, 0);
}

static void
send_kill_relay(void *arg)
{
    tell_slot(arg, STORE_KILL_RELAY, 0);
}

void
deliver_kill_edge(struct deliver *d, uint32_t slot)
{
    tell_slot(d, STORE_KILL_EDGE, slot);
}

/* --- what it says --- */

/* The door to the auth role; before MAIN_GO there is nothing yet that could use it. */
static void
take_auth_door(struct deliver *d, int fd)
{
    if (d->logins != NULL) {
        logins_add(d->logins, fd);
        return;
    }
    if (d->auth_fd >= 0)
        close(d->auth_fd);
    d->auth_fd = fd;
}

/* A frame with a descriptor to keep. */
static bool
take_descriptor(struct deliver *d, struct door_frame *f)
{
    struct unpack u;
    uint32_t slot = 0;

    unpack_init(&u, f->body);
    if (f->type == MAIN_EDGE_DOOR || f->type == MAIN_SORTER_DOOR || f->type == MAIN_RUNNER_DOOR ||
        f->type == MAIN_METRICS_PAGE)
        slot = unpack_u32(&u);
    if (u.broken || f->fd < 0)
        return false;
    switch (f->type) {
    case MAIN_EDGE_DOOR:
        edge_add(d, slot, f->fd);
        break;
    case MAIN_SORTER_DOOR:
        sorters_add(d->sorters, slot, f->fd);
        break;
    case MAIN_AUTH_DOOR:
        take_auth_door(d, f->fd);
        break;
    case MAIN_OUTBOUND_DOOR:
        filters_connect(d->filters, f->fd);
        break;
    case MAIN_RUNNER_DOOR:
        runners_connect(d->runners, slot, f->fd);
        break;
    case MAIN_PASSTHROUGH_DOOR:
        filters_connect(d->passthrough, f->fd);
        break;
    case MAIN_RELAY_DOOR:
        relay_link_connect(d->relay, f->fd);
        break;
    case MAIN_CONTROL:
        d->control_fd = f->fd;
        break;
    case MAIN_METRICS_PAGE:
        metrics_book_add(d->metrics, slot, f->fd);
        break;
    default:
        return false;
    }
    f->fd = -1;
    return true;
}

static bool
take_from_main(void *arg, struct door_frame *f)
{
    struct deliver *d = arg;
    struct unpack u;

    unpack_init(&u, f->body);
    switch (f->type) {
    case MAIN_EDGE_DOOR:
    case MAIN_SORTER_DOOR:
    case MAIN_AUTH_DOOR:
    case MAIN_OUTBOUND_DOOR:
    case MAIN_RELAY_DOOR:
    case MAIN_RUNNER_DOOR:
    case MAIN_PASSTHROUGH_DOOR:
    case MAIN_CONTROL:
    case MAIN_METRICS_PAGE:
        return take_descriptor(d, f);
    case MAIN_SRS_SECRETS:
        senders_take_secrets(&d->senders, f->body);
        return true;
    case MAIN_HAND_DOOR:
        hands_answer(d->hands, f->id, f->fd);
        f->fd = -1;
        return true;
    case MAIN_GO:
        if (d->workers == NULL)
            deliver_start(d, unpack_u8(&u) != 0);
        return true;
    case MAIN_DRAIN:
        if (!d->is_draining)
            deliver_drain(d, unpack_u32(&u));
        return true;
    }
    return false;
}

static void
on_main_lost(void *arg, enum door_result how)
{
    if (how == DOOR_BROKEN)
        log_event(LOG_LEVEL_ERROR, "main_broken", NULL);
    deliver_end(arg, how == DOOR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* --- the doors --- */

static void
on_relay(void *arg)
{
    struct deliver *d = arg;

    if (d->scheduler != NULL)
        scheduler_look(d->scheduler);
}

bool
deliver_open_doors(struct deliver *d, struct door *main_door)
{
    static const struct door_keeper_calls calls = {.take = take_from_main, .lost = on_main_lost};
    const struct relay_link_hooks relay_hooks = {send_kill_relay, on_relay, d};

    d->main = (struct door_keeper){.loop = d->loop, .calls = &calls, .arg = d};
    d->metrics = metrics_book_new();
    d->hands = hands_new(d->loop, send_want_hand, d);
    d->sorters = sorters_new(d->loop, &d->settings->timeouts, send_kill_sorter, d);
    d->filters = filters_new(&filter_milter, d->loop, send_kill_outbound, d);
    d->runners = runners_new(d->settings, d->loop, send_kill_runner, d);
    d->passthrough = filters_new(&filter_passthrough, d->loop, send_kill_passthrough, d);
    d->relay = relay_link_new(d->loop, RELAY_JOB_MS, &relay_hooks);
    return door_keeper_open(&d->main, main_door) && d->relay != NULL && d->metrics != NULL &&
           d->hands != NULL && d->sorters != NULL && d->filters != NULL && d->runners != NULL &&
           d->passthrough != NULL;
}
