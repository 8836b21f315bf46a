/* SPDX-License-Identifier: MIT
 *
 * What happens at start before anybody is served: what the journals of the last run say is carried
 * out and brought to stable storage, new journals are opened, the old ones cleared.
 *
 *     clerk: read -> workers: replay -> clerk: sync -> workers: open journals, write what is kept
 *     -> clerk: clear
 *
 * A crash anywhere begins it anew: each step may be done again. Loop's thread.
 */
#ifndef DELIVER_RECOVERY_PRIV_H
#define DELIVER_RECOVERY_PRIV_H

#include "replay_priv.h"

struct deliver;
struct recovery;

struct recovery_report { /* of the last start */
    uint64_t records;
    struct replay_counts counts;
    uint64_t damaged; /* places in segments, and records that are none */
    uint64_t torn;    /* ends of what was never acknowledged */
    uint64_t unknown; /* files */
    uint64_t ms;
};

typedef void (*recovery_done_fn)(struct deliver *d, bool ok);

/* recovery_start() - needs the workers and the clerk; `done` runs on the loop, once, when all is
 * ready for mail, or with false (logged) when it cannot be. d->recovered is filled. NULL: no
 * memory, done is not called. */
struct recovery *recovery_start(struct deliver *d, recovery_done_fn done);

/* recovery_free() - behind `done`, or with the workers ended. NULL is allowed. */
void recovery_free(struct recovery *r);

#endif
