/* SPDX-License-Identifier: MIT
 *
 * For tests of a hundred thousand cases: a generator with a seed, so that what fails fails again
 * (xorshift64*), and a check that costs nothing while it holds (Check's own notes each on a file).
 */
#ifndef TEST_DENSE_H
#define TEST_DENSE_H

#include <check.h>
#include <stdint.h>

#define DENSE_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("does not hold: %s", #condition);                                         \
    } while (0)

static inline uint64_t
random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

static inline unsigned
random_below(uint64_t *state, unsigned n)
{
    return (unsigned)(random_next(state) >> 33) % n;
}

#endif
