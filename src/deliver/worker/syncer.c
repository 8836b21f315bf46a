/* SPDX-License-Identifier: MIT
 *
 * syncfs(2) in the background: see syncer_priv.h. A sync that failed is never tried again: the
 * kernel says so once, and the next one would succeed though pages are lost. From then on nothing
 * is on stable storage for all that this process knows, segments stay, and mail is refused when
 * they are full; a new start replays them.
 */
#include "syncer_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"

#define FILE_SYSTEMS_MAX 64

struct file_system {
    dev_t device;
    int fd;
};

struct syncer {
    struct job_thread *thread;
    struct job_thread *second;
    atomic_bool is_lent; /* the second thread is busy */
    struct job *asked;   /* the thread's own */
    struct job **asked_end;
    pthread_mutex_t mutex;
    bool has_ended; /* these are guarded by mutex */
    bool has_failed;
    struct file_system systems[FILE_SYSTEMS_MAX];
    size_t count;
};

static bool
sync_all(struct syncer *s, struct outcome *why)
{
    int fds[FILE_SYSTEMS_MAX];
    size_t count;

    pthread_mutex_lock(&s->mutex);
    for (count = 0; count < s->count; count++)
        fds[count] = s->systems[count].fd;
    bool ok = !s->has_failed || outcome_set(why, OUTCOME_SYSTEM, "an earlier syncfs failed");
    pthread_mutex_unlock(&s->mutex);
    for (size_t i = 0; ok && i < count; i++)
        if (syncfs(fds[i]) != 0)
            ok = outcome_errno(why, errno, "syncfs", "a file system of mail or state");
    if (ok)
        return true;
    pthread_mutex_lock(&s->mutex);
    if (!s->has_failed)
        log_event(LOG_LEVEL_ERROR, "sync_failed", "cause", why->cause, "effect",
                  "the journal keeps what it has; mail is refused when it is full; restart", NULL);
    s->has_failed = true;
    pthread_mutex_unlock(&s->mutex);
    return false;
}

bool
syncer_now(struct syncer *s, struct outcome *why)
{
    return sync_all(s, why);
}

/* ---- the thread ---- */

static void
on_asked(struct job *job, void *arg)
{
    struct syncer *s = arg;

    job->next = NULL;
    *s->asked_end = job;
    s->asked_end = &job->next;
}

/* Nothing more waits: one sync for all that asked. */
static unsigned
on_idle(void *arg)
{
    struct syncer *s = arg;
    struct job *asked = s->asked;
    struct outcome why = {0};

    if (asked == NULL)
        return JOB_WAIT_FOREVER;
    s->asked = NULL;
    s->asked_end = &s->asked;
    bool ok = sync_all(s, &why);
    while (asked != NULL) {
        struct syncer_request *r = (struct syncer_request *)asked;
        asked = asked->next;
        r->ok = ok;
        r->why = why;
        job_thread_post(r->asker, &r->done);
    }
    return JOB_WAIT_FOREVER;
}

static void
on_prepare(struct job *job, void *arg)
{
    struct syncer_preparation *p = (struct syncer_preparation *)job;

    (void)arg;
    journal_prepare(p->journal);
    atomic_store(&p->is_asked, false);
}

/* ---- its askers ---- */

static bool
post(struct syncer *s, struct job_thread *const *to, struct job *job)
{
    pthread_mutex_lock(&s->mutex);
    bool ok = !s->has_ended;
    if (ok)
        job_thread_post(*to, job);
    pthread_mutex_unlock(&s->mutex);
    return ok;
}

bool
syncer_lend(struct syncer *s, struct job *job)
{
    if (atomic_exchange(&s->is_lent, true))
        return false;
    if (post(s, &s->second, job))
        return true;
    syncer_give_back(s);
    return false;
}

void
syncer_give_back(struct syncer *s)
{
    atomic_store(&s->is_lent, false);
}

bool
syncer_ask(struct syncer *s, struct syncer_request *r, struct job_thread *asker)
{
    r->job.run = on_asked;
    r->asker = asker;
    return post(s, &s->thread, &r->job);
}

void
syncer_prepare(struct syncer *s, struct syncer_preparation *p)
{
    if (atomic_exchange(&p->is_asked, true))
        return;
    p->job.run = on_prepare;
    if (!post(s, &s->thread, &p->job))
        atomic_store(&p->is_asked, false);
}

static bool
add_locked(struct syncer *s, dev_t device, int fd)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->systems[i].device == device) {
            close(fd);
            return true;
        }
    if (s->count == FILE_SYSTEMS_MAX)
        return false;
    s->systems[s->count++] = (struct file_system){device, fd};
    return true;
}

bool
syncer_add(struct syncer *s, int fd)
{
    struct stat st;
    bool ok = fstat(fd, &st) == 0;

    if (ok) {
        pthread_mutex_lock(&s->mutex);
        ok = add_locked(s, st.st_dev, fd);
        pthread_mutex_unlock(&s->mutex);
    }
    if (!ok)
        close(fd);
    return ok;
}

struct syncer *
syncer_new(const char *state_dir, struct outcome *why)
{
    static const struct job_hooks hooks = {.idle = on_idle};
    struct syncer *s = calloc(1, sizeof *s);

    if (s == NULL || pthread_mutex_init(&s->mutex, NULL) != 0) {
        free(s);
        outcome_set(why, OUTCOME_SYSTEM, "no memory for the syncer");
        return NULL;
    }
    s->asked_end = &s->asked;
    int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || !syncer_add(s, fd))
        outcome_errno(why, errno, "open", state_dir);
    else if ((s->thread = job_thread_start("syncer", &hooks, s)) == NULL ||
             (s->second = job_thread_start("write-back", &(struct job_hooks){0}, s)) == NULL)
        outcome_set(why, OUTCOME_SYSTEM, "cannot start the syncer's thread");
    else
        return s;
    syncer_free(s);
    return NULL;
}

void
syncer_end(struct syncer *s)
{
    pthread_mutex_lock(&s->mutex);
    s->has_ended = true;
    pthread_mutex_unlock(&s->mutex);
    job_thread_end(s->thread); /* nobody reads these any more */
    job_thread_end(s->second);
    s->thread = s->second = NULL;
}

void
syncer_free(struct syncer *s)
{
    if (s == NULL)
        return;
    syncer_end(s);
    for (size_t i = 0; i < s->count; i++)
        close(s->systems[i].fd);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}
