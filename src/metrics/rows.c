/* SPDX-License-Identifier: MIT
 *
 * metrics_rows.h and metrics_labels.h as tables.
 */
#include "metrics_priv.h"

#include <string.h>

#define IN_MAIN (1u << METRICS_ROLE_MAIN)
#define IN_EDGE (1u << METRICS_ROLE_EDGE)
#define IN_STORE (1u << METRICS_ROLE_STORE)
#define IN_SORTER (1u << METRICS_ROLE_SORTER)
#define IN_HAND (1u << METRICS_ROLE_HAND)
#define IN_AUTH (1u << METRICS_ROLE_AUTH)
#define IN_OUTBOUND (1u << METRICS_ROLE_OUTBOUND)
#define IN_RUNNER (1u << METRICS_ROLE_RUNNER)
#define IN_PASSTHROUGH (1u << METRICS_ROLE_PASSTHROUGH)
#define IN_METRICS (1u << METRICS_ROLE_METRICS)
#define IN_ALL ((1u << METRICS_ROLES_COUNT) - 1)

#define VALUE_TEXT(id, text) text,
#define LABEL_VALUES(list, name)                                                                   \
    static const char *const values_##list[] = {METRICS_##list(VALUE_TEXT)};
METRICS_LABELS(LABEL_VALUES)

#define LABEL_PLACE(list, name) LABEL_##list,
enum label_place { METRICS_LABELS(LABEL_PLACE) METRICS_NAMES(LABEL_PLACE) };

#define LABEL_ROW(list, name) [LABEL_##list] = {name, values_##list, METRICS_##list##_COUNT, 0},
#define NAMES_ROW(list, name)                                                                      \
    [LABEL_##list] = {name, NULL, METRICS_##list##_COUNT, METRICS_NAMES_##list},
static const struct metrics_label labels[] = {METRICS_LABELS(LABEL_ROW) METRICS_NAMES(NAMES_ROW)};

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC(id, kind, name, unit, roles, label, help)                                           \
    {name,                                                                                         \
     unit,                                                                                         \
     help,                                                                                         \
     METRIC_KIND_##kind,                                                                           \
     roles,                                                                                        \
     METRIC_SLOT_##id,                                                                             \
     METRICS_SLOT_WIDTH_##kind,                                                                    \
     &labels[LABEL_##label]},
#include "doorstep/metrics_rows.h"
#undef METRIC
};

static const uint64_t bounds_seconds[METRICS_BOUNDS] = {
    100,   250,    500,    1000,   2500,    5000,    10000,    25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000, 60000000,
};

static const uint64_t bounds_bytes[METRICS_BOUNDS] = {
    UINT64_C(1) << 9,  UINT64_C(1) << 10, UINT64_C(1) << 11, UINT64_C(1) << 12,
    UINT64_C(1) << 13, UINT64_C(1) << 14, UINT64_C(1) << 15, UINT64_C(1) << 16,
    UINT64_C(1) << 18, UINT64_C(1) << 20, UINT64_C(1) << 22, UINT64_C(1) << 24,
    UINT64_C(1) << 25, UINT64_C(1) << 26, UINT64_C(1) << 28, UINT64_C(1) << 30,
};

static const uint64_t bounds_counts[METRICS_BOUNDS] = {
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512, 1024,
};

const uint64_t *
metrics_bounds(const struct metric_row *row)
{
    if (strcmp(row->unit, "seconds") == 0)
        return bounds_seconds;
    return strcmp(row->unit, "bytes") == 0 ? bounds_bytes : bounds_counts;
}
