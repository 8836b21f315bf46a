/* SPDX-License-Identifier: MIT
 *
 * So many an hour, as a bucket of tokens: full at first, it may be emptied at once, and fills again
 * evenly within an hour. In its owner's memory; the owner says what time it is (clock_ms()).
 */
#ifndef DOORSTEP_RATE_H
#define DOORSTEP_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint64_t used;    /* tokens that are out */
    uint64_t part;    /* of a token that has come back already: of an hour's ms */
    uint64_t seen_ms; /* `used` is as of then */
    uint64_t last_ms; /* when the last of those that wait comes back */
};

/* rate_init() - a full bucket. */
void rate_init(struct rate *r, uint64_t now_ms);

/* rate_has() - are n tokens there, where an hour has `max`? More than max are there when the bucket
 * is full, so that no single thing is too large for ever. max UINT64_MAX: always. */
bool rate_has(struct rate *r, uint64_t max, uint64_t n, uint64_t now_ms);

/* rate_take() - n tokens, asked for before. */
void rate_take(struct rate *r, uint64_t n);

/* rate_wait() - for one that finds no token: ms until it may come back. Each is told a later time,
 * as fast as tokens come, so that those who wait do not come together. */
uint64_t rate_wait(struct rate *r, uint64_t max, uint64_t now_ms);

/* rate_is_full() - nothing is out: it may be forgotten. */
bool rate_is_full(struct rate *r, uint64_t max, uint64_t now_ms);

#endif
