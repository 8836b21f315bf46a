/* SPDX-License-Identifier: MIT
 *
 * What `doorstep top` shows, picked out of the daemon's metrics.
 */
#ifndef DOORSTEP_TOP_LOOK_PRIV_H
#define DOORSTEP_TOP_LOOK_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/metrics_labels.h"

#define LOOK_NUMBERS 18
#define LOOK_OF_PROTOCOL 4
#define LOOK_WORKERS (METRICS_PLACES + 1)
#define LOOK_WORKER_SIZE 16

struct look_number {
    const char *name;   /* as shown, and as in JSON */
    const char *prefix; /* of the sample's line */
    const char *label;  /* what stands in it too; or "" */
    bool is_rate;       /* shown per second */
};

extern const struct look_number look_numbers[LOOK_NUMBERS];
extern const struct look_number look_of_protocol[LOOK_OF_PROTOCOL];
extern const char *const look_protocols[METRICS_PROTOCOLS_COUNT];

struct look_worker {
    char number[LOOK_WORKER_SIZE];
    double checkpoint_s; /* how long ago the last checkpoint was done; 0: there was none */
    double oldest_s;     /* how long the oldest record has waited for one; 0: none waits */
};

struct look {
    double values[LOOK_NUMBERS];
    double protocols[METRICS_PROTOCOLS_COUNT][LOOK_OF_PROTOCOL];
    struct look_worker workers[LOOK_WORKERS];
    size_t worker_count;
    double seconds; /* when, by the monotonic clock */
};

/* look_take() - from OpenMetrics text. */
void look_take(struct look *look, const char *text);

#endif
