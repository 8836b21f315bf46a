/* SPDX-License-Identifier: MIT
 *
 * One segment's file: see segment_priv.h.
 */
#include "segment_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FILL_STEP (1024 * 1024) /* synced each, so that a writer beside is not held up for long */
#define STUCK_MAX 4             /* writes in a row that do not get on by a block */

void
segment_go_direct(int fd)
{
    (void)fcntl(fd, F_SETFL, O_DIRECT); /* a file system that cannot goes on as it was */
}

/* Blocks larger than ours: the page cache has to cut them. */
static bool
stop_direct(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_DIRECT) != 0 && fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

bool
segment_write(int fd, const void *blocks, size_t octets, uint64_t offset)
{
    const char *p = blocks;
    unsigned stuck = 0;

    while (octets > 0) {
        ssize_t n = pwrite(fd, p, octets, (off_t)offset);
        if (n < 0 && (errno == EINTR || (errno == EINVAL && stop_direct(fd))))
            continue;
        if (n < 0)
            return false;
        n -= n % JOURNAL_BLOCK; /* a part of one is written again */
        if (n == 0 && ++stuck == STUCK_MAX) {
            errno = EIO;
            return false;
        }
        p += n;
        offset += (uint64_t)n;
        octets -= (size_t)n;
    }
    return true;
}

bool
segment_sync(int fd)
{
    int r;

    do
        r = fdatasync(fd);
    while (r != 0 && errno == EINTR); /* no page was given up yet */
    return r == 0;
}

int
segment_open(int folder, const char *name, int flags)
{
    return openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

bool
segment_write_head(int fd, const struct segment_head *head)
{
    _Alignas(JOURNAL_BLOCK) uint8_t block[JOURNAL_BLOCK];

    format_print_segment(head, block);
    return segment_write(fd, block, sizeof block, 0) && segment_sync(fd);
}

bool
segment_read_head(int fd, struct segment_head *head)
{
    uint8_t block[JOURNAL_BLOCK];
    ssize_t n;

    do
        n = pread(fd, block, sizeof block, 0);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        errno = 0;
    return n == (ssize_t)sizeof block && format_parse_segment(head, block);
}

static bool
fill_with_zeros(int fd, uint64_t octets)
{
    /* Not const, so that the program's file does not hold them. */
    static _Alignas(JOURNAL_BLOCK) char zeros[FILL_STEP];

    for (uint64_t at = 0; at < octets; at += FILL_STEP) {
        uint64_t n = octets - at < FILL_STEP ? octets - at : FILL_STEP;
        if (!segment_write(fd, zeros, n, at) || !segment_sync(fd))
            return false;
    }
    return true;
}

/* Blocks set aside without being written turn every first sync of them into a commit of the file
 * system; written once they are as fast as ever after. */
static bool
set_aside(int fd, uint64_t octets, bool fill)
{
    if (fallocate(fd, 0, 0, (off_t)octets) != 0) {
        if (errno != EOPNOTSUPP)
            return false;
        fill = true;
    }
    return !fill || fill_with_zeros(fd, octets);
}

static bool
build(int fd, const struct segment_head *head, bool fill)
{
    return set_aside(fd, head->octets, fill) && segment_write_head(fd, head);
}

int
segment_make(int folder, unsigned slot, const struct segment_head *head, bool fill,
             struct outcome *why)
{
    char building[JOURNAL_NAME_SIZE], name[JOURNAL_NAME_SIZE];
    int fd;

    format_name(building, head->writer, slot, true);
    format_name(name, head->writer, slot, false);
    if (unlinkat(folder, building, 0) != 0 && errno != ENOENT) {
        outcome_errno(why, errno, "unlinkat", building);
        return -1;
    }
    fd = openat(folder, building, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        outcome_errno(why, errno, "openat", building);
        return -1;
    }
    segment_go_direct(fd);
    if (build(fd, head, fill) && renameat(folder, building, folder, name) == 0 &&
        fsync(folder) == 0)
        return fd;
    outcome_errno(why, errno, "making", name);
    close(fd);
    unlinkat(folder, building, 0);
    return -1;
}
