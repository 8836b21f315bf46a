/* SPDX-License-Identifier: MIT
 *
 * What roles say to main, and what follows from the end of one: another one, after a while, or the
 * end of the daemon.
 */
#include "roles_priv.h"

#include <sysexits.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

#define FAILED_STARTS_MAX 3 /* ends before the daemon was first ready: it cannot work here */

/* --- what roles say --- */

static void
on_ready(struct role *r)
{
    if (r->state != ROLE_STARTING)
        return;
    supervise_step(r, ROLE_SERVING);
    if (r->kind == ROLE_STORE || r->kind == ROLE_OUTBOUND)
        roles_open_edges(r->daemon);
    daemon_check_ready(r->daemon);
}

static struct role *
role_in_slot(struct daemon *d, enum role_kind kind, struct span body)
{
    struct role *r;
    struct unpack u;
    uint32_t slot;

    unpack_init(&u, body);
    slot = unpack_u32(&u);
    r = unpack_done(&u) ? supervise_find(d, kind, slot) : NULL;
    return role_has_process(r) ? r : NULL;
}

/* The store can do without the role that it names. It may be ending already, and the store heard of
 * it first: role_ended tells. false: the frame says nothing of the kind. */
static bool
takes_dismissal(struct daemon *d, const struct door_frame *frame)
{
    static const struct {
        uint16_t type;
        enum role_kind kind;
    } rows[] = {
        {STORE_KILL_SORTER, ROLE_SORTER},
        {STORE_KILL_AUTH, ROLE_AUTH},
        {STORE_KILL_RUNNER, ROLE_RUNNER},
        {STORE_KILL_EDGE, ROLE_EDGE},
        {STORE_KILL_RELAY, ROLE_RELAY},
        {STORE_KILL_OUTBOUND, ROLE_OUTBOUND},
        {STORE_KILL_PASSTHROUGH, ROLE_PASSTHROUGH},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct role *r;

        if (frame->type != rows[i].type)
            continue;
        r = role_in_slot(d, rows[i].kind, frame->body);
        if (r != NULL)
            supervise_dismiss(r);
        return true;
    }
    return false;
}

bool
roles_take_frame(struct role *r, const struct door_frame *frame)
{
    bool is_store = r->kind == ROLE_STORE;

    if (frame->type == ROLE_READY)
        on_ready(r);
    else if (frame->type == STORE_WANT_HAND && is_store)
        hands_open(r, frame);
    else
        return is_store && takes_dismissal(r->daemon, frame);
    return true;
}

/* --- what follows from an end --- */

/* Whether the place goes with its process: another one would not be wanted. */
static bool
is_over(const struct role *r)
{
    const struct daemon *d = r->daemon;

    if (d->phase == DAEMON_ENDING || r->kind == ROLE_HAND)
        return true;
    if (r->kind == ROLE_STORE)
        return d->phase == DAEMON_DRAINING_STORE;
    if (r->kind == ROLE_METRICS)
        return d->settings->metrics.address_count == 0;
    if (r->kind == ROLE_OUTBOUND) /* needed to the end of all sessions */
        return !roles_want_outbound(d);
    if (r->kind == ROLE_SORTER) /* still needed while a store drains */
        return r->slot >= d->settings->sorters;
    if (r->kind == ROLE_RUNNER)
        return r->slot >= roles_runner_count(d);
    if (r->kind == ROLE_AUTH)
        return !roles_need_auth(d);
    if (r->kind == ROLE_RELAY)
        return !roles_want_relay(d);
    if (r->kind == ROLE_PASSTHROUGH)
        return !roles_want_passthrough(d);
    return daemon_is_ending(d) || r->state == ROLE_LEAVING || r->generation != d->generation;
}

/* A daemon that never was ready and whose roles keep ending would turn in a circle for ever. */
static bool
gives_up(struct daemon *d, const struct role *r, bool is_clean)
{
    if (d->phase != DAEMON_STARTING || is_clean || r->kind == ROLE_HAND || r->kind == ROLE_METRICS)
        return false;
    return ++d->failed_starts >= FAILED_STARTS_MAX;
}

/* Helpers of the store have no other door. */
static bool
is_helper(enum role_kind kind)
{
    return kind == ROLE_SORTER || kind == ROLE_AUTH || kind == ROLE_RELAY || kind == ROLE_RUNNER ||
           kind == ROLE_PASSTHROUGH;
}

/* A helper whose store has closed the door: the next store's start brings it back. */
static bool
waits_for_store(const struct role *r, bool is_clean)
{
    const struct role *store = roles_store(r->daemon);

    return is_helper(r->kind) && is_clean &&
           (!role_has_process(store) || store->state == ROLE_LEAVING);
}

void
roles_on_ended(struct role *r, bool is_clean)
{
    struct daemon *d = r->daemon;
    bool is_replaced = r->kind == ROLE_STORE && r->state == ROLE_LEAVING;

    if (is_over(r)) {
        supervise_remove(r);
        drain_continue(d);
    } else if (gives_up(d, r, is_clean)) {
        daemon_fail(d, r->exit_code != 0 ? r->exit_code : EX_SOFTWARE);
    } else if (waits_for_store(r, is_clean)) {
        supervise_step(r, ROLE_WAITING);
    } else if (is_replaced) {
        loop_timer_stop(d->deadline);
        supervise_step(r, ROLE_WAITING);
        roles_start(r);
    } else {
        supervise_restart(r, is_clean);
    }
}
