/* SPDX-License-Identifier: MIT
 *
 * Watching disks: see disk_priv.h. A look is a job of the clerk's; its result goes back to the
 * loop.
 */
#include "disk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "doorstep/log.h"

#define PERIOD_MS 2000
#define PATH_SIZE 4096

struct disk {
    struct job job; /* first: the clerk gets it */
    const struct settings *settings;
    struct loop *loop;
    struct job_thread *clerk;
    struct loop_timer *timer;
    disk_fn fn;
    void *arg;
    bool is_full;
    bool was_full; /* at the last look: the clerk's until it has posted */
};

bool
disk_is_low(uint64_t free_octets, uint64_t size, uint64_t wanted)
{
    uint64_t share = size / 20;

    return free_octets < (wanted < share ? wanted : share);
}

/* Where nothing has been made yet, its parent will hold it. */
static bool
path_is_low(char *path, uint64_t wanted)
{
    struct statvfs st;

    while (statvfs(path, &st) != 0) {
        char *slash = strrchr(path, '/');

        if (errno != ENOENT || slash == NULL || slash == path)
            return false; /* whoever writes there will say what is wrong */
        *slash = '\0';
    }
    return disk_is_low((uint64_t)st.f_bavail * st.f_frsize, (uint64_t)st.f_blocks * st.f_frsize,
                       wanted) ||
           (st.f_files > 0 && st.f_favail == 0);
}

/* The folders in front of the first that depends on the account. */
static bool
store_is_low(const struct settings_store *store, uint64_t wanted)
{
    char path[PATH_SIZE];
    size_t n = strcspn(store->path, "%");

    while (n > 0 && store->path[n - 1] != '/')
        n--;
    if (n < 2 || n >= sizeof path) /* a home: whose disk that is depends on the account */
        return false;
    memcpy(path, store->path, n - 1);
    path[n - 1] = '\0';
    return path_is_low(path, wanted);
}

static bool
any_is_low(const struct settings *s)
{
    uint64_t wanted = s->limits.disk_free;
    char state_dir[PATH_SIZE];
    size_t n = strlen(s->state_dir);

    if (n < sizeof state_dir) {
        memcpy(state_dir, s->state_dir, n + 1);
        if (path_is_low(state_dir, wanted))
            return true;
    }
    for (size_t i = 0; i < s->domain_count; i++) {
        const struct settings_store *store = settings_find_store(s, s->domains[i].store);

        if (store != NULL && store_is_low(store, wanted))
            return true;
    }
    return false;
}

static void
on_looked(void *arg)
{
    struct disk *d = arg;

    loop_timer_start(d->timer, PERIOD_MS);
    if (d->was_full == d->is_full)
        return;
    d->is_full = d->was_full;
    log_event(d->is_full ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              d->is_full ? "disk_nearly_full" : "disk_has_room", NULL);
    d->fn(d->arg, d->is_full);
}

static void
look(struct job *job, void *arg)
{
    struct disk *d = (struct disk *)job;

    (void)arg;
    d->was_full = any_is_low(d->settings);
    loop_post(d->loop, on_looked, d);
}

static void
on_time(void *arg)
{
    struct disk *d = arg;

    job_thread_post(d->clerk, &d->job);
}

struct disk *
disk_new(const struct settings *settings, struct loop *loop, struct job_thread *clerk, disk_fn fn,
         void *arg)
{
    struct disk *d = calloc(1, sizeof *d);

    if (d == NULL)
        return NULL;
    *d = (struct disk){.job.run = look,
                       .settings = settings,
                       .loop = loop,
                       .clerk = clerk,
                       .timer = loop_timer_new(loop, on_time, d),
                       .fn = fn,
                       .arg = arg};
    if (d->timer == NULL) {
        free(d);
        return NULL;
    }
    if (settings->limits.disk_free != UINT64_MAX)
        job_thread_post(clerk, &d->job);
    return d;
}

void
disk_free(struct disk *d)
{
    if (d == NULL)
        return;
    loop_timer_free(d->timer);
    free(d);
}

bool
disk_is_full(const struct disk *d)
{
    return d->is_full;
}
