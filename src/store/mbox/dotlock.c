/* SPDX-License-Identifier: MIT
 *
 * NAME.lock beside a mailbox: the lock that works over NFS and that every mail program knows. Made
 * with link(2), which is atomic everywhere; whether it worked is read from our file's link count,
 * because NFS may answer EEXIST for a success. A lock that a process of ours left behind is broken
 * at once, another program's when it is five minutes old and its process is gone.
 *
 * A power cut keeps the name of a lock and loses its content, which nothing has synced. So that
 * ours is known then too, its modification time, which the file system's journal keeps with the
 * name, carries a mark of the host in its nanoseconds.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOTLOCK_STALE 300 /* seconds */

/* What stands in a lock of ours: the number on the first line, as every program reads it, then the
 * host and when the process began (proc(5), stat), so that neither a number given anew nor another
 * host's process is taken for the one that made it. */
struct holder {
    long pid;
    char host[HOST_NAME_MAX + 1];
    unsigned long long began; /* 0: not one of ours */
};

/* When a process began, in clock ticks since the machine did; 0 when it is gone, though its parent
 * may not have noticed yet, or cannot be seen. */
static unsigned long long
process_began(long pid)
{
    char path[64], text[1024];
    unsigned long long began = 0;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    /* The 22nd field; the second is the name in parentheses, which may hold anything. */
    const char *field = strrchr(text, ')');
    if (field != NULL && (strncmp(field, ") Z", 3) == 0 || strncmp(field, ") X", 3) == 0))
        return 0;
    for (int i = 2; field != NULL && i < 22; i++)
        field = strchr(field + 1, ' ');
    if (field != NULL)
        began = strtoull(field + 1, NULL, 10);
    return began;
}

static void
holder_self(struct holder *h)
{
    *h = (struct holder){.pid = getpid()};
    if (gethostname(h->host, sizeof(h->host) - 1) < 0)
        snprintf(h->host, sizeof(h->host), "localhost");
    h->began = process_began(h->pid);
}

static bool
holder_read(int dir, const char *lock, struct holder *h)
{
    char text[HOST_NAME_MAX + 64];
    int fd = beneath_open(dir, lock, O_RDONLY, 0);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    *h = (struct holder){.pid = 0};
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    char *end;
    h->pid = strtol(text, &end, 10);
    if (sscanf(end, "\n%64s %llu", h->host, &h->began) < 2)
        h->began = 0;
    return h->pid > 0;
}

/* A lock of ours whose process ended, or which this very process could not take away: an account
 * has one thread, and that one is here to take the lock, so it does not hold it. */
static bool
is_left_by_us(const struct holder *h)
{
    struct holder self;

    holder_self(&self);
    if (h->began == 0 || strcmp(h->host, self.host) != 0)
        return false;
    if (h->pid == self.pid && h->began == self.began)
        return true;
    return self.began != 0 && process_began(h->pid) != h->began;
}

/* Nanoseconds that stand for a host (FNV-1a). */
static long
host_mark(const char *host)
{
    uint32_t mark = 2166136261u;

    for (; *host != '\0'; host++)
        mark = (mark ^ (unsigned char)*host) * 16777619u;
    return (long)(mark % 1000000000u);
}

/* A lock of this host without content: ours have theirs before they have their name, so only a
 * power cut makes one. */
static bool
is_left_by_power_cut(const struct stat *seen)
{
    struct holder self;

    holder_self(&self);
    return seen->st_mtim.tv_nsec == host_mark(self.host);
}

/* Others' locks are broken when they are old and their process is gone, as far as we can tell. */
static bool
is_stale(int dir, const char *lock, const struct stat *seen, time_t age)
{
    struct holder h;

    if (!holder_read(dir, lock, &h))
        return age >= DOTLOCK_STALE || is_left_by_power_cut(seen);
    if (is_left_by_us(&h))
        return true;
    return age >= DOTLOCK_STALE && kill((pid_t)h.pid, 0) < 0 && errno == ESRCH;
}

/* Somebody else may break the same lock and take a new one between our look and our deed: so it is
 * moved aside, looked at again, and put back when it is not the one we saw. */
static bool
dotlock_break(int dir, const char *lock, const char *aside, time_t now)
{
    struct stat seen, moved;

    if (fstatat(dir, lock, &seen, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (!is_stale(dir, lock, &seen, now - seen.st_mtime))
        return false;
    if (renameat(dir, lock, dir, aside) < 0)
        return errno == ENOENT;
    bool same = fstatat(dir, aside, &moved, AT_SYMLINK_NOFOLLOW) == 0 &&
                moved.st_ino == seen.st_ino && moved.st_ctim.tv_sec >= seen.st_ctim.tv_sec &&
                moved.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
                moved.st_mtim.tv_nsec == seen.st_mtim.tv_nsec;
    if (!same)
        (void)!linkat(dir, aside, dir, lock, 0);
    unlinkat(dir, aside, 0);
    return same;
}

/* Unnamed where that can be, so that a crash leaves nothing: `draft` is empty then. */
static int
draft_open(int dir, char *draft)
{
    int fd = -1;

    if (access("/proc/self/fd", X_OK) == 0)
        fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        return beneath_open(dir, draft, O_WRONLY | O_CREAT | O_EXCL, 0644);
    draft[0] = '\0';
    return fd;
}

static void
draft_remove(int dir, const char *draft)
{
    if (draft[0] != '\0')
        unlinkat(dir, draft, 0);
}

/* Our own file, with our number in it and our mark on it. */
static int
dotlock_draft(int dir, char *draft, time_t now)
{
    char text[HOST_NAME_MAX + 64];
    struct holder self;
    int fd = draft_open(dir, draft);

    holder_self(&self);
    int n = snprintf(text, sizeof(text), "%ld\n%s %llu\n", self.pid, self.host, self.began);

    const struct timespec marked[2] = {{.tv_nsec = UTIME_NOW},
                                       {.tv_sec = now, .tv_nsec = host_mark(self.host)}};
    if (fd < 0 || (store_write_all(fd, text, (size_t)n) && futimens(fd, marked) == 0))
        return fd;
    int error = errno;
    close(fd);
    draft_remove(dir, draft);
    errno = error;
    return -1;
}

static enum mbox_locked
dotlock_link(int dir, const char *draft, int fd, const char *lock, ino_t *inode)
{
    struct stat st;
    char path[32];
    bool is_named = draft[0] != '\0';

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int done = is_named ? linkat(dir, draft, dir, lock, 0)
                        : linkat(AT_FDCWD, path, dir, lock, AT_SYMLINK_FOLLOW);
    int error = errno;

    if (fstat(fd, &st) < 0)
        return MBOX_LOCK_FAILED;
    *inode = st.st_ino;
    if (st.st_nlink == (is_named ? 2 : 1))
        return MBOX_LOCKED;
    errno = done < 0 ? error : EIO;
    return done < 0 && error == EEXIST ? MBOX_BUSY : MBOX_LOCK_FAILED;
}

enum mbox_locked
dotlock_take(int dir, const char *name, time_t now, ino_t *inode)
{
    char lock[NAME_MAX + 8], draft[64], aside[64], id[ID_SIZE];

    id_make(id);
    snprintf(lock, sizeof(lock), "%s.lock", name);
    snprintf(draft, sizeof(draft), ".lock.%s", id);
    snprintf(aside, sizeof(aside), ".stale.%s", id);
    int fd = dotlock_draft(dir, draft, now);
    if (fd < 0)
        return MBOX_LOCK_FAILED;
    enum mbox_locked result = dotlock_link(dir, draft, fd, lock, inode);
    if (result == MBOX_BUSY && dotlock_break(dir, lock, aside, now))
        result = dotlock_link(dir, draft, fd, lock, inode);
    int error = errno;
    close(fd);
    draft_remove(dir, draft);
    errno = error;
    return result;
}

void
dotlock_give(int dir, const char *name, ino_t inode)
{
    char lock[NAME_MAX + 8];
    struct stat st;

    snprintf(lock, sizeof(lock), "%s.lock", name);
    if (fstatat(dir, lock, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == inode)
        unlinkat(dir, lock, 0);
}
