/* SPDX-License-Identifier: MIT
 *
 * Buckets of tokens: see rate.h. What comes back is counted in parts of an hour, so that rates
 * below one token a second are exact however often somebody looks.
 */
#include "doorstep/rate.h"

#define HOUR_MS UINT64_C(3600000)

void
rate_init(struct rate *r, uint64_t now_ms)
{
    *r = (struct rate){.seen_ms = now_ms};
}

/* A clock that goes backwards gives nothing back. */
static void
refill(struct rate *r, uint64_t max, uint64_t now_ms)
{
    uint64_t passed = now_ms > r->seen_ms ? now_ms - r->seen_ms : 0;
    unsigned __int128 parts;

    r->seen_ms = now_ms;
    if (passed >= HOUR_MS) {
        r->used = r->used > max ? r->used - max : 0;
        r->part = 0;
        return;
    }
    parts = (unsigned __int128)passed * max + r->part;
    if (parts / HOUR_MS >= r->used) {
        r->used = 0;
        r->part = 0;
        return;
    }
    r->used -= (uint64_t)(parts / HOUR_MS);
    r->part = (uint64_t)(parts % HOUR_MS);
}

bool
rate_has(struct rate *r, uint64_t max, uint64_t n, uint64_t now_ms)
{
    if (max == UINT64_MAX)
        return true;
    refill(r, max, now_ms);
    return r->used == 0 || (r->used <= max && n <= max - r->used);
}

void
rate_take(struct rate *r, uint64_t n)
{
    r->used = n > UINT64_MAX - r->used ? UINT64_MAX : r->used + n;
}

uint64_t
rate_wait(struct rate *r, uint64_t max, uint64_t now_ms)
{
    uint64_t step = max < HOUR_MS ? HOUR_MS / max : 1;

    r->last_ms = (r->last_ms > now_ms ? r->last_ms : now_ms) + step;
    return r->last_ms - now_ms;
}

bool
rate_is_full(struct rate *r, uint64_t max, uint64_t now_ms)
{
    if (max != UINT64_MAX)
        refill(r, max, now_ms);
    return max == UINT64_MAX || r->used == 0;
}
