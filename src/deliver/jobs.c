/* SPDX-License-Identifier: MIT
 *
 * Threads with a queue: see jobs_priv.h. The whole queue is taken at once, so a loaded thread
 * locks once for many jobs and gathers batches by itself: while it syncs one, the next waits.
 */
#include "jobs_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAME_SIZE 16 /* prctl(2)'s */

struct job_thread {
    char name[NAME_SIZE];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    struct job *head; /* guarded by mutex */
    struct job **tail;
    bool ending;
    struct job_hooks hooks;
    void *arg;
};

static unsigned
idle(struct job_thread *t)
{
    return t->hooks.idle == NULL ? JOB_WAIT_FOREVER : t->hooks.idle(t->arg);
}

static void
wait_posted(struct job_thread *t, unsigned ms)
{
    struct timespec until;

    if (ms == JOB_WAIT_FOREVER) {
        pthread_cond_wait(&t->posted, &t->mutex);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&t->posted, &t->mutex, &until);
}

/* All that waits, or NULL when the wait ended without a job. */
static struct job *
take_all(struct job_thread *t, unsigned wait_ms, bool *ending)
{
    pthread_mutex_lock(&t->mutex);
    if (t->head == NULL && !t->ending && wait_ms > 0)
        wait_posted(t, wait_ms);
    struct job *jobs = t->head;
    t->head = NULL;
    t->tail = &t->head;
    *ending = t->ending;
    pthread_mutex_unlock(&t->mutex);
    return jobs;
}

static void *
run_thread(void *arg)
{
    struct job_thread *t = arg;
    unsigned wait_ms = JOB_WAIT_FOREVER;
    bool ending = false;

    /* By itself: naming another thread is a write to /proc, which a sandboxed role may not do. */
    pthread_setname_np(pthread_self(), t->name);
    for (;;) {
        struct job *jobs = take_all(t, wait_ms, &ending);
        if (jobs == NULL && ending)
            break;
        while (jobs != NULL) {
            struct job *job = jobs;
            jobs = job->next;
            job->run(job, t->arg);
        }
        wait_ms = idle(t);
    }
    if (t->hooks.end != NULL)
        t->hooks.end(t->arg);
    return NULL;
}

static bool
init_sync(struct job_thread *t)
{
    pthread_condattr_t attr;

    if (pthread_mutex_init(&t->mutex, NULL) != 0)
        return false;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bool ok = pthread_cond_init(&t->posted, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok;
}

struct job_thread *
job_thread_start(const char *name, const struct job_hooks *hooks, void *arg)
{
    struct job_thread *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->tail = &t->head;
    t->hooks = *hooks;
    t->arg = arg;
    snprintf(t->name, sizeof t->name, "%s", name);
    if (!init_sync(t) || pthread_create(&t->thread, NULL, run_thread, t) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

void
job_thread_post(struct job_thread *t, struct job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&t->mutex);
    bool was_empty = t->head == NULL;
    *t->tail = job;
    t->tail = &job->next;
    pthread_mutex_unlock(&t->mutex);
    if (was_empty)
        pthread_cond_signal(&t->posted);
}

void
job_thread_end(struct job_thread *t)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->mutex);
    t->ending = true;
    pthread_mutex_unlock(&t->mutex);
    pthread_cond_signal(&t->posted);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->posted);
    pthread_mutex_destroy(&t->mutex);
    free(t);
}
