/* SPDX-License-Identifier: MIT
 *
 * Inside a runner: it starts the programs of one user for the store, and what it tells of them is
 * as hostile as they are.
 *
 *   run.c     the role and its doors         jobs.c     who runs, who waits, how it ends
 *   child.c   a process from fork to exec    result.c   what its end means for the message
 *   pipes.c   what goes in and comes out     orphans.c  what programs leave behind
 */
#ifndef FILTER_RUNNER_RUNNER_PRIV_H
#define FILTER_RUNNER_RUNNER_PRIV_H

#include "doorstep/door_frames.h"
#include "doorstep/filter.h"
#include "doorstep/loop.h"
#include "doorstep/program.h"
#include "doorstep/runner.h"
#include "doorstep/settings.h"

#include "store_role_priv.h"

#define uthash_nonfatal_oom(element) ((element)->is_unlisted = true)
#include <uthash.h>

#define STDERR_KEPT 512             /* octets of standard error that are kept for the log */
#define STDERR_MAX (1024 * 1024)    /* and that may be written at all */
#define OUTPUT_MESSAGE_MARGIN 65536 /* that a new message may have on top of message_size */

struct runner {
    const struct runner_hooks *hooks;
    const struct settings *settings;
    struct loop *loop;
    struct store_role role;
    struct loop_signal *children;
    struct job *jobs; /* table by id: owned, until its process is gone */
    struct job *waiting, *waiting_last;
    unsigned running;
};

struct child {
    pid_t pid;                 /* 0: none */
    int in, out, err, started; /* our ends, -1: closed. started: nothing, or errno of exec */
};

struct job {
    struct runner *runner;
    uint64_t id;
    struct arena arena;
    struct program_job asked;
    const struct settings_program *program; /* NULL: there is none of that name */
    struct job *next;                       /* of those that wait */
    bool is_waiting;
    bool is_answered;
    bool is_unlisted;
    const char *failure; /* why it was ended before its time, or NULL */
    char failure_text[160];
    struct child child;
    struct loop_watch *in_watch, *out_watch, *err_watch;
    struct loop_timer *timer;
    uint64_t begun_us;
    int message;     /* descriptor of what it reads, or -1 */
    uint64_t octets; /* of that */
    uint64_t come;   /* of them are there */
    uint64_t fed;
    struct buf feed; /* what the pipe has not taken yet */
    int output;      /* what it wrote: a file in memory */
    uint64_t written;
    bool ends_in_cr; /* of a message */
    char error[STDERR_KEPT + 1];
    size_t error_octets; /* that are kept */
    uint64_t error_written;
    UT_hash_handle hh;
};

/* --- run.c --- */

/* runner_say() - result to the store; fd: sealed, or -1; the caller's. */
void runner_say(struct runner *r, uint64_t id, const struct filter_result *result, int fd);

/* --- jobs.c --- */

/* runner_job_take() - PROGRAM_RUN and PROGRAM_MORE. false: no store says that. */
bool runner_job_take(struct runner *r, struct door_frame *f);
bool runner_job_more(struct runner *r, const struct door_frame *f);
/* runner_job_fail() - its process is killed, and its asker told at once. */
void runner_job_fail(struct job *j, const char *cause);
void runner_on_children(void *arg, int signum);
void runner_jobs_free(struct runner *r);
bool runner_job_is_message(const struct job *j); /* what it writes is a message */

/* --- child.c --- */

struct child_order {
    const char *const *argv; /* argv[0] is the path of the file */
    const char *const *environment;
    const struct settings *settings;
    const struct settings_program *program;
    const struct runner_hooks *hooks;
    bool reads, writes; /* pipes; otherwise /dev/null */
};

/* child_start() - false with errno: nothing was left behind. */
bool child_start(struct child *c, const struct child_order *order);
/* child_exec_error() - of a process that has ended: errno of its exec, 0 when it began. */
int child_exec_error(struct child *c);
void child_close(struct child *c); /* our ends of its pipes */

/* --- pipes.c --- */

bool pipes_open(struct job *j); /* watches; false: no memory */
void pipes_close(struct job *j);
void pipes_drain(struct job *j); /* what a process that has ended has left in them */

/* --- result.c --- */

/* result_say() - of a process that has ended with this wait status. */
void result_say(struct job *j, int status);
/* result_say_lost() - the program has failed. */
void result_say_lost(struct job *j, const char *cause);

/* --- orphans.c --- */

/* orphans_end() - children of ours that no job knows: what programs have left behind. */
void orphans_end(struct runner *r);

#endif
