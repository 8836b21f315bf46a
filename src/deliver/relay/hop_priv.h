/* SPDX-License-Identifier: MIT
 *
 * One next hop, as the scheduler sees it: how many jobs it has, and whether it answers at all. One
 * that does not puts all its messages off; then one job at a time probes it, until it answers
 * again. Pure: the caller says what time it is (clock_ms()).
 *
 *           unanswered, HOP_UNANSWERED_MAX in a row           `until` has come
 *        UP ---------------------------------------> DOWN ---------------------> PROBED
 *         ^                                            ^ unanswered                |
 *         |                                            +---------------------------+
 *         +------------------------------------------------------------------------+ answered
 */
#ifndef DELIVER_RELAY_HOP_PRIV_H
#define DELIVER_RELAY_HOP_PRIV_H

#include "retry_priv.h"

/* One message alone, at which a server ends each time, must not stop the others. */
#define HOP_UNANSWERED_MAX 2

struct hop {
    unsigned under_way;  /* jobs */
    unsigned unanswered; /* in a row */
    uint64_t until_ms;   /* put off until then; of no meaning while it is up */
};

/* hop_is_up() - it answered, or nothing is known yet. */
bool hop_is_up(const struct hop *h);

/* hop_has_room() - for one more job, of `connections` at once. */
bool hop_has_room(const struct hop *h, unsigned connections, uint64_t now_ms);

void hop_begin(struct hop *h);

/* hop_end() - a job is done: did the next hop answer anything? */
void hop_end(struct hop *h, bool answered, const struct retry_rules *r, uint64_t now_ms,
             uint32_t chance);

/* hop_late() - a job has no answer in time, and goes on: as if it had ended unanswered. When it
 * ends so indeed, that is hop_forget(). */
void hop_late(struct hop *h, const struct retry_rules *r, uint64_t now_ms, uint32_t chance);

/* hop_forget() - a job is done that says nothing about the next hop. */
void hop_forget(struct hop *h);

/* hop_try_now() - somebody who knows better says that it answers again. */
void hop_try_now(struct hop *h, uint64_t now_ms);

#endif
