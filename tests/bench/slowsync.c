/* SPDX-License-Identifier: MIT
 *
 * For LD_PRELOAD: every call that waits for the disk takes SLOWSYNC_MS milliseconds longer, to see
 * how a server fares where flushes are slow. The delay comes before the call, so that nothing is
 * promised earlier than without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void
wait_more(void)
{
    const char *text = getenv("SLOWSYNC_MS");
    long ms = text != NULL ? strtol(text, NULL, 10) : 0;
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    int error = errno;

    while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    errno = error;
}

int
fsync(int fd)
{
    wait_more();
    return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
    wait_more();
    return (int)syscall(SYS_fdatasync, fd);
}

int
syncfs(int fd)
{
    wait_more();
    return (int)syscall(SYS_syncfs, fd);
}

void
sync(void)
{
    wait_more();
    syscall(SYS_sync);
}

int
sync_file_range(int fd, off64_t offset, off64_t octets, unsigned flags)
{
    wait_more();
    return (int)syscall(SYS_sync_file_range, fd, offset, octets, flags);
}

int
msync(void *memory, size_t octets, int flags)
{
    if ((flags & MS_SYNC) != 0)
        wait_more();
    return (int)syscall(SYS_msync, memory, octets, flags);
}
