/* SPDX-License-Identifier: MIT
 *
 * What nth.so and the sweep that steers it share: one page of memory, mapped from the file
 * NTH_CONTROL by the sweep (nth.py has the same struct) and by every store role that starts with
 * the library. So an order outlives the process that it kills, and the sweep sees each call that
 * was counted.
 */
#ifndef NTH_H
#define NTH_H

#include <stdatomic.h>
#include <stdint.h>

#define NTH_CALLS_MAX 16384
#define NTH_HITS_MAX 2

enum nth_kind {
    NTH_COUNT, /* all calls go on */
    NTH_KILL,  /* the process dies before the nth call */
    NTH_TORN,  /* ... or in the middle of the nth write */
    NTH_FAIL,  /* the nth call fails with `error` */
    NTH_SHORT  /* the nth write writes a half */
};

struct nth_order {
    uint32_t kind;
    uint32_t nth;
    int32_t error;
    char match[256]; /* only calls whose "name path" this pattern fits (fnmatch(3)); empty: all */
};

struct nth_call {
    char name[24];  /* of the system call */
    char path[232]; /* below NTH_ROOT; cut when longer */
    uint64_t inode; /* 0: the call has no descriptor of the file */
    char thread[16];
    uint32_t is_hit;
};

struct nth_control {
    struct nth_order order;
    struct nth_order then; /* what the next process meets when `order` has killed this one */
    uint32_t daemon;       /* the one that is counted; NTH_DAEMON says whose a process is */
    _Atomic uint32_t armed;
    _Atomic uint32_t counted; /* calls that the order may hit, of all threads together */
    _Atomic uint32_t starts;  /* store roles so far */
    _Atomic int32_t pid;      /* of the last one */
    _Atomic uint32_t hits;
    _Atomic uint32_t calls;   /* all calls while armed */
    _Atomic uint32_t syncing; /* syncs that have not returned */
    struct nth_call hit[NTH_HITS_MAX];
    struct nth_call call[NTH_CALLS_MAX];
};

#endif
