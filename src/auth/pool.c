/* SPDX-License-Identifier: MIT
 *
 * The pool of hashing threads: see pool_priv.h.
 */
#include "pool_priv.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"

#define THREADS_MAX 64

struct pool {
    struct loop *loop; /* borrowed */
    struct password_cost cost;
    uint64_t queue_max;
    char dummy[PASSWORD_HASH_SIZE]; /* of nobody's password */
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t wake;
    struct pool_job *first, **last;
    uint64_t waiting;
    bool is_ending;
};

void
pool_job_free(struct pool_job *job)
{
    sodium_memzero(job, sizeof(*job));
    free(job);
}

/* What the account needs besides the yes. A failure costs nothing but another try next time. */
static void
renew(struct pool_job *job, const struct password_cost *cost)
{
    if (password_is_stale(job->secret.hash, cost) &&
        !password_hash(job->password, cost, job->result.hash))
        job->result.hash[0] = '\0';
    if (job->secret.wants_scram && !password_scram_make(job->password, job->result.scram))
        job->result.scram[0] = '\0';
}

void
pool_check(struct pool_job *job, const char *dummy, const struct password_cost *cost)
{
    bool is_real = job->secret.is_allowed && job->secret.hash[0] != '\0' && job->has_password;
    enum password_result result = password_verify(is_real ? job->secret.hash : dummy,
                                                  job->has_password ? job->password : "-");

    job->result = (struct auth_done){.verdict = SASL_REFUSED};
    if (!is_real)
        return;
    if (result == PASSWORD_UNKNOWABLE) {
        log_event(LOG_LEVEL_WARNING, "password_hash", "error", "no hash that is known here", NULL);
        (void)password_verify(dummy, job->password);
    }
    if (result == PASSWORD_RIGHT) {
        job->result.verdict = SASL_ACCEPTED;
        renew(job, cost);
    }
}

/* --- threads --- */

static struct pool_job *
take(struct pool *p)
{
    struct pool_job *job;

    pthread_mutex_lock(&p->mutex);
    while (p->first == NULL && !p->is_ending)
        pthread_cond_wait(&p->wake, &p->mutex);
    job = p->is_ending ? NULL : p->first;
    if (job != NULL) {
        p->first = job->next;
        if (p->first == NULL)
            p->last = &p->first;
        p->waiting--;
    }
    pthread_mutex_unlock(&p->mutex);
    return job;
}

static void
on_done(void *arg)
{
    struct pool_job *job = arg;

    job->done(job);
}

static void *
run(void *arg)
{
    struct pool *p = arg;
    struct pool_job *job;

    while ((job = take(p)) != NULL) {
        if (!atomic_load(&job->is_cancelled))
            pool_check(job, p->dummy, &p->cost);
        if (!loop_post(p->loop, on_done, job))
            pool_job_free(job);
    }
    return NULL;
}

static bool
start_threads(struct pool *p, uint64_t wanted)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->thread_count < wanted && p->thread_count < THREADS_MAX &&
           pthread_create(&p->threads[p->thread_count], NULL, run, p) == 0)
        p->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p->thread_count > 0;
}

struct pool *
pool_new(struct loop *loop, const struct settings_auth *settings)
{
    struct pool *p = calloc(1, sizeof(*p));
    char password[32];

    if (p == NULL)
        return NULL;
    *p = (struct pool){.loop = loop, .queue_max = settings->queue};
    p->cost = (struct password_cost){settings->hash_operations, settings->hash_memory};
    p->last = &p->first;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    randombytes_buf(password, sizeof(password));
    sodium_bin2hex(password, sizeof(password), (unsigned char *)password, 15);
    if (!password_hash(password, &p->cost, p->dummy) || !start_threads(p, settings->threads)) {
        pool_free(p);
        return NULL;
    }
    return p;
}

void
pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->mutex);
    p->is_ending = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
    for (unsigned i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    while (p->first != NULL) {
        struct pool_job *job = p->first;

        p->first = job->next;
        pool_job_free(job);
    }
    pthread_mutex_destroy(&p->mutex);
    pthread_cond_destroy(&p->wake);
    free(p);
}

bool
pool_post(struct pool *p, struct pool_job *job)
{
    bool has_room;

    pthread_mutex_lock(&p->mutex);
    has_room = p->waiting < p->queue_max;
    if (has_room) {
        job->next = NULL;
        *p->last = job;
        p->last = &job->next;
        p->waiting++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->mutex);
    return has_room;
}
