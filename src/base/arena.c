/* SPDX-License-Identifier: MIT
 *
 * Memory that is freed whole: see arena.h. Blocks of 4 KiB, larger ones for larger requests.
 */
#include "doorstep/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 4096

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void
arena_release(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}

void
arena_reset(struct arena *a)
{
    struct arena_block *kept = a->blocks;

    if (kept == NULL || kept->size > BLOCK_SIZE) {
        arena_release(a);
        return;
    }
    a->blocks = kept->next;
    arena_release(a);
    kept->next = NULL;
    kept->used = 0;
    a->blocks = kept;
}

static struct arena_block *
add_block(struct arena *a, size_t n)
{
    size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
    struct arena_block *b = malloc(sizeof *b + size);

    if (b == NULL)
        return NULL;
    *b = (struct arena_block){.next = a->blocks, .size = size};
    a->blocks = b;
    return b;
}

static void *
take(struct arena *a, size_t n)
{
    const size_t step = alignof(max_align_t);

    if (n > a->max || a->used > a->max - n || n > SIZE_MAX - step - sizeof(struct arena_block))
        return NULL;
    size_t rounded = (n + step - 1) / step * step;
    struct arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < rounded)
        b = add_block(a, rounded);
    if (b == NULL)
        return NULL;
    void *p = b->data + b->used;
    b->used += rounded;
    a->used += n;
    return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
    void *p = take(a, n);

    return p == NULL ? NULL : memset(p, 0, n);
}

char *
arena_copy(struct arena *a, struct span s)
{
    char *p = s.n == SIZE_MAX ? NULL : take(a, s.n + 1);

    if (p == NULL)
        return NULL;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}
