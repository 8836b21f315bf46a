/* SPDX-License-Identifier: MIT
 *
 * The thread that brings to stable storage what journals held until then: one syncfs(2) for each
 * file system that holds mail or indexes, for all workers that ask while one is under way. No
 * worker waits for it.
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

/* syncer_run() - the job on its thread, between two syncs. false: it has ended. Any thread. */
bool syncer_run(struct syncer *s, struct job *job);

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
