/* SPDX-License-Identifier: MIT
 *
 * See faults.h.
 */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS 256

static struct {
    int left;  /* calls until it happens; 0: off */
    int error; /* 0: crash */
    int reads; /* looks at folders until one fails; 0: off */
    int lost;  /* calls that can be made once only, until a reply is lost; 0: off */
    bool happened;
    bool stale[DESCRIPTORS];
} fault;

void
faults_fail(int n, int error)
{
    fault.left = n;
    fault.error = error;
    fault.lost = fault.reads = 0;
    fault.happened = false;
}

void
faults_fail_reading(int n, int error)
{
    faults_fail(0, error);
    fault.reads = n;
}

void
faults_crash(int n)
{
    faults_fail(n, 0);
}

void
faults_lose_reply(int n)
{
    faults_fail(0, 0);
    fault.lost = n;
}

void
faults_stale(void)
{
    struct stat st;

    for (int fd = 0; fd < DESCRIPTORS; fd++)
        fault.stale[fd] = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
faults_off(void)
{
    fault.left = fault.lost = fault.reads = 0;
    return fault.happened;
}

static bool
fails(void)
{
    if (fault.left == 0 || --fault.left > 0)
        return false;
    fault.happened = true;
    if (fault.error == 0)
        _exit(99);
    errno = fault.error;
    return true;
}

static bool
fails_reading(void)
{
    if (fault.reads == 0 || --fault.reads > 0)
        return false;
    fault.happened = true;
    errno = fault.error;
    return true;
}

static bool
is_stale(int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS || !fault.stale[fd])
        return false;
    errno = ESTALE;
    return true;
}

/* Done: and the one who asked hears `error`, as for the same once more. */
static bool
loses_reply(int error)
{
    if (fault.lost == 0 || --fault.lost > 0)
        return false;
    fault.happened = true;
    errno = error;
    return true;
}

#define WRAP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails() ? -1 : __real_##name arguments;                                             \
    }

WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))

/* In a folder, and of those that a second time say something else. */
#define WRAP_ONCE(name, parameters, arguments, dir, error)                                         \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        if (fails() || is_stale(dir) || __real_##name arguments != 0)                              \
            return -1;                                                                             \
        return loses_reply(error) ? -1 : 0;                                                        \
    }

WRAP_ONCE(mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode), dir, EEXIST)
WRAP_ONCE(unlinkat, (int dir, const char *name, int flags), (dir, name, flags), dir, ENOENT)
WRAP_ONCE(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), b, ENOENT)
WRAP_ONCE(renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
          (a, from, b, to, flags), b, ENOENT)
WRAP_ONCE(linkat, (int a, const char *from, int b, const char *to, int flags),
          (a, from, b, to, flags), b, EEXIST)

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

int
__wrap_fstat(int fd, struct stat *st)
{
    return is_stale(fd) ? -1 : __real_fstat(fd, st);
}

struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);

/* As a file system does that does not say what an entry is. */
struct dirent *
__wrap_readdir(DIR *d)
{
    struct dirent *e = fails_reading() ? NULL : __real_readdir(d);

    if (e != NULL && fault.reads > 0)
        e->d_type = DT_UNKNOWN;
    return e;
}

int __real_fstatat(int dir, const char *path, struct stat *st, int flags);
int __wrap_fstatat(int dir, const char *path, struct stat *st, int flags);

int
__wrap_fstatat(int dir, const char *path, struct stat *st, int flags)
{
    return fails_reading() ? -1 : __real_fstatat(dir, path, st, flags);
}

int __real_close(int fd);
int __wrap_close(int fd);

int
__wrap_close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS)
        fault.stale[fd] = false;
    return __real_close(fd);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);

int
__wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;

    if (fails() || is_stale(dir))
        return -1;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return __real_openat(dir, path, flags, mode);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* openat2(2) is the only one that the drivers make. */
long
__wrap_syscall(long number, ...)
{
    long a[4];
    va_list args;

    if (number == SYS_openat2 && fails())
        return -1;
    va_start(args, number);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2 && is_stale((int)a[0]))
        return -1;
    return __real_syscall(number, a[0], a[1], a[2], a[3]);
}
