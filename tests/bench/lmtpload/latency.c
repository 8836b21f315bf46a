/* SPDX-License-Identifier: MIT
 *
 * How long each message took, from its MAIL FROM to its last answer.
 */
#include "load_priv.h"

#include <stdlib.h>

bool
latencies_add(struct latencies *l, double seconds)
{
    double us = seconds * 1e6;

    if (l->count == l->room) {
        size_t room = l->room * 2 + 4096;
        uint32_t *list = realloc(l->list, room * sizeof(*list));
        if (list == NULL)
            return false;
        l->list = list;
        l->room = room;
    }
    l->list[l->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    return true;
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

void
latencies_sort(struct latencies *l)
{
    if (l->count > 0)
        qsort(l->list, l->count, sizeof(*l->list), compare);
}

double
latencies_ms(const struct latencies *l, double share)
{
    size_t n = (size_t)(share * (double)l->count);

    if (l->count == 0)
        return 0;
    return l->list[n < l->count ? n : l->count - 1] / 1e3;
}

void
latencies_release(struct latencies *l)
{
    free(l->list);
}
