/* SPDX-License-Identifier: MIT
 *
 * A writer's segments, and who has each: free > being made ready > ready > live > free. At most one
 * is ready ahead of need. The one that was freed first is used again first: what a crash gives back
 * is always the newest segments without a gap, so that a record never comes back without those
 * behind it that took it back.
 */
#ifndef DOORSTEP_JOURNAL_SEGMENTS_PRIV_H
#define DOORSTEP_JOURNAL_SEGMENTS_PRIV_H

#include <pthread.h>

#include "doorstep/journal.h"

#include "segment_priv.h"

enum slot_state {
    SLOT_NONE,   /* no file yet */
    SLOT_FREE,   /* fd may be -1: not opened yet */
    SLOT_MAKING, /* one thread works on it, without the lock */
    SLOT_READY,  /* head is durable, nothing else in it */
    SLOT_LIVE    /* the writer's */
};

struct slot {
    enum slot_state state;
    unsigned index; /* in the file's name */
    bool is_lost;   /* the file cannot be used again: a new one in its place */
    int fd;         /* owned, or -1 */
    uint64_t number;
    uint64_t salt;
    uint64_t needed; /* as its head says */
};

struct segments {
    int folder; /* owned */
    unsigned writer;
    unsigned max;
    uint64_t octets; /* of each */
    uint64_t first;  /* number; smaller ones are from before */
    pthread_mutex_t lock;
    pthread_cond_t made;
    struct slot *slots; /* max of them; what follows: under the lock */
    uint64_t newest;    /* the last number that was taken */
    uint64_t needed;    /* smaller numbers were freed */
};

bool segments_open(struct segments *s, const struct journal_options *options, struct outcome *why);
void segments_close(struct segments *s);

/* segments_take() - the next segment, live from now on; writer's thread. NULL: `why`, DISK_FULL
 * when none is free. */
struct slot *segments_take(struct segments *s, struct outcome *why);

/* segments_prepare() - any thread: have a segment ready, whose head knows what was freed. true: it
 * was made, or its head written anew. */
bool segments_prepare(struct segments *s);

/* segments_lose() - the file failed: closed, never touched again. */
void segments_lose(struct segments *s, struct slot *slot);

/* segments_free() - numbers below `needed` are free, but for `kept` (NULL: none). */
void segments_free(struct segments *s, uint64_t needed, const struct slot *kept);

/* segments_oldest() - the smallest live number; newest + 1 when none lives. */
uint64_t segments_oldest(struct segments *s);

/* segments_waiting() - how many live ones are below `number`. */
unsigned segments_waiting(struct segments *s, uint64_t number);

#endif
