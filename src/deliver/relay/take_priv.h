/* SPDX-License-Identifier: MIT
 *
 * What goes next: on the queue's thread, from the rows that are due to handovers. Those that have
 * waited longest first; but an account has at most half of what a next hop takes while others wait
 * too, and what passes its limit of an hour is put off or dropped here.
 */
#ifndef DELIVER_RELAY_TAKE_PRIV_H
#define DELIVER_RELAY_TAKE_PRIV_H

#include "doorstep/metrics.h"
#include "doorstep/settings.h"

#include "handover_priv.h"
#include "jobs_priv.h"

struct taker; /* the thread's own memory: rates, and what each account has under way */

/* taker_new() - settings: borrowed. NULL without memory. */
struct taker *taker_new(const struct settings *s, struct queue *q);
void taker_free(struct taker *t);

struct take_counts {
    struct queue_counts all;
    uint64_t kinds[METRICS_QUEUE_KINDS_COUNT]; /* items */
};

struct take {       /* one turn */
    unsigned *room; /* by next hop (take_hop_of()): handovers that it takes; counted down */
    bool looks_for_overdue;
    bool wants_counts;

    struct handover *list; /* the result; hop_place says where to */
    time_t next_due;       /* the first that becomes due later; 0: none */
    bool is_cut;           /* it ended before it had seen all */
    bool has_counts;
    struct take_counts counts;
    bool failed; /* the queue could not be read: logged */
};

/* take_run() - the queue's thread. */
void take_run(struct taker *t, struct scheduler *s, struct take *take);

/* taker_done() - the queue's thread: this one is under way no longer. */
void taker_done(struct taker *t, const struct handover *h);

/* take_route_of() - where mail for this domain goes on to: a place in settings->routes, route_count
 * for the smarthost, -1 for nowhere. */
int take_route_of(const struct settings *s, const char *domain);

/* take_domain_of() - of an address: what stands behind its last '@', or "". */
const char *take_domain_of(const char *address);

#endif
