/* SPDX-License-Identifier: MIT
 *
 * Account workers: see worker_priv.h. The batch itself is in batch.c.
 */
#include "worker_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "batch_priv.h"
#include "kept_priv.h"
#include "record_priv.h"

#define OPEN_MAX 1024           /* accounts that all workers together keep open */
#define OPEN_FEW 16             /* where there are hardly any descriptors */
#define DESCRIPTORS_A_ACCOUNT 8 /* database, WAL, folders, one in use */
#define DESCRIPTORS_OTHERS 512  /* doors, spool files, the tool's connections */

struct workers {
    struct worker *list;
    atomic_uint open_total;
    unsigned count;
};

static void
end_worker(void *arg)
{
    struct worker *w = arg;

    batch_end(w);
    checkpoint_close(w);
    kept_free_all(w);
    account_close_all(w);
    for (size_t n = 0; n < BATCH_MAX; n++)
        buf_release(&w->records[n]);
}

/* As many open accounts as descriptors allow. */
static unsigned
open_max(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return OPEN_MAX;
    if (files.rlim_cur < 2 * DESCRIPTORS_OTHERS)
        return OPEN_FEW;
    rlim_t fit = (files.rlim_cur - DESCRIPTORS_OTHERS) / DESCRIPTORS_A_ACCOUNT;
    return fit > OPEN_MAX ? OPEN_MAX : fit < OPEN_FEW ? OPEN_FEW : (unsigned)fit;
}

static bool
start_worker(struct worker *w, unsigned number, const struct worker_services *with,
             atomic_uint *open_total)
{
    static const struct job_hooks hooks = {.idle = batch_idle, .end = end_worker};
    char name[16];

    *w = (struct worker){.with = *with, .number = number};
    atomic_init(&w->kept_count, 0);
    for (size_t n = 0; n < BATCH_MAX; n++)
        buf_init(&w->records[n], RECORD_MAX);
    w->open_total = open_total;
    w->open_max = open_max();
    w->open_least = w->open_max / (unsigned)with->settings->workers / 2;
    snprintf(name, sizeof name, "worker-%u", number % 1000);
    w->thread = job_thread_start(name, &hooks, w);
    return w->thread != NULL;
}

struct workers *
workers_start(const struct worker_services *with, struct outcome *why)
{
    struct workers *ws = calloc(1, sizeof *ws);
    unsigned wanted = (unsigned)with->settings->workers;

    if (ws != NULL)
        ws->list = calloc(wanted, sizeof *ws->list);
    if (ws == NULL || ws->list == NULL) {
        free(ws);
        outcome_set(why, OUTCOME_SYSTEM, "no memory");
        return NULL;
    }
    for (; ws->count < wanted; ws->count++)
        if (!start_worker(&ws->list[ws->count], ws->count, with, &ws->open_total)) {
            outcome_set(why, OUTCOME_SYSTEM, "cannot start worker %u", ws->count);
            workers_end(ws);
            return NULL;
        }
    return ws;
}

/* FNV-1a: spreads names; a sender who makes many of one worker's accounts slows only those. */
static uint32_t
hash_name(uint32_t h, const char *s)
{
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static unsigned
number_of(uint64_t count, const char *user, const char *domain)
{
    return (unsigned)(hash_name(hash_name(2166136261u, user), domain) % count);
}

void
workers_post(struct workers *ws, const char *user, const char *domain, struct job *job)
{
    job_thread_post(ws->list[number_of(ws->count, user, domain)].thread, job);
}

bool
worker_has(const struct worker *w, const char *user, const char *domain)
{
    return number_of(w->with.settings->workers, user, domain) == w->number;
}

unsigned
workers_kept(const struct workers *ws)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ws->count; i++)
        count += atomic_load(&ws->list[i].kept_count);
    return count;
}

unsigned
workers_count(const struct workers *ws)
{
    return ws->count;
}

void
workers_post_to(struct workers *ws, unsigned number, struct job *job)
{
    job_thread_post(ws->list[number % ws->count].thread, job);
}

void
workers_end(struct workers *ws)
{
    if (ws == NULL)
        return;
    if (ws->count > 0)
        syncer_end(ws->list[0].with.syncer);
    for (unsigned i = 0; i < ws->count; i++)
        job_thread_end(ws->list[i].thread);
    free(ws->list);
    free(ws);
}
