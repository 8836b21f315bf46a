/* SPDX-License-Identifier: MIT
 *
 * When is something tried again? Pure: the caller says what time it is, and draws the lots. Times
 * that rows keep are seconds of the wall clock, since they outlive the process (RFC 5321 4.5.4.1).
 */
#ifndef DELIVER_RELAY_RETRY_PRIV_H
#define DELIVER_RELAY_RETRY_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct retry_rules {     /* milliseconds */
    uint64_t first;      /* after the first failure; each further one doubles it */
    uint64_t max;        /* up to here */
    uint64_t delay_told; /* a message that waits for so long is told of, once; UINT64_MAX: never */
};

/* retry_chance() - a lot; any thread. */
uint32_t retry_chance(void);

/* retry_delay() - milliseconds until the next attempt, after so many failures in a row (at least
 * one): the rule's time, a quarter more or less, as `chance` falls, so that what failed together
 * does not come back together. */
uint64_t retry_delay(const struct retry_rules *r, unsigned failures, uint32_t chance);

/* retry_next() - the time of the next attempt, later than now. One that would come after `expires`
 * comes then: the last. */
time_t retry_next(const struct retry_rules *r, time_t now, unsigned failures, time_t expires,
                  uint32_t chance);

/* retry_limit() - now and so many milliseconds, later than now; but not after `expires`, where that
 * is later. */
time_t retry_limit(time_t now, uint64_t wait_ms, time_t expires);

/* retry_is_late() - has it waited long enough for its sender to be told of the delay? */
bool retry_is_late(const struct retry_rules *r, time_t queued, time_t now);

#endif
