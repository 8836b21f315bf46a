/* SPDX-License-Identifier: MIT
 *
 * LD_PRELOAD for a server that is to lose data: every sync is a success that does nothing. What a
 * fault test has to find.
 */
#include <fcntl.h>
#include <unistd.h>

int
fsync(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int
fdatasync(int fd)
{
    return fsync(fd);
}

int
syncfs(int fd)
{
    return fsync(fd);
}

int
sync_file_range(int fd, off64_t offset, off64_t octets, unsigned flags)
{
    (void)offset, (void)octets, (void)flags;
    return fsync(fd);
}
