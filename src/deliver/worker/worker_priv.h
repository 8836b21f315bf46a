/* SPDX-License-Identifier: MIT
 *
 * Account workers: threads to which accounts are hashed. An account's files, index and UIDs have
 * one writer, its worker, and need no lock of ours. A worker takes what waits as one batch, in
 * straight lines, and never waits for one account: what is busy is put aside.
 */
#ifndef DELIVER_WORKER_PRIV_H
#define DELIVER_WORKER_PRIV_H

#include <stdatomic.h>

#include "doorstep/loop.h"

#include "account_priv.h"
#include "checkpoint_priv.h"
#include "directory_priv.h"
#include "jobs_priv.h"
#include "sorters_priv.h"

struct delivery;
struct kept;

#define BATCH_MAX 64

struct worker_services { /* what all workers share; borrowed, thread-safe */
    const struct settings *settings;
    struct loop *loop;
    struct directory *directory;
    struct sorters *sorters;
    struct hands *hands;
    struct syncer *syncer;
    struct queue *queue;
};

struct worker {
    unsigned number; /* from 0 */
    struct job_thread *thread;
    struct worker_services with;
    struct open_account *open; /* uthash, in order of use */
    atomic_uint *open_total;   /* borrowed: accounts that all workers have open, */
    unsigned open_max;         /* how many that may be, */
    unsigned open_least;       /* and how many of them nobody takes from this one */
    struct delivery *batch[BATCH_MAX];
    size_t batch_count;
    uint64_t busy_ms;                        /* when the last batch was */
    struct open_account *touched[BATCH_MAX]; /* by the batch: may have rows enough to be written */
    size_t touched_count;
    struct delivery *aside;       /* utlist: busy accounts' deliveries */
    struct open_account *waiting; /* utlist: with rows to be written, the oldest first */
    struct journal *journal;      /* NULL until the replay is done */
    struct checkpoint checkpoint;
    struct buf records[BATCH_MAX]; /* packed, of the batch */
    struct kept *kept;             /* utlist: what a replay could not carry out; kept.c */
    atomic_uint kept_count;
    uint64_t kept_again_ms;
    bool lost_kept;    /* not even that: no memory */
    uint64_t renewals; /* damaged indexes that were begun anew */
};

struct workers;

/* workers_start() - settings->workers threads. NULL: `why`. */
struct workers *workers_start(const struct worker_services *with, struct outcome *why);

/* worker_has() - is the account this worker's? */
bool worker_has(const struct worker *w, const char *user, const char *domain);

/* workers_kept() - how much waits that a replay could not carry out. Any thread. */
unsigned workers_kept(const struct workers *ws);

/* workers_post() - job to the account's worker; its run gets the struct worker. Jobs of one account
 * run in order, but deliveries that wait in a batch run before any other job. Any thread. */
void workers_post(struct workers *ws, const char *user, const char *domain, struct job *job);
unsigned workers_count(const struct workers *ws);
/* workers_post_to() - the same by the worker's number, for what concerns all accounts. */
void workers_post_to(struct workers *ws, unsigned number, struct job *job);

/* workers_end() - runs what is queued, answers BUSY to what is aside, closes every account. The
 * loop must not be needed any more. */
void workers_end(struct workers *ws);

#endif
