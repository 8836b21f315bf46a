/* SPDX-License-Identifier: MIT
 *
 * A thread with a queue: straight lines for work that blocks (accounts, indexes, stores), posted
 * from the dispatcher. The job's struct is the caller's; it stays untouched until run is called
 * and belongs to run from then on.
 */
#ifndef DELIVER_JOBS_PRIV_H
#define DELIVER_JOBS_PRIV_H

#include <stdbool.h>

struct job {
    struct job *next;
    void (*run)(struct job *job, void *arg); /* on the thread; arg is the thread's */
};

struct job_hooks {
    /* The queue is empty: finish what was gathered. The wait, in ms, after which it is called again
     * though nothing came; JOB_WAIT_FOREVER without end. May be NULL. */
    unsigned (*idle)(void *arg);
    void (*end)(void *arg); /* last thing on the thread; may be NULL */
};

#define JOB_WAIT_FOREVER (~0u)

struct job_thread;

/* job_thread_start() - name: at most 15 octets, as ps(1) shows it. NULL: no thread could be made.
 */
struct job_thread *job_thread_start(const char *name, const struct job_hooks *hooks, void *arg);

/* job_thread_post() - from any thread. */
void job_thread_post(struct job_thread *t, struct job *job);

/* job_thread_end() - runs what is queued, ends the thread, frees t. NULL is allowed. */
void job_thread_end(struct job_thread *t);

#endif
