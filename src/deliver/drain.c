/* SPDX-License-Identifier: MIT
 *
 * The end of the store that main asks for: what is under way is finished and answered, in the time
 * that there is for it.
 */
#include "deliver_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "doorstep/log.h"

#define RELAY_DRAIN_MS 3000 /* for next hops that are about to answer */

static void
on_drain_deadline(void *arg)
{
    struct deliver *d = arg;

    /* A 250 was durable when it was said; what has no answer yet is tried again by its MTA. */
    log_event(LOG_LEVEL_WARNING, "drain_cut", "running", log_num(d->running), NULL);
    _exit(EXIT_SUCCESS);
}

void
deliver_end_when_drained(struct deliver *d)
{
    if (d->is_draining && d->running == 0 && !edges_have_unsent(d))
        deliver_end(d, EXIT_SUCCESS);
}

static void
on_relay_drained(void *arg)
{
    deliver_done_running(arg);
}

static void
drain_relay(struct deliver *d)
{
    if (d->scheduler == NULL)
        return;
    d->running++;
    scheduler_drain(d->scheduler, RELAY_DRAIN_MS, on_relay_drained, d);
}

void
deliver_drain(struct deliver *d, uint32_t ms)
{
    d->is_draining = true;
    drain_relay(d);
    control_free(d->control);
    d->control = NULL;
    d->drain_timer = loop_timer_new(d->loop, on_drain_deadline, d);
    loop_timer_start(d->drain_timer, ms);
    deliver_end_when_drained(d);
}

void
deliver_done_running(struct deliver *d)
{
    d->running--;
    deliver_end_when_drained(d);
}
