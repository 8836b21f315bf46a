/* SPDX-License-Identifier: MIT
 *
 * nth.so (LD_PRELOAD): makes the nth storage call of the store role fail, be cut short, or be its
 * last one. There is one counter over all threads, background ones too, and over all calls on files
 * below NTH_ROOT; other roles count nothing. A call is named by its system call, so that strace(1)
 * can tell whether one escapes (coverage.py). Closing, seeking and hints to the page cache are no
 * storage calls.
 */
#include "nth.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum fate { GOES_ON, FAILS, IS_SHORT, IS_TORN };

static struct nth_control *control; /* NULL: this process is no store */
static const char *root;
static size_t root_length;
static _Thread_local DIR *failing; /* the folder whose next readdir() fails */
static _Atomic bool is_dying;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Main may be killed between the fork and the exec of a store: that one begins when the next daemon
 * is there already, and ends by itself. */
static bool
is_of_this_daemon(void)
{
    const char *number = getenv("NTH_DAEMON");

    return number != NULL && strtoul(number, NULL, 10) == control->daemon;
}

/* The C library hands a constructor what main() gets. */
__attribute__((constructor)) static void
nth_open(int argc, char **argv)
{
    const char *path = getenv("NTH_CONTROL");
    int fd;

    root = getenv("NTH_ROOT");
    if (argc < 3 || strcmp(argv[1], "--role") != 0 || strcmp(argv[2], "store") != 0 ||
        path == NULL || root == NULL)
        return;
    root_length = strlen(root);
    fd = NEXT(open)(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        control = NEXT(mmap)(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || control == MAP_FAILED)
        abort(); /* a sweep that counts nothing would pass */
    close(fd);
    if (!is_of_this_daemon()) {
        control = NULL;
        return;
    }
    control->syncing = 0;
    control->pid = getpid();
    control->starts++;
}

/* --- whose call it is --- */

static bool
is_below_root(const char *path)
{
    return strncmp(path, root, root_length) == 0;
}

/* The file's path below the root; the log is no storage, and main writes it too. */
static bool
fd_path(int fd, char path[PATH_MAX])
{
    char link[32];
    ssize_t n;

    if (control == NULL || fd < 0 || fd == STDERR_FILENO)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = NEXT(readlink)(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = '\0';
    return is_below_root(path);
}

static bool
at_path(int dir, const char *name, char path[PATH_MAX])
{
    size_t n;

    if (control == NULL || name == NULL)
        return false;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return is_below_root(path);
    }
    if (!fd_path(dir, path))
        return false;
    n = strlen(path);
    if (name[0] != '\0')
        snprintf(path + n, PATH_MAX - n, "/%s", name);
    return true;
}

/* Through /proc, so that strace(1) does not take it for a call of the store. */
static uint64_t
inode_of(int fd)
{
    char link[32];
    struct stat st;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return fd >= 0 && NEXT(stat)(link, &st) == 0 ? st.st_ino : 0;
}

/* --- what becomes of it --- */

static void
describe(struct nth_call *c, const char *name, const char *path, int fd)
{
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->path, sizeof c->path, "%s", path + root_length);
    prctl(PR_GET_NAME, c->thread);
    c->inode = inode_of(fd);
    c->is_hit = 0;
}

/* A second order waits for the next process: in this one nothing more is counted. */
static void
die(void)
{
    is_dying = true;
    control->order = control->then;
    control->then.kind = NTH_COUNT;
    control->counted = 0;
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static enum fate
strike(const char *name, const char *path, int fd)
{
    enum nth_kind kind = (enum nth_kind)control->order.kind;
    uint32_t hit = control->hits;

    if (hit < NTH_HITS_MAX)
        describe(&control->hit[hit], name, path, fd);
    control->hits = hit + 1;
    if (kind == NTH_KILL)
        die();
    errno = control->order.error;
    return kind == NTH_FAIL ? FAILS : kind == NTH_SHORT ? IS_SHORT : IS_TORN;
}

static bool
is_meant(const struct nth_order *o, const char *name, const char *path)
{
    char text[PATH_MAX + 32];

    if (o->match[0] == '\0')
        return true;
    snprintf(text, sizeof text, "%s %s", name, path + root_length);
    return fnmatch(o->match, text, 0) == 0;
}

static enum fate
count(const char *name, const char *path, int fd, bool is_write)
{
    const struct nth_order *o = &control->order;
    uint32_t slot, n;

    if (control->armed == 0 || is_dying)
        return GOES_ON;
    slot = atomic_fetch_add(&control->calls, 1);
    if (slot < NTH_CALLS_MAX)
        describe(&control->call[slot], name, path, fd);
    if (!is_meant(o, name, path))
        return GOES_ON;
    if ((o->kind == NTH_SHORT || o->kind == NTH_TORN) && !is_write)
        return GOES_ON;
    n = atomic_fetch_add(&control->counted, 1) + 1;
    if (o->kind == NTH_COUNT || n != o->nth)
        return GOES_ON;
    if (slot < NTH_CALLS_MAX)
        control->call[slot].is_hit = 1;
    return strike(name, path, fd);
}

static bool
fd_fails(const char *name, int fd)
{
    char path[PATH_MAX];
    int error = errno;

    if (fd_path(fd, path) && count(name, path, fd, false) == FAILS)
        return true;
    errno = error;
    return false;
}

static bool
path_fails(const char *name, int dir, const char *at)
{
    char path[PATH_MAX];
    int error = errno;

    if (at_path(dir, at, path) && count(name, path, -1, false) == FAILS)
        return true;
    errno = error;
    return false;
}

static enum fate
write_fate(const char *name, int fd)
{
    char path[PATH_MAX];

    return fd_path(fd, path) ? count(name, path, fd, true) : GOES_ON;
}

/* --- writes --- */

static ssize_t
written(enum fate fate, ssize_t n)
{
    if (fate == IS_TORN)
        die();
    return n;
}

static size_t
cut(enum fate fate, size_t n)
{
    return fate != GOES_ON && n > 1 ? n / 2 : n;
}

ssize_t
write(int fd, const void *data, size_t n)
{
    enum fate fate = write_fate("write", fd);

    return fate == FAILS ? -1 : written(fate, NEXT(write)(fd, data, cut(fate, n)));
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
    enum fate fate = write_fate("pwrite64", fd);

    return fate == FAILS ? -1 : written(fate, NEXT(pwrite)(fd, data, cut(fate, n), offset));
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
    return pwrite(fd, data, n, offset);
}

/* Cut in the middle of a vector: half of its pieces, or half of the only one. */
static int
cut_vector(enum fate fate, const struct iovec **v, int pieces, struct iovec *half)
{
    if (fate == GOES_ON || pieces < 1)
        return pieces;
    if (pieces > 1)
        return pieces / 2;
    *half = **v;
    half->iov_len = cut(fate, half->iov_len);
    *v = half;
    return 1;
}

ssize_t
writev(int fd, const struct iovec *v, int pieces)
{
    struct iovec half;
    enum fate fate = write_fate("writev", fd);

    if (fate == FAILS)
        return -1;
    pieces = cut_vector(fate, &v, pieces, &half);
    return written(fate, NEXT(writev)(fd, v, pieces));
}

ssize_t
pwritev(int fd, const struct iovec *v, int pieces, off_t offset)
{
    struct iovec half;
    enum fate fate = write_fate("pwritev", fd);

    if (fate == FAILS)
        return -1;
    pieces = cut_vector(fate, &v, pieces, &half);
    return written(fate, NEXT(pwritev)(fd, v, pieces, offset));
}

ssize_t
pwritev64(int fd, const struct iovec *v, int pieces, off64_t offset)
{
    return pwritev(fd, v, pieces, offset);
}

ssize_t
pwritev2(int fd, const struct iovec *v, int pieces, off_t offset, int flags)
{
    struct iovec half;
    enum fate fate = write_fate("pwritev2", fd);

    if (fate == FAILS)
        return -1;
    pieces = cut_vector(fate, &v, pieces, &half);
    return written(fate, NEXT(pwritev2)(fd, v, pieces, offset, flags));
}

/* --- syncs: one that takes long is no silence --- */

static int
sync_with(int (*next)(int), const char *name, int fd)
{
    bool counts = control != NULL;
    int result;

    if (fd_fails(name, fd))
        return -1;
    if (counts)
        control->syncing++;
    result = next(fd);
    if (counts)
        control->syncing--;
    return result;
}

int
fsync(int fd)
{
    return sync_with(NEXT(fsync), "fsync", fd);
}

int
fdatasync(int fd)
{
    return sync_with(NEXT(fdatasync), "fdatasync", fd);
}

int
syncfs(int fd)
{
    return sync_with(NEXT(syncfs), "syncfs", fd);
}

/* --- calls that only fail or go on --- */

#define ON_FD(type, name, call, params, args)                                                      \
    type name params                                                                               \
    {                                                                                              \
        return fd_fails(call, fd) ? (type)-1 : NEXT(name) args;                                    \
    }

#define ON_PATH(type, name, call, dir, path, params, args)                                         \
    type name params                                                                               \
    {                                                                                              \
        return path_fails(call, dir, path) ? (type)-1 : NEXT(name) args;                           \
    }

ON_FD(ssize_t, read, "read", (int fd, void *data, size_t n), (fd, data, n))
ON_FD(ssize_t, pread, "pread64", (int fd, void *data, size_t n, off_t at), (fd, data, n, at))
ON_FD(ssize_t, pread64, "pread64", (int fd, void *data, size_t n, off64_t at), (fd, data, n, at))
ON_FD(ssize_t, readv, "readv", (int fd, const struct iovec *v, int n), (fd, v, n))
ON_FD(ssize_t, preadv, "preadv", (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
ON_FD(int, sync_file_range, "sync_file_range", (int fd, off64_t at, off64_t n, unsigned flags),
      (fd, at, n, flags))
ON_FD(int, fallocate, "fallocate", (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
ON_FD(int, fallocate64, "fallocate", (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n))
ON_FD(int, ftruncate, "ftruncate", (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, "ftruncate", (int fd, off64_t n), (fd, n))
ON_FD(int, fchmod, "fchmod", (int fd, mode_t mode), (fd, mode))
ON_FD(int, fchown, "fchown", (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
ON_FD(int, futimens, "utimensat", (int fd, const struct timespec t[2]), (fd, t))
ON_FD(int, flock, "flock", (int fd, int operation), (fd, operation))
ON_FD(int, fstat, "newfstatat", (int fd, struct stat *st), (fd, st))
ON_FD(int, fstat64, "newfstatat", (int fd, struct stat64 *st), (fd, st))
ON_FD(int, fstatvfs, "fstatfs", (int fd, struct statvfs *st), (fd, st))

ON_PATH(int, stat, "newfstatat", AT_FDCWD, path, (const char *path, struct stat *st), (path, st))
ON_PATH(int, stat64, "newfstatat", AT_FDCWD, path, (const char *path, struct stat64 *st),
        (path, st))
ON_PATH(int, lstat, "newfstatat", AT_FDCWD, path, (const char *path, struct stat *st), (path, st))
ON_PATH(int, lstat64, "newfstatat", AT_FDCWD, path, (const char *path, struct stat64 *st),
        (path, st))
ON_PATH(int, fstatat, "newfstatat", dir, path,
        (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags))
ON_PATH(int, statvfs, "statfs", AT_FDCWD, path, (const char *path, struct statvfs *st), (path, st))
ON_PATH(int, access, "access", AT_FDCWD, path, (const char *path, int mode), (path, mode))
ON_PATH(int, faccessat, flags == 0 ? "faccessat" : "faccessat2", dir, path,
        (int dir, const char *path, int mode, int flags), (dir, path, mode, flags))
ON_PATH(ssize_t, readlink, "readlink", AT_FDCWD, path, (const char *path, char *to, size_t n),
        (path, to, n))
ON_PATH(ssize_t, readlinkat, "readlinkat", dir, path,
        (int dir, const char *path, char *to, size_t n), (dir, path, to, n))
ON_PATH(int, mkdir, "mkdir", AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
ON_PATH(int, mkdirat, "mkdirat", dir, path, (int dir, const char *path, mode_t mode),
        (dir, path, mode))
ON_PATH(int, rmdir, "rmdir", AT_FDCWD, path, (const char *path), (path))
ON_PATH(int, unlink, "unlink", AT_FDCWD, path, (const char *path), (path))
ON_PATH(int, unlinkat, "unlinkat", dir, path, (int dir, const char *path, int flags),
        (dir, path, flags))
ON_PATH(int, link, "link", AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(int, linkat, "linkat", dir, to,
        (int from_dir, const char *from, int dir, const char *to, int flags),
        (from_dir, from, dir, to, flags))
ON_PATH(int, rename, "rename", AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(int, renameat, "renameat", dir, to,
        (int from_dir, const char *from, int dir, const char *to), (from_dir, from, dir, to))
ON_PATH(int, renameat2, "renameat2", dir, to,
        (int from_dir, const char *from, int dir, const char *to, unsigned flags),
        (from_dir, from, dir, to, flags))

int
posix_fallocate(int fd, off_t at, off_t n)
{
    return fd_fails("fallocate", fd) ? errno : NEXT(posix_fallocate)(fd, at, n);
}

void *
mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return fd_fails("mmap", fd) ? MAP_FAILED : NEXT(mmap)(at, n, protection, flags, fd, offset);
}

void *
mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
    return mmap(at, n, protection, flags, fd, offset);
}

/* --- listing a folder: fstat(2) and, however often the library comes back for more, one reading
 * --- */

DIR *
fdopendir(int fd)
{
    if (fd_fails("newfstatat", fd))
        return NULL;
    bool fails = fd_fails("getdents64", fd);
    DIR *d = NEXT(fdopendir)(fd);

    if (fails || d == failing)
        failing = fails ? d : NULL;
    return d;
}

DIR *
opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? NULL : fdopendir(fd);
}

struct dirent *
readdir(DIR *d)
{
    if (d != failing)
        return NEXT(readdir)(d);
    failing = NULL;
    errno = control->order.error;
    return NULL;
}

struct dirent64 *
readdir64(DIR *d)
{
    return (struct dirent64 *)readdir(d);
}

/* --- opening --- */

/* The mode is there when the flags say so; passing it on when it is not costs nothing. */
#define MODE_OF(flags, args)                                                                       \
    (((flags) & (O_CREAT | __O_TMPFILE)) != 0 ? (mode_t)va_arg(args, unsigned) : 0)

int
openat(int dir, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = MODE_OF(flags, args);
    va_end(args);
    return path_fails("openat", dir, path) ? -1 : NEXT(openat)(dir, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = MODE_OF(flags, args);
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = MODE_OF(flags, args);
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

/* --- the two that carry other requests too --- */

/* Locks alone: the other commands never leave the descriptor. */
static bool
is_lock(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK ||
           command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

int
fcntl(int fd, int command, ...)
{
    va_list args;

    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    return is_lock(command) && fd_fails("fcntl", fd) ? -1 : NEXT(fcntl)(fd, command, arg);
}

int
fcntl64(int fd, int command, ...)
{
    va_list args;

    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    return fcntl(fd, command, arg);
}

/* openat2(2) has no wrapper in the C library: it comes through syscall(). */
long
syscall(long number, ...)
{
    va_list args;
    long a[6];

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2 && path_fails("openat2", (int)a[0], (const char *)a[1]))
        return -1;
    return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
