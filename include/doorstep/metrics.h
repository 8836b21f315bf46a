/* SPDX-License-Identifier: MIT
 *
 * Numbers about what this process does, in a page of memory that others may read: plain relaxed
 * atomics, no lock and no frame. A process that was given no page counts into one of its own that
 * nobody reads, so callers never ask. All functions may be called from any thread.
 *
 *     metrics_count(METRIC_SESSIONS, METRICS_LMTP, 1);
 *     metrics_observe(METRIC_DELIVERY, METRICS_STAGE_SORT, elapsed_us);
 *
 * What there is to count stands in metrics_rows.h, its labels in metrics_labels.h. A metric without
 * a label takes METRICS_NO_LABEL.
 */
#ifndef DOORSTEP_METRICS_H
#define DOORSTEP_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doorstep/metrics_labels.h"

enum metric {
#define METRIC(id, kind, name, unit, roles, label, help) METRIC_##id,
#include "doorstep/metrics_rows.h"
#undef METRIC
    METRIC_COUNT
};

/* metrics_count() - n more. */
void metrics_count(enum metric m, unsigned label, uint64_t n);

/* metrics_gauge_set() / metrics_gauge_add() - how many there are now; add may be negative. */
void metrics_gauge_set(enum metric m, unsigned label, int64_t value);
void metrics_gauge_add(enum metric m, unsigned label, int64_t change);

/* metrics_observe() - one value for a histogram: microseconds where its unit is seconds. */
void metrics_observe(enum metric m, unsigned label, uint64_t value);

/* metrics_place() - the label that stands for a name of the configuration, the same as long as the
 * daemon runs, also in the next process of this place. METRICS_OTHERS when there is no place left
 * or the name is longer than a reader would take. */
unsigned metrics_place(enum metrics_names list, const char *name);

/* metrics_value() - what was counted here so far; of a histogram, how many values. */
uint64_t metrics_value(enum metric m, unsigned label);

#endif
