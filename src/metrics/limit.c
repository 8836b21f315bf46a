/* SPDX-License-Identifier: MIT
 *
 * Limits that were hit: see limit.h.
 */
#include "doorstep/limit.h"

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "metrics_priv.h"

#define QUIET_MS 1000 /* between two lines about the same limit */

struct said {
    uint64_t next_ms; /* the clock's: before it nothing is said */
    uint64_t unsaid;  /* hits since the last line */
};

static struct said said[METRICS_LIMITS_COUNT];

void
limit_hit(enum metrics_LIMITS limit, const char *id, const char *subject)
{
    struct said *s = &said[limit];
    uint64_t now = clock_ms();

    metrics_count(METRIC_LIMITS_HIT, limit, 1);
    if (now < s->next_ms) {
        s->unsaid++;
        return;
    }
    log_event(LOG_LEVEL_INFO, "limit", "name", metric_rows[METRIC_LIMITS_HIT].label->values[limit],
              "id", id, "subject", subject, "unsaid", log_num((long long)s->unsaid), NULL);
    *s = (struct said){.next_ms = now + QUIET_MS};
}
