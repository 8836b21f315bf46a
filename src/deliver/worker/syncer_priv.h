/* SPDX-License-Identifier: MIT
 *
 * Threads for what no worker waits for. The first brings to stable storage what journals held until
 * then: one syncfs(2) for each file system that holds mail or indexes, for all workers that ask
 * while one is under way. The second writes WALs back (loan_priv.h): accounts are away meanwhile,
 * so it does not wait for the first.
 */
#ifndef DELIVER_SYNCER_PRIV_H
#define DELIVER_SYNCER_PRIV_H

#include <stdatomic.h>

#include "doorstep/journal.h"
#include "doorstep/outcome.h"

#include "jobs_priv.h"

struct syncer;

struct syncer_request { /* the asker's, until `done` has run */
    struct job job;     /* syncer's */
    struct job done;    /* the asker's: posted to `asker` afterwards */
    struct job_thread *asker;
    struct syncer *syncer;
    bool ok; /* all of it is on stable storage */
    struct outcome why;
};

/* syncer_new() - with the file system of state_dir. NULL: `why`. */
struct syncer *syncer_new(const char *state_dir, struct outcome *why);

/* syncer_end() - answers what was asked, ends the thread; then syncer_now() alone may be used. */
void syncer_end(struct syncer *s);
void syncer_free(struct syncer *s); /* NULL is allowed */

/* syncer_add() - one more file system, that of fd (taken). false: too many, or no memory; what lies
 * there is not synced. Any thread. */
bool syncer_add(struct syncer *s, int fd);

/* syncer_ask() - everything that was written before is on stable storage when `done` runs with ok.
 * false: it has ended. Any thread. */
bool syncer_ask(struct syncer *s, struct syncer_request *r, struct job_thread *asker);

/* syncer_lend() - the job on the second thread, if nothing waits there. false: something does, or
 * it has ended. Any thread. syncer_give_back() - on that thread, at the end of the job. */
bool syncer_lend(struct syncer *s, struct job *job);
void syncer_give_back(struct syncer *s);

struct syncer_preparation { /* the asker's, as long as the syncer's thread runs */
    struct job job;
    struct journal *journal;
    atomic_bool is_asked;
};

/* syncer_prepare() - have the journal's next segment ready, some time soon; asked twice is asked
 * once. Any thread. */
void syncer_prepare(struct syncer *s, struct syncer_preparation *p);

/* syncer_now() - the same at once, on this thread. */
bool syncer_now(struct syncer *s, struct outcome *why);

#endif
