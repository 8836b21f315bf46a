/* SPDX-License-Identifier: MIT
 *
 * One next hop: see hop_priv.h.
 */
#include "hop_priv.h"

bool
hop_is_up(const struct hop *h)
{
    return h->unanswered < HOP_UNANSWERED_MAX;
}

bool
hop_has_room(const struct hop *h, unsigned connections, uint64_t now_ms)
{
    if (hop_is_up(h))
        return h->under_way < connections;
    return h->under_way == 0 && now_ms >= h->until_ms;
}

void
hop_begin(struct hop *h)
{
    h->under_way++;
}

/* What was under way when it went down ends unanswered too: that is the same failure, not a further
 * one. */
void
hop_late(struct hop *h, const struct retry_rules *r, uint64_t now_ms, uint32_t chance)
{
    if (!hop_is_up(h) && now_ms < h->until_ms)
        return;
    h->unanswered++;
    if (!hop_is_up(h))
        h->until_ms = now_ms + retry_delay(r, h->unanswered - HOP_UNANSWERED_MAX + 1, chance);
}

void
hop_end(struct hop *h, bool answered, const struct retry_rules *r, uint64_t now_ms, uint32_t chance)
{
    h->under_way--;
    if (answered)
        h->unanswered = 0;
    else
        hop_late(h, r, now_ms, chance);
}

void
hop_forget(struct hop *h)
{
    h->under_way--;
}

void
hop_try_now(struct hop *h, uint64_t now_ms)
{
    h->until_ms = now_ms;
}
