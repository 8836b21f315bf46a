/* SPDX-License-Identifier: MIT
 *
 * NAME.lock beside a mailbox: the lock that works over NFS and that every mail program knows. Made
 * with link(2), which is atomic everywhere; whether it worked is read from our file's link count,
 * because NFS may answer EEXIST for a success. A lock older than five minutes whose process is
 * gone was left by a crash.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOTLOCK_STALE 300 /* seconds */

/* The process that holds a lock is alive as far as we can tell. Locks without a number are from
 * programs that write none. */
static bool
dotlock_is_alive(int dir, const char *lock)
{
    char text[32];
    int fd = beneath_open(dir, lock, O_RDONLY, 0);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    long pid = strtol(text, NULL, 10);
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Somebody else may break the same lock and take a new one between our look and our deed: so it is
 * moved aside, looked at again, and put back when it is not the one we saw. */
static bool
dotlock_break(int dir, const char *lock, const char *aside, time_t now)
{
    struct stat seen, moved;

    if (fstatat(dir, lock, &seen, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (now - seen.st_mtime < DOTLOCK_STALE || dotlock_is_alive(dir, lock))
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

/* Our own file, with our number in it. */
static int
dotlock_draft(int dir, const char *draft)
{
    char text[32];
    int fd = beneath_open(dir, draft, O_WRONLY | O_CREAT | O_EXCL, 0644);
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (fd < 0 || store_write_all(fd, text, (size_t)n))
        return fd;
    int error = errno;
    close(fd);
    unlinkat(dir, draft, 0);
    errno = error;
    return -1;
}

static enum mbox_locked
dotlock_link(int dir, const char *draft, int fd, const char *lock, ino_t *inode)
{
    struct stat st;
    int done = linkat(dir, draft, dir, lock, 0);
    int error = errno;

    if (fstat(fd, &st) < 0)
        return MBOX_LOCK_FAILED;
    *inode = st.st_ino;
    if (st.st_nlink == 2)
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
    int fd = dotlock_draft(dir, draft);
    if (fd < 0)
        return MBOX_LOCK_FAILED;
    enum mbox_locked result = dotlock_link(dir, draft, fd, lock, inode);
    if (result == MBOX_BUSY && dotlock_break(dir, lock, aside, now))
        result = dotlock_link(dir, draft, fd, lock, inode);
    int error = errno;
    close(fd);
    unlinkat(dir, draft, 0);
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
