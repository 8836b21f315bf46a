/* SPDX-License-Identifier: MIT
 *
 * nth.so: makes the nth storage call of a process fail, be cut short, or be its last one (LD_PRELOAD).
 * One counter over all threads and all calls on files below NTH_ROOT. Nothing is counted until the
 * order file NTH_ORDER exists: "kill 7", "errno 7 28" or "short 7". The order is taken back (the
 * file removed) when it is carried out, so a role that is started anew meets it no more; what is left
 * of it after a delivery tells that there were fewer calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum fate { GOES_ON, FAILS, IS_SHORT };

static _Atomic long left; /* calls until the order is carried out; 0: none is known */
static _Atomic int order_kind;
static _Atomic int order_errno;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Raw calls: the wrapped ones would count themselves. */
static bool
read_order(char *text, size_t size)
{
    const char *path = getenv("NTH_ORDER");
    long fd = path == NULL ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    long n = syscall(SYS_read, fd, text, size - 1);
    syscall(SYS_close, fd);
    text[n < 0 ? 0 : n] = '\0';
    return n > 0;
}

static bool
take_order(void)
{
    char text[64], kind[8] = "";
    long nth = 0;
    int error = EIO;

    if (!read_order(text, sizeof text) || sscanf(text, "%7s %ld %d", kind, &nth, &error) < 2)
        return false;
    order_kind = kind[0];
    order_errno = error;
    left = nth;
    return nth > 0;
}

static enum fate
count_call(void)
{
    if (left == 0 && !take_order())
        return GOES_ON;
    if (atomic_fetch_sub(&left, 1) != 1)
        return GOES_ON;
    if (syscall(SYS_unlinkat, AT_FDCWD, getenv("NTH_ORDER"), 0) != 0)
        return GOES_ON; /* taken back meanwhile */
    if (order_kind == 'k')
        kill(getpid(), SIGKILL);
    if (order_kind == 's')
        return IS_SHORT;
    errno = order_errno;
    return FAILS;
}

static bool
is_below_root(const char *path)
{
    const char *root = getenv("NTH_ROOT");

    return root != NULL && strncmp(path, root, strlen(root)) == 0;
}

static bool
fd_counts(int fd)
{
    char link[32], path[4096];

    if (fd == STDERR_FILENO) /* the log is no storage, and main writes it too */
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return false;
    path[n] = '\0';
    return is_below_root(path);
}

static bool
path_counts(int dirfd, const char *path)
{
    if (path[0] == '/')
        return is_below_root(path);
    return dirfd != AT_FDCWD && fd_counts(dirfd);
}

static enum fate
fd_fate(int fd)
{
    return fd_counts(fd) ? count_call() : GOES_ON;
}

static enum fate
path_fate(int dirfd, const char *path)
{
    return path_counts(dirfd, path) ? count_call() : GOES_ON;
}

ssize_t
write(int fd, const void *data, size_t n)
{
    enum fate fate = fd_fate(fd);

    if (fate == FAILS)
        return -1;
    return NEXT(write)(fd, data, fate == IS_SHORT && n > 1 ? n / 2 : n);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
    enum fate fate = fd_fate(fd);

    if (fate == FAILS)
        return -1;
    return NEXT(pwrite64)(fd, data, fate == IS_SHORT && n > 1 ? n / 2 : n, offset);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
    return pwrite64(fd, data, n, offset);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
    enum fate fate = fd_fate(fd);

    if (fate == FAILS)
        return -1;
    return NEXT(writev)(fd, v, fate == IS_SHORT && count > 1 ? 1 : count);
}

ssize_t
pwritev(int fd, const struct iovec *v, int count, off_t offset)
{
    enum fate fate = fd_fate(fd);

    if (fate == FAILS)
        return -1;
    return NEXT(pwritev)(fd, v, fate == IS_SHORT && count > 1 ? 1 : count, offset);
}

ssize_t
read(int fd, void *data, size_t n)
{
    return fd_fate(fd) == FAILS ? -1 : NEXT(read)(fd, data, n);
}

ssize_t
pread64(int fd, void *data, size_t n, off64_t offset)
{
    return fd_fate(fd) == FAILS ? -1 : NEXT(pread64)(fd, data, n, offset);
}

int
fsync(int fd)
{
    return fd_fate(fd) == FAILS ? -1 : NEXT(fsync)(fd);
}

int
fdatasync(int fd)
{
    return fd_fate(fd) == FAILS ? -1 : NEXT(fdatasync)(fd);
}

int
ftruncate64(int fd, off64_t n)
{
    return fd_fate(fd) == FAILS ? -1 : NEXT(ftruncate64)(fd, n);
}

int
ftruncate(int fd, off_t n)
{
    return ftruncate64(fd, n);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
    return path_fate(to, new) == FAILS ? -1 : NEXT(linkat)(from, old, to, new, flags);
}

int
rename(const char *old, const char *new)
{
    return path_fate(AT_FDCWD, new) == FAILS ? -1 : NEXT(rename)(old, new);
}

int
renameat(int from, const char *old, int to, const char *new)
{
    return path_fate(to, new) == FAILS ? -1 : NEXT(renameat)(from, old, to, new);
}

int
renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return path_fate(to, new) == FAILS ? -1 : NEXT(renameat2)(from, old, to, new, flags);
}

int
unlink(const char *path)
{
    return path_fate(AT_FDCWD, path) == FAILS ? -1 : NEXT(unlink)(path);
}

int
unlinkat(int dirfd, const char *path, int flags)
{
    return path_fate(dirfd, path) == FAILS ? -1 : NEXT(unlinkat)(dirfd, path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
    return path_fate(AT_FDCWD, path) == FAILS ? -1 : NEXT(mkdir)(path, mode);
}

int
mkdirat(int dirfd, const char *path, mode_t mode)
{
    return path_fate(dirfd, path) == FAILS ? -1 : NEXT(mkdirat)(dirfd, path, mode);
}

/* The mode is there when the flags say so; passing it on when it is not costs nothing. */
#define MODE_OF(flags, args)                                                                       \
    (((flags) & (O_CREAT | __O_TMPFILE)) != 0 ? (mode_t)va_arg(args, unsigned) : 0)

int
open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = MODE_OF(flags, args);
    va_end(args);
    return path_fate(AT_FDCWD, path) == FAILS ? -1 : NEXT(open64)(path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = MODE_OF(flags, args);
    va_end(args);
    return path_fate(AT_FDCWD, path) == FAILS ? -1 : NEXT(open)(path, flags, mode);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = MODE_OF(flags, args);
    va_end(args);
    return path_fate(dirfd, path) == FAILS ? -1 : NEXT(openat)(dirfd, path, flags, mode);
}

/* openat2(2) has no wrapper in the C library: it comes through syscall(). Its arguments are passed on as
 * they came; the others that a program makes this way are none of ours. */
long
syscall(long number, ...)
{
    va_list args;
    long a[6];

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2 && path_fate((int)a[0], (const char *)a[1]) == FAILS)
        return -1;
    return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
