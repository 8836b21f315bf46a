/* SPDX-License-Identifier: MIT
 *
 * One segment's file: made, taken into use again, freed. Whatever has a segment's name also has a
 * valid head: a new file is built beside and renamed when it is on stable storage, and a head fits
 * into the one sector that a drive writes whole.
 */
#ifndef DOORSTEP_JOURNAL_SEGMENT_PRIV_H
#define DOORSTEP_JOURNAL_SEGMENT_PRIV_H

#include "doorstep/outcome.h"

#include "format_priv.h"

/* segment_make() - a new file with this head, in the place of any other of that name; its blocks
 * are set aside, and overwritten once when `fill`. All is on stable storage, its name too. The
 * descriptor, or -1 with `why`. */
int segment_make(int folder, unsigned slot, const struct segment_head *head, bool fill,
                 struct outcome *why);

/* segment_open() - the file as it is; -1 with errno. No link is followed. */
int segment_open(int folder, const char *name, int flags);

/* segment_write_head() - replaces the head, durably. false: errno, and the descriptor must not be
 * trusted again. */
bool segment_write_head(int fd, const struct segment_head *head);

/* segment_read_head() - false: no head of ours (errno 0) or unreadable (errno). */
bool segment_read_head(int fd, struct segment_head *head);

/* segment_go_direct() - what is written from now on passes by the page cache, where the file system
 * can. */
void segment_go_direct(int fd);

/* segment_write() - whole blocks from memory that is aligned to a block, to an offset that is,
 * whatever the kernel takes at a time. segment_sync() - fdatasync(2). false: errno. */
bool segment_write(int fd, const void *blocks, size_t octets, uint64_t offset);
bool segment_sync(int fd);

#endif
