/* SPDX-License-Identifier: MIT
 *
 * Jobs that somebody waits for: see live_priv.h.
 */
#include "live_priv.h"

#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/clock.h"

#include "scheduler_state_priv.h"

/* ---- those that are not sent ---- */

static void
on_lost(void *arg)
{
    struct live_job *j = arg;

    j->calls->done(j, NULL, &j->why);
}

/* cause: of a longer life than the job's. */
static void
lose(struct live_job *j, const char *enhanced, const char *cause)
{
    loop_timer_free(j->timer);
    j->timer = NULL;
    j->is_lost = true;
    j->why = (struct relay_answer){.state = RELAY_DEFERRED, .text = cause};
    strcpy(j->why.enhanced, enhanced);
    loop_post(j->scheduler->with.loop, on_lost, j);
}

static void
take_off(struct live_job *j)
{
    DL_DELETE(j->hop->live, j);
    loop_timer_free(j->timer);
    j->timer = NULL;
}

static void
on_wait_over(void *arg)
{
    struct live_job *j = arg;

    take_off(j);
    lose(j, "4.4.5", "the next hop has no connection free for it");
}

void
live_give_up(struct next_hop *n, const char *enhanced, const char *cause)
{
    struct live_job *j, *next;

    DL_FOREACH_SAFE(n->live, j, next)
    {
        take_off(j);
        lose(j, enhanced, cause);
    }
}

bool
live_job_withdraw(struct live_job *j)
{
    if (j->is_lost || j->began_us > 0)
        return false;
    take_off(j);
    return true;
}

/* ---- sending ---- */

static bool
is_tried(const struct next_hop *n)
{
    return n->hop.under_way > n->late;
}

/* One that is down is tried by one at a time: it costs those who wait no more than the answer that
 * they would get without. */
bool
live_has_room(const struct next_hop *n)
{
    if (n->live == NULL)
        return false;
    return hop_is_up(&n->hop) ? n->hop.under_way < n->route->connections : !is_tried(n);
}

void
live_job_late(struct live_job *j, const char *cause)
{
    if (j->is_late || j->began_us == 0)
        return;
    j->is_late = true;
    sending_late(j->scheduler, j->hop, cause);
    sending_go_on(j->scheduler, j->hop);
}

static void
on_result(void *arg, const struct relay_result *result)
{
    static const struct relay_answer gone = {.state = RELAY_DEFERRED,
                                             .enhanced = "4.3.0",
                                             .text = "whoever speaks with next hops went away"};
    struct live_job *j = arg;
    struct scheduler *s = j->scheduler;
    struct next_hop *n = j->hop;

    sending_end(s, n, result, j->began_us, j);
    j->calls->done(j, result, result == NULL ? &gone : NULL);
    sending_go_on(s, n);
    scheduler_take_due(s);
}

void
live_send_next(struct scheduler *s, struct next_hop *n)
{
    struct live_job *j = n->live;
    struct relay_job job;
    int fd = -1;

    take_off(j);
    bool ok = j->calls->fill(j, &job, &fd);
    if (ok) {
        j->began_us = clock_us();
        j->is_question = job.is_question;
        ok = relay_link_send(s->with.link, &job, fd, on_result, j);
    }
    if (fd >= 0)
        close(fd);
    if (ok)
        sending_begin(n);
    else
        lose(j, "4.3.0", "it cannot be read or sent here");
}

void
live_job_send(struct scheduler *s, struct live_job *j, const struct settings_route *route,
              uint64_t wait_ms, const struct live_job_calls *calls)
{
    struct next_hop *n = scheduler_hop_of(s, route);

    *j = (struct live_job){.calls = calls, .scheduler = s, .hop = n};
    if (!relay_link_is_connected(s->with.link)) {
        lose(j, "4.3.0", LIVE_NOBODY);
        return;
    }
    if (!hop_is_up(&n->hop) && is_tried(n)) {
        lose(j, "4.4.1", n->cause);
        return;
    }
    j->timer = loop_timer_new(s->with.loop, on_wait_over, j);
    if (j->timer == NULL) {
        lose(j, "4.3.0", "no memory to hand it on");
        return;
    }
    loop_timer_start(j->timer, wait_ms);
    DL_APPEND(n->live, j);
    sending_go_on(s, n);
}
