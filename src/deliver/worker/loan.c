/* SPDX-License-Identifier: MIT
 *
 * Lending an index to the syncer's second thread: see loan_priv.h. One at a time: a slow disk keeps
 * no crowd of accounts away, their WALs only grow a little further.
 */
#include "loan_priv.h"

#include <stddef.h>

#include "worker_priv.h"

#define WAL_OCTETS (1024 * 1024)

static struct open_account *
account_of(struct job *job)
{
    return (struct open_account *)((char *)job - offsetof(struct open_account, loan.job));
}

/* The worker's thread: it is back. */
static void
on_back(struct job *job, void *worker)
{
    (void)worker;
    account_of(job)->loan.is_lent = false;
}

/* The syncer's second thread. */
static void
on_lent(struct job *job, void *syncer)
{
    struct open_account *oa = account_of(job);

    account_checkpoint(oa, 0);
    job->run = on_back;
    syncer_give_back(syncer);
    job_thread_post(oa->loan.worker, job);
}

void
loan_consider(struct worker *w, struct open_account *oa)
{
    struct outcome why;

    if (oa->loan.is_lent || oa->in_batch || oa->index == NULL ||
        index_wal_octets(oa->index) < WAL_OCTETS)
        return;
    (void)account_mark(oa, &why); /* without it, only a later loss of rows is noticed less well */
    oa->loan = (struct loan){.job.run = on_lent, .worker = w->thread, .is_lent = true};
    if (!syncer_lend(w->with.syncer, &oa->loan.job))
        oa->loan.is_lent = false;
}
