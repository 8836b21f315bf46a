/* SPDX-License-Identifier: MIT
 *
 * The table as data, and where in a page each number lies: one after the other in the order of the
 * rows. Every process is the same program, so all agree.
 */
#ifndef METRICS_METRICS_PRIV_H
#define METRICS_METRICS_PRIV_H

#include <stdatomic.h>

#include "doorstep/metrics.h"

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };

#define METRICS_BOUNDS 16                                /* of a histogram, +Inf not among them */
#define METRICS_HISTOGRAM_SLOTS (METRICS_BOUNDS + 1 + 1) /* +Inf, and the sum */

struct metrics_label {
    const char *name;          /* "" for none */
    const char *const *values; /* NULL: names of the configuration, which each page has */
    unsigned count;
    enum metrics_names names; /* then: which */
};

struct metric_row {
    const char *name; /* without prefix and suffixes */
    const char *unit;
    const char *help;
    enum metric_kind kind;
    unsigned roles; /* bits 1 << METRICS_ROLE_* */
    unsigned first; /* slot of its first series */
    unsigned width; /* slots of one series */
    const struct metrics_label *label;
};

extern const struct metric_row metric_rows[METRIC_COUNT];

/* metrics_bounds() - the upper bounds of a histogram's buckets, by its unit. */
const uint64_t *metrics_bounds(const struct metric_row *row);

#define METRICS_SLOT_WIDTH_COUNTER 1
#define METRICS_SLOT_WIDTH_GAUGE 1
#define METRICS_SLOT_WIDTH_HISTOGRAM METRICS_HISTOGRAM_SLOTS

enum metric_slot {
#define METRIC(id, kind, name, unit, roles, label, help)                                           \
    METRIC_SLOT_##id,                                                                              \
        METRIC_SLOT_##id##_LAST =                                                                  \
            METRIC_SLOT_##id + METRICS_SLOT_WIDTH_##kind * METRICS_##label##_COUNT - 1,
#include "doorstep/metrics_rows.h"
#undef METRIC
    METRICS_SLOTS
};

#define METRICS_NAME_MAX 63 /* octets of a name */

struct metrics_name {
    _Atomic uint8_t length; /* 0: nobody has this place; written last */
    char text[METRICS_NAME_MAX];
};

struct metrics_page {
    _Atomic uint64_t slots[METRICS_SLOTS];
    struct metrics_name names[METRICS_NAMES_COUNT][METRICS_PLACES];
};

/* The page of this process. */
extern struct metrics_page *metrics_page;

#endif
