/* SPDX-License-Identifier: MIT
 *
 * A scheduler as its own files see it: scheduler.c takes from the queue and settles, sending.c
 * hands to next hops what was taken, live.c what somebody waits for.
 */
#ifndef DELIVER_SCHEDULER_STATE_PRIV_H
#define DELIVER_SCHEDULER_STATE_PRIV_H

#include <stdatomic.h>

#include "hop_priv.h"
#include "jobs_priv.h"
#include "live_priv.h"
#include "scheduler_priv.h"
#include "take_priv.h"

struct next_hop {
    const struct settings_route *route;
    struct hop hop;
    struct handover *ready; /* taken, and not sent yet */
    unsigned ready_count;
    struct live_job *live; /* that wait, in the order in which they came */
    bool was_live;         /* the last one sent: others have their turn */
    unsigned late;         /* of those under way: nobody waits for them any more */
    unsigned label;
    char cause[256]; /* why it was not answered last */
};

struct take_turn { /* first: a job of the queue's thread */
    struct job job;
    struct scheduler *scheduler;
    struct take take;
    uint64_t took_us;
};

struct settle_turn {
    struct job job;
    struct scheduler *scheduler;
    struct handover *list;
    bool ok;
};

struct scheduler {
    struct scheduler_with with;
    struct retry_rules rules;
    struct job_thread *thread;
    struct taker *taker; /* the thread's */
    struct next_hop *hops;
    size_t hop_count;
    struct loop_timer *timer;       /* the next look */
    struct loop_timer *again_timer; /* what could not be settled */
    struct loop_timer *drain_timer;
    atomic_bool is_told; /* a look is on its way from another thread */

    struct take_turn taking;
    bool is_taking;
    bool wants_look; /* once the turn is over */
    uint64_t not_before_ms;
    uint64_t overdue_ms, count_ms; /* when to look for that again */

    struct settle_turn settling;
    bool is_settling;
    struct handover *ended; /* they wait for the next turn */
    unsigned under_way;     /* sent, not answered */

    bool is_draining;
    void (*on_drained)(void *arg); /* NULL: told */
    void *drained_arg;
};

/* sending_go_on() - to this next hop, as much as it has room for. Those that one which went down
 * has no use for go back. */
void sending_go_on(struct scheduler *s, struct next_hop *n);

/* sending_begin(), sending_end() - one transaction more or less with this next hop. result: NULL
 * when it says nothing about the next hop; j: NULL for one of the queue. */
void sending_begin(struct next_hop *n);
void sending_end(struct scheduler *s, struct next_hop *n, const struct relay_result *result,
                 uint64_t began_us, const struct live_job *j);

/* sending_late() - one is not answered in time, and goes on. */
void sending_late(struct scheduler *s, struct next_hop *n, const char *cause);

/* scheduler_hop_of() - of a route of the settings. */
struct next_hop *scheduler_hop_of(struct scheduler *s, const struct settings_route *route);

/* scheduler_give_back() - it has ended, or was not tried: the next turn settles it. */
void scheduler_give_back(struct scheduler *s, struct handover *h);

/* scheduler_take_due() - look for what is due, unless a look is under way. */
void scheduler_take_due(struct scheduler *s);

/* scheduler_check_drained() - when it drains and nothing is under way, who waits for that hears. */
void scheduler_check_drained(struct scheduler *s);

#endif
