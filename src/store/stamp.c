/* SPDX-License-Identifier: MIT
 *
 * Has a mailbox changed since it was last looked at? A number made of what the file system says of
 * its files or folders, so that reconcile reads only what is worth reading.
 */
#include "doorstep/store_driver.h"

#define GRAIN_NS 20000000            /* two ticks of the slowest kernel clock (HZ=100) */
#define GRAIN_COARSE_NS 2100000000LL /* file systems that keep seconds, or pairs of them */

static uint64_t
stamp_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t
stamp_mix_time(uint64_t h, const struct timespec *t)
{
    return stamp_mix(stamp_mix(h, (uint64_t)t->tv_sec), (uint64_t)t->tv_nsec);
}

/* A change within one tick of the file system's clock leaves the time as it is. So what was changed
 * a moment ago has no stamp: it may change again and look the same. */
static bool
stamp_is_settled(const struct timespec *changed, const struct timespec *now)
{
    long long age =
        (now->tv_sec - changed->tv_sec) * 1000000000LL + now->tv_nsec - changed->tv_nsec;

    return age > (changed->tv_nsec != 0 ? GRAIN_NS : GRAIN_COARSE_NS);
}

bool
store_stamp_of(const struct stat *files, size_t count, uint64_t *stamp)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* the clock that file times are taken from */
    *stamp = 1;
    for (size_t i = 0; i < count; i++) {
        if (!stamp_is_settled(&files[i].st_mtim, &now) ||
            !stamp_is_settled(&files[i].st_ctim, &now))
            return false;
        *stamp = stamp_mix(*stamp, files[i].st_ino);
        *stamp = stamp_mix(*stamp, (uint64_t)files[i].st_size);
        *stamp = stamp_mix_time(*stamp, &files[i].st_mtim);
        *stamp = stamp_mix_time(*stamp, &files[i].st_ctim);
    }
    return true;
}
