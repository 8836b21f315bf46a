/* SPDX-License-Identifier: MIT
 *
 * Threads with a queue: everything posted runs once and in order, also what is posted at the end.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "jobs_priv.h"
#include "suites.h"

#define JOBS 2000
#define POSTERS 4

struct numbered {
    struct job job;
    int poster, number;
};

struct seen {
    int last[POSTERS]; /* the thread's alone */
    int count;
    _Atomic int idles;
    bool ended;
};

static void
run_numbered(struct job *job, void *arg)
{
    struct numbered *n = (struct numbered *)job;
    struct seen *seen = arg;

    ck_assert_int_eq(n->number, seen->last[n->poster] + 1);
    seen->last[n->poster] = n->number;
    seen->count++;
    free(n);
}

static unsigned
count_idle(void *arg)
{
    struct seen *seen = arg;

    seen->idles++;
    return seen->idles < 3 ? 1 : JOB_WAIT_FOREVER;
}

static void
note_end(void *arg)
{
    struct seen *seen = arg;

    seen->ended = true;
}

struct poster {
    struct job_thread *thread;
    int number;
};

static void *
post_many(void *arg)
{
    struct poster *p = arg;

    for (int i = 1; i <= JOBS; i++) {
        struct numbered *n = calloc(1, sizeof *n);
        *n = (struct numbered){.job.run = run_numbered, .poster = p->number, .number = i};
        job_thread_post(p->thread, &n->job);
    }
    return NULL;
}

START_TEST(jobs_run_once_and_in_order)
{
    const struct job_hooks hooks = {.idle = count_idle, .end = note_end};
    struct seen seen = {.count = 0};
    struct job_thread *t = job_thread_start("test", &hooks, &seen);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];

    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){t, i};
        pthread_create(&threads[i], NULL, post_many, &posters[i]);
    }
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    job_thread_end(t);
    ck_assert_int_eq(seen.count, JOBS * POSTERS);
    ck_assert(seen.ended);
    ck_assert_int_gt(seen.idles, 0);
}
END_TEST

START_TEST(idle_is_called_again_after_its_wait)
{
    const struct job_hooks hooks = {.idle = count_idle};
    struct seen seen = {.count = 0};
    struct job_thread *t = job_thread_start("test", &hooks, &seen);
    struct numbered *n = calloc(1, sizeof *n);

    *n = (struct numbered){.job.run = run_numbered, .number = 1};
    job_thread_post(t, &n->job);
    while (seen.idles < 3) /* the second and third come by time alone */
        ;
    job_thread_end(t);
    ck_assert_int_eq(seen.count, 1);
}
END_TEST

TCase *
jobs_tests(void)
{
    TCase *t = tcase_create("jobs");

    tcase_add_test(t, jobs_run_once_and_in_order);
    tcase_add_test(t, idle_is_called_again_after_its_wait);
    return t;
}
