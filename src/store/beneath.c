/* SPDX-License-Identifier: MIT
 *
 * The only place where a store turns a path into a descriptor. Callers hold folders and give names
 * below them; what lies there may change under us at any moment, so nothing is looked at first
 * and opened then: the open itself refuses (CVE-2008-2936 and its many relatives).
 */
#include "doorstep/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beneath_priv.h"

#define BENEATH_TRIES 16 /* a rename in the middle of a look-up makes openat2 say EAGAIN */

static const int always = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;

int
beneath_root(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The next step of a path into name: its length, 0 at the end, -1 when it is none to follow. */
static int
beneath_step(const char **path, char name[NAME_MAX + 1])
{
    size_t n;

    while (**path == '/')
        ++*path;
    n = strcspn(*path, "/");
    if (n > NAME_MAX)
        return -1;
    memcpy(name, *path, n);
    name[n] = '\0';
    *path += n;
    if (strcmp(name, "..") == 0)
        return -1;
    return (int)n;
}

int
beneath_walk(int dir, const char *path, int flags, mode_t mode)
{
    char name[NAME_MAX + 1];
    int at = dir;

    if (*path == '/') {
        errno = EXDEV;
        return -1;
    }
    for (;;) {
        int n = beneath_step(&path, name);
        bool is_last = path[strspn(path, "/")] == '\0';
        int next = -1;
        if (n < 0)
            errno = EXDEV; /* as openat2 names a way out */
        else if (n == 0)
            errno = ENOENT;
        else
            next = openat(at, name, is_last ? flags | always : O_PATH | O_DIRECTORY | always, mode);
        int error = errno;
        if (at != dir)
            close(at);
        errno = error;
        if (next < 0 || is_last)
            return next;
        at = next;
    }
}

int
beneath_open(int dir, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | always),
        .mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    for (int i = 0; i < BENEATH_TRIES; i++) {
        long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS || errno == EPERM) /* old kernel; a sandbox around us may say EPERM */
            return beneath_walk(dir, path, flags, mode);
        if (errno != EAGAIN && errno != EINTR)
            return -1;
    }
    return -1;
}

/* Ours and a folder, or closed. */
static int
beneath_only_own(int fd)
{
    struct stat st;
    int error = 0;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        error = errno;
    else if (!S_ISDIR(st.st_mode))
        error = ENOTDIR;
    else if (st.st_uid != geteuid())
        error = EPERM; /* planted by somebody else (CVE-2008-2937) */
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

int
beneath_folder(int dir, const char *path)
{
    return beneath_only_own(beneath_open(dir, path, O_RDONLY | O_DIRECTORY, 0));
}

/* One step down, made when missing. A folder whose name could not be synced goes again: the next
 * one to come would take it for durable. */
static int
beneath_enter(int at, const char *name, bool sync)
{
    if (mkdirat(at, name, 0700) == 0) {
        if (sync && fsync(at) < 0) {
            int error = errno;
            unlinkat(at, name, AT_REMOVEDIR);
            errno = error;
            return -1;
        }
    } else if (errno != EEXIST) {
        return -1;
    }
    return beneath_open(at, name, O_RDONLY | O_DIRECTORY, 0);
}

static int
beneath_make(int dir, const char *path, bool sync)
{
    char name[NAME_MAX + 1];
    int at = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (at >= 0) {
        int n = beneath_step(&path, name);
        if (n == 0)
            break;
        int next = -1;
        if (n > 0)
            next = beneath_enter(at, name, sync);
        else
            errno = EXDEV;
        int error = errno;
        close(at);
        errno = error;
        at = next;
    }
    return at;
}

int
beneath_make_folder(int dir, const char *path)
{
    return beneath_make(dir, path, true);
}

int
beneath_make_folder_unsynced(int dir, const char *path)
{
    return beneath_make(dir, path, false);
}

const char *
beneath_file_fault(int fd, struct stat *st)
{
    if (fstat(fd, st) < 0)
        return "cannot be looked at";
    if (!S_ISREG(st->st_mode))
        return "is no regular file";
    if (st->st_uid != geteuid())
        return "belongs to somebody else";
    if (st->st_nlink != 1)
        return st->st_nlink == 0 ? "was removed" : "has a second name (hard link)";
    return NULL;
}
