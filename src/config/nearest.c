/* SPDX-License-Identifier: MIT
 *
 * The nearest known name to one that nobody knows: see nearest_priv.h. Called for error messages
 * only.
 */
#include "nearest_priv.h"

#include <stdint.h>
#include <string.h>

#define LENGTH_MAX 64

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
nearest_distance(const char *a, const char *b)
{
    /* Three rows of the usual matrix: the swap of neighbours looks two rows back. */
    size_t row[3][LENGTH_MAX + 1];
    size_t a_length = strnlen(a, LENGTH_MAX), b_length = strnlen(b, LENGTH_MAX);

    for (size_t j = 0; j <= b_length; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = row[i % 3];
        const size_t *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            now[j] = least(least(before[j], now[j - 1]) + 1,
                           before[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return row[a_length % 3][b_length];
}

const char *
nearest_name(const char *wanted, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t distance = nearest_distance(wanted, names[i]);

        if (distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
