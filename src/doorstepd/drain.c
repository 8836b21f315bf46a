/* SPDX-License-Identifier: MIT
 *
 * SIGTERM and SIGINT: edges end their sessions (a DATA that has begun finishes, others get 421),
 * then the store ends what it has begun, then main removes its sockets and exits. Each stage has
 * timeouts.drain and three seconds more; what is left then, or at a second signal, is killed. Mail
 * that was not answered yet stays with its MTA.
 */
#include "supervise_priv.h"

#include <stdlib.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

#define KILL_AFTER_MS 3000 /* an edge uses two seconds of it for its last replies */

static void
send_drain(struct role *r)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 16);
    pack_init(&p, &body);
    pack_u32(&p, (uint32_t)r->daemon->settings->timeouts.drain);
    supervise_send(r, MAIN_DRAIN, 0, buf_span(&body), -1);
    buf_release(&body);
}

/* Places without a process are given up, processes of this kind are told to end. */
static void
drain_kind(struct daemon *d, enum role_kind kind)
{
    struct role *next;

    for (struct role *r = d->roles; r != NULL; r = next) {
        next = r->next;
        if (r->kind != kind)
            continue;
        if (r->pid == 0) {
            supervise_remove(r);
            continue;
        }
        if (r->state != ROLE_LEAVING)
            supervise_step(r, ROLE_LEAVING);
        if (r->has_go)
            send_drain(r);
        else
            supervise_kill(r); /* it has nothing yet that could be ended well */
    }
}

/* Places without a process hold nothing that has to end. */
static void
drop_waiting(struct daemon *d)
{
    struct role *next;

    for (struct role *r = d->roles; r != NULL; r = next) {
        next = r->next;
        if (r->pid == 0)
            supervise_remove(r);
    }
}

void
drain_kill(struct daemon *d, int exit_status)
{
    d->exit_status = exit_status;
    drop_waiting(d);
    for (struct role *r = d->roles; r != NULL; r = r->next)
        supervise_kill(r);
}

static uint64_t
stage_ms(const struct daemon *d)
{
    return d->settings->timeouts.drain + KILL_AFTER_MS;
}

void
drain_begin(struct daemon *d)
{
    if (daemon_is_ending(d)) {
        log_event(LOG_LEVEL_WARNING, "drain_killed", "why", "a second signal", NULL);
        drain_kill(d, EXIT_FAILURE);
        return;
    }
    d->exit_status = EXIT_SUCCESS;
    daemon_step(d, DAEMON_DRAINING_EDGES);
    notify_send(&d->notify, "STOPPING=1\nSTATUS=draining");
    listen_close(&d->listens); /* or clients would wait in a backlog that nobody serves */
    drain_kind(d, ROLE_EDGE);
    loop_timer_start(d->deadline, stage_ms(d));
    drain_continue(d);
}

static void
kill_kind(struct daemon *d, enum role_kind kind)
{
    for (struct role *r = d->roles; r != NULL; r = r->next)
        if (r->kind == kind)
            supervise_kill(r);
}

/* One step further when its condition holds; called again after each end. */
void
drain_continue(struct daemon *d)
{
    if (d->phase == DAEMON_DRAINING_EDGES && supervise_count(d, ROLE_EDGE) == 0) {
        daemon_step(d, DAEMON_DRAINING_STORE);
        drain_kind(d, ROLE_STORE);
        loop_timer_start(d->deadline, stage_ms(d));
    }
    if (d->phase == DAEMON_DRAINING_STORE && supervise_count(d, ROLE_STORE) == 0) {
        daemon_step(d, DAEMON_ENDING);
        drop_waiting(d);
        kill_kind(d, ROLE_METRICS); /* it has watched to the end */
        kill_kind(d, ROLE_OUTBOUND);
        loop_timer_start(d->deadline, KILL_AFTER_MS);
    }
    if (d->phase == DAEMON_ENDING && d->roles == NULL)
        loop_stop(d->loop);
}

/* The stage takes too long: its processes are killed, which ends it. */
void
drain_on_deadline(struct daemon *d)
{
    log_event(LOG_LEVEL_WARNING, "drain_killed", "why", "timeouts.drain is over", NULL);
    d->exit_status = EXIT_FAILURE;
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        if (d->phase == DAEMON_ENDING ||
            r->kind == (d->phase == DAEMON_DRAINING_EDGES ? ROLE_EDGE : ROLE_STORE))
            supervise_kill(r);
    }
}
