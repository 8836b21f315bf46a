/* SPDX-License-Identifier: MIT
 *
 * LD_PRELOAD for kill_roles.py: a wall clock that jumps. The file CLOCK_OFFSET holds 8 octets, the
 * seconds by which every process is wrong; it is mapped before main() and read without a system
 * call, so roles that may open nothing follow it too. The monotonic clock stays as it is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void
map_offset(void)
{
    const char *path = getenv("CLOCK_OFFSET");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0)
        close(fd);
    if (at != MAP_FAILED)
        offset = at;
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
    int result;

    if (real_gettime == NULL) /* other libraries' constructors ask for the time before ours ran */
        *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    result = real_gettime(clock, t);
    if (result == 0 && offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += *offset;
    return result;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);

    (void)zone;
    *t = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return result;
}

time_t
time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
