/* SPDX-License-Identifier: MIT
 *
 * Backoff with jitter: see retry_priv.h.
 */
#include "retry_priv.h"

#include <sodium.h>

#define DELAY_MAX (UINT64_MAX / 4)

uint32_t
retry_chance(void)
{
    return randombytes_random();
}

/* At most DELAY_MAX: a quarter more must not overflow. */
static uint64_t
doubled(const struct retry_rules *r, unsigned failures)
{
    uint64_t max = r->max < DELAY_MAX ? r->max : DELAY_MAX;
    uint64_t ms = r->first;

    for (unsigned i = 1; i < failures && ms < max; i++)
        ms *= 2;
    return ms < max ? ms : max;
}

uint64_t
retry_delay(const struct retry_rules *r, unsigned failures, uint32_t chance)
{
    uint64_t ms = doubled(r, failures);
    uint64_t half = ms / 2;

    return ms - half / 2 + (uint64_t)((unsigned __int128)half * chance >> 32);
}

time_t
retry_limit(time_t now, uint64_t wait_ms, time_t expires)
{
    time_t next = now + (time_t)(wait_ms / 1000) + (wait_ms % 1000 > 0);

    if (next > expires && expires > now)
        next = expires;
    return next > now ? next : now + 1;
}

time_t
retry_next(const struct retry_rules *r, time_t now, unsigned failures, time_t expires,
           uint32_t chance)
{
    return retry_limit(now, retry_delay(r, failures, chance), expires);
}

bool
retry_is_late(const struct retry_rules *r, time_t queued, time_t now)
{
    return now > queued && (uint64_t)(now - queued) >= r->delay_told / 1000;
}
