/* SPDX-License-Identifier: MIT
 *
 * Memory that is freed whole: one arena a transaction, one a parse. Bounded by a maximum
 * given at init; past it, or without memory, allocation returns NULL. Not thread-safe.
 */
#ifndef DOORSTEP_ARENA_H
#define DOORSTEP_ARENA_H

#include <stddef.h>

#include "doorstep/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned, newest first */
    size_t used;                /* octets handed out */
    size_t max;
};

void arena_init(struct arena *a, size_t max);
void arena_release(struct arena *a);

/* arena_reset() - forget all that was allocated; a little memory is kept for the next use. */
void arena_reset(struct arena *a);

/* arena_alloc() - zeroed, aligned for any type; NULL past the maximum. */
void *arena_alloc(struct arena *a, size_t n);

/* arena_copy() - s as a NUL-terminated string of the arena's; NULL past the maximum. */
char *arena_copy(struct arena *a, struct span s);

#endif
