/* SPDX-License-Identifier: MIT
 *
 * Clocks and identifiers: see clock.h.
 */
#include "doorstep/clock.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t
clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct timespec
clock_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t;
}

/* Crockford's alphabet: no I, L, O, U, so that an identifier survives being read aloud. */
static void
print_base32(char *out, size_t digits, uint64_t v)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    while (digits > 0) {
        out[--digits] = alphabet[v % 32];
        v /= 32;
    }
}

/* One call for many: it would be every third system call of a loaded dispatcher. Short reads happen
 * only for more than 256 octets; a kernel without the call is not supported, and an identifier that
 * may repeat would break promise 4. */
static uint64_t
random_u64(void)
{
    static _Thread_local uint64_t pool[256 / sizeof(uint64_t)];
    static _Thread_local size_t left;

    if (left == 0) {
        if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool)
            abort();
        left = sizeof pool / sizeof pool[0];
    }
    return pool[--left];
}

/* Not for both sides of a fork(2): roles are started anew (fork and exec). */
void
id_make(char out[ID_SIZE])
{
    struct timespec now = clock_wall();
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;

    print_base32(out, 10, ms);                /* 50 bits: until the year 37000 */
    print_base32(out + 10, 13, random_u64()); /* 64 bits: 2^32 in one ms before a twin */
    out[ID_SIZE - 1] = '\0';
}
