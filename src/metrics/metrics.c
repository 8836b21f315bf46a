/* SPDX-License-Identifier: MIT
 *
 * Counting: one addition of relaxed order at a place that the table names. Until a page is mapped
 * it goes into one of this process alone.
 */
#include "metrics_priv.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metrics_page own_page;
struct metrics_page *metrics_page = &own_page;

static _Atomic uint64_t *
series(enum metric m, unsigned label, enum metric_kind kind)
{
    const struct metric_row *row = &metric_rows[m];

    assert(row->kind == kind && label < row->label->count);
    (void)kind;
    return &metrics_page->slots[row->first + label * row->width];
}

static void
add(_Atomic uint64_t *slot, uint64_t n)
{
    atomic_fetch_add_explicit(slot, n, memory_order_relaxed);
}

void
metrics_count(enum metric m, unsigned label, uint64_t n)
{
    add(series(m, label, METRIC_KIND_COUNTER), n);
}

void
metrics_gauge_set(enum metric m, unsigned label, int64_t value)
{
    atomic_store_explicit(series(m, label, METRIC_KIND_GAUGE), (uint64_t)value,
                          memory_order_relaxed);
}

void
metrics_gauge_add(enum metric m, unsigned label, int64_t change)
{
    add(series(m, label, METRIC_KIND_GAUGE), (uint64_t)change);
}

/* Buckets are counted each for itself and summed up by whoever reads them: one addition here. */
void
metrics_observe(enum metric m, unsigned label, uint64_t value)
{
    _Atomic uint64_t *slots = series(m, label, METRIC_KIND_HISTOGRAM);
    const uint64_t *bounds = metrics_bounds(&metric_rows[m]);
    unsigned bucket = 0;

    while (bucket < METRICS_BOUNDS && value > bounds[bucket])
        bucket++;
    add(&slots[bucket], 1);
    add(&slots[METRICS_BOUNDS + 1], value);
}

/* The place that has this name, or the first that has none. */
static unsigned
find_place(const struct metrics_name *names, const char *name, size_t n)
{
    unsigned i;

    for (i = 0; i < METRICS_PLACES; i++) {
        size_t length = atomic_load_explicit(&names[i].length, memory_order_relaxed);

        if (length == 0 || (length == n && memcmp(names[i].text, name, n) == 0))
            break;
    }
    return i;
}

unsigned
metrics_place(enum metrics_names list, const char *name)
{
    size_t n = strlen(name);
    struct metrics_name *names;
    unsigned i;

    if (n == 0 || n > METRICS_NAME_MAX)
        return METRICS_OTHERS;
    pthread_mutex_lock(&names_lock);
    names = metrics_page->names[list];
    i = find_place(names, name, n);
    if (i < METRICS_PLACES && names[i].length == 0) {
        memcpy(names[i].text, name, n);
        atomic_store_explicit(&names[i].length, (uint8_t)n, memory_order_release);
    }
    pthread_mutex_unlock(&names_lock);
    return i;
}

uint64_t
metrics_value(enum metric m, unsigned label)
{
    const struct metric_row *row = &metric_rows[m];
    unsigned slots = row->kind == METRIC_KIND_HISTOGRAM ? METRICS_BOUNDS + 1 : 1;
    uint64_t value = 0;

    for (unsigned i = 0; i < slots; i++)
        value += atomic_load_explicit(&metrics_page->slots[row->first + label * row->width + i],
                                      memory_order_relaxed);
    return value;
}
