/* SPDX-License-Identifier: MIT
 *
 * Is a disk nearly full? Looked at every few seconds by a thread that may wait for it, so that the
 * answer is in memory when a message comes (limits.disk_free).
 */
#ifndef DELIVER_DISK_PRIV_H
#define DELIVER_DISK_PRIV_H

#include "doorstep/loop.h"
#include "doorstep/settings.h"

#include "jobs_priv.h"

struct disk;

/* Called on the loop's thread when it has become so, and when it is so no more. */
typedef void (*disk_fn)(void *arg, bool is_full);

/* disk_new() - looks at the file systems of state_dir and of all stores whose path begins with one
 * of theirs. settings, clerk: borrowed. NULL without memory. */
struct disk *disk_new(const struct settings *settings, struct loop *loop, struct job_thread *clerk,
                      disk_fn fn, void *arg);

/* disk_free() - behind the clerk's end; NULL is allowed. */
void disk_free(struct disk *d);

bool disk_is_full(const struct disk *d);

/* disk_is_low() - free and size of a file system in octets, against what is to stay free: that, or
 * a twentieth of its size where that is less. */
bool disk_is_low(uint64_t free_octets, uint64_t size, uint64_t wanted);

#endif
