/* SPDX-License-Identifier: MIT
 *
 * What the store opens and carries out between MAIN_GO and its first mail: its lock, its parts, the
 * journals of the last run, and then what waits to be sent.
 */
#include "deliver_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#define PREDECESSOR_S 20  /* for a store of a killed main that still writes, on a busy machine */
#define PAUSE_NS 10000000 /* between two looks at it */

static bool
start_control(struct deliver *d)
{
    const uid_t allowed[] = {geteuid()};

    if (d->control_fd < 0)
        return true;
    d->control = control_new(d->loop, d->control_fd, allowed, 1, operation_handle, d);
    d->control_fd = -1;
    return d->control != NULL;
}

/* The store of a main that was killed ends what it has begun. Until then its journal and its
 * accounts are not ours: both would publish the same message. Its lock goes with the process. */
static bool
wait_for_predecessor(struct deliver *d, struct outcome *why)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    const uint64_t end = clock_ms() + PREDECESSOR_S * 1000;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/store.lock", d->settings->state_dir);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd < 0)
        return outcome_errno(why, errno, "open", path);
    while (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || clock_ms() >= end)
            return outcome_errno(why, errno, "lock", path);
        nanosleep(&pause, NULL);
    }
    return true;
}

/* A damaged queue holds up nobody's mail: what can be read of it goes on, and all of it is kept for
 * whoever can make more of it. */
static struct queue *
open_queue(const char *state_dir, struct outcome *why)
{
    struct queue *q = queue_open(state_dir, why);
    struct queue_rescued rescued;

    if (q != NULL || why->kind != OUTCOME_CORRUPT)
        return q;
    const struct outcome damage = *why;
    if (!queue_rescue(state_dir, clock_wall().tv_sec, &rescued, why))
        return NULL;
    log_event(LOG_LEVEL_ERROR, "queue_set_aside", "folder", rescued.folder, "cause", damage.cause,
              "rescued", log_num((long long)rescued.items), "lost",
              log_num((long long)rescued.lost), NULL);
    return queue_open(state_dir, why);
}

static void
on_disk(void *arg, bool is_full)
{
    (void)is_full;
    edges_tell_disk(arg);
}

/* What outlives a crash: the log of deliveries, what is to be synced, what leaves. */
static bool
open_records(struct deliver *d, struct outcome *why)
{
    const char *state_dir = d->settings->state_dir;

    d->log = delivery_log_open(state_dir, d->settings->delivery_log_keep, why);
    if (d->log == NULL)
        return false;
    d->syncer = syncer_new(state_dir, why);
    if (d->syncer == NULL)
        return false;
    d->queue = open_queue(state_dir, why);
    return d->queue != NULL;
}

static bool
start_logins(struct deliver *d)
{
    d->logins = logins_new(d->settings, d->loop, d->directory, deliver_kill_auth, d);
    if (d->logins == NULL)
        return false;
    if (d->auth_fd >= 0)
        logins_add(d->logins, d->auth_fd);
    d->auth_fd = -1;
    return true;
}

static bool
start_workers(struct deliver *d, struct outcome *why)
{
    const struct worker_services with = {
        d->settings, d->loop, d->directory, d->sorters, d->hands, d->syncer, d->queue,
    };

    d->workers = workers_start(&with, why);
    return d->workers != NULL;
}

/* What goes on beside the workers. */
static bool
start_others(struct deliver *d)
{
    d->usage = usage_new(d->loop, d->workers);
    d->active = active_new(d->loop, d->workers, d->settings->sieve.script_size);
    d->rates = rates_new(&d->settings->limits);
    d->clerk = job_thread_start("clerk", &(struct job_hooks){0}, d);
    if (d->clerk == NULL)
        return false;
    delivery_log_gather(d->log, d->loop, d->clerk);
    d->disk = disk_new(d->settings, d->loop, d->clerk, on_disk, d);
    return d->usage != NULL && d->active != NULL && d->rates != NULL && d->disk != NULL &&
           start_control(d);
}

static bool
start_parts(struct deliver *d, struct outcome *why)
{
    if (!wait_for_predecessor(d, why))
        return false;
    d->directory = directory_new(d->settings, d->loop, why);
    if (d->directory == NULL)
        return false;
    if (!start_logins(d))
        return outcome_set(why, OUTCOME_SYSTEM, "no memory");
    if (!open_records(d, why) || !start_workers(d, why))
        return false;
    return start_others(d) || outcome_set(why, OUTCOME_SYSTEM, "no memory");
}

/* Not before the replay is over: what it finds of the last run's mail is in the queue then. One
 * that was asked for a single task sends nothing. */
static bool
start_sending(struct deliver *d)
{
    const struct scheduler_with with = {d->settings, d->loop, d->queue,
                                        d->relay,    d->log,  &d->senders};

    if (d->is_offline || d->is_draining)
        return true;
    d->scheduler = scheduler_start(&with);
    d->asks = d->scheduler == NULL ? NULL : asks_new(d->loop, d->scheduler);
    if (d->asks == NULL)
        log_event(LOG_LEVEL_ERROR, "cannot_start", "cause", "no memory to send mail", NULL);
    return d->asks != NULL;
}

static void
on_recovered(struct deliver *d, bool ok)
{
    recovery_free(d->recovery);
    d->recovery = NULL;
    ok = ok && start_sending(d);
    d->is_serving = ok;
    operations_serve(d);
    if (!ok) {
        d->running--;
        deliver_end(d, EXIT_FAILURE);
        return;
    }
    edges_serve(d);
    deliver_tell_main(d, ROLE_READY, 0, SPAN_NONE);
    deliver_done_running(d);
}

void
deliver_start(struct deliver *d, bool is_offline)
{
    struct outcome why;

    d->is_offline = is_offline;
    bool ok = start_parts(d, &why);
    if (ok) {
        d->running++;
        d->recovery = recovery_start(d, on_recovered);
        ok = d->recovery != NULL || outcome_set(&why, OUTCOME_SYSTEM, "no memory");
        d->running -= !ok;
    }
    if (ok)
        return;
    log_event(LOG_LEVEL_ERROR, "cannot_start", "cause", why.cause, NULL);
    deliver_end(d, EXIT_FAILURE);
}
