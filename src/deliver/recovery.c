/* SPDX-License-Identifier: MIT
 *
 * From the journals of the last run to an empty one: see recovery_priv.h.
 */
#include "recovery_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "doorstep/store_driver.h"

#include "deliver_priv.h"
#include "kept_priv.h"
#include "syncer_priv.h"

struct turn { /* of one worker, or of the clerk */
    struct job job;
    struct recovery *recovery;
    bool ok;
    struct outcome why;
    struct replay_counts counts;
    char (*spools)[ID_SIZE]; /* owned: named by what it keeps */
    size_t spool_count;
};

struct recovery {
    struct deliver *deliver;
    recovery_done_fn done;
    struct journal_reader *reader;
    struct replay_plan *plan;
    struct turn *turns; /* one a worker, and the clerk's behind them */
    unsigned workers;
    unsigned left; /* turns that have not ended */
    const struct step *step;
    uint64_t started_ms;
};

struct step {
    const char *name;
    bool by_workers;
    void (*run)(struct job *job, void *thread);
};

/* ---- what the clerk does ---- */

static bool
in_state_dir(const struct recovery *r, const char *name, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", r->deliver->settings->state_dir, name) < PATH_MAX;
}

static void end_turn(struct turn *t);

static void
run_read(struct job *job, void *clerk)
{
    struct turn *t = (struct turn *)job;
    struct recovery *r = t->recovery;
    char path[PATH_MAX];

    (void)clerk;
    in_state_dir(r, "journal", path);
    r->reader = journal_reader_open(path, &t->why);
    if (r->reader != NULL)
        r->plan = replay_plan_new(r->reader, &t->why);
    t->ok = r->plan != NULL;
    end_turn(t);
}

static void
run_sync(struct job *job, void *clerk)
{
    struct turn *t = (struct turn *)job;

    (void)clerk;
    t->ok = t->recovery->plan->count == 0 || syncer_now(t->recovery->deliver->syncer, &t->why);
    end_turn(t);
}

static bool
copy_octets(int from, int to)
{
    char octets[65536];
    ssize_t n;

    while ((n = read(from, octets, sizeof octets)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !store_write_all(to, octets, (size_t)n))
            return false;
    }
    return true;
}

/* What is damaged is left for whoever can make more of it: never deleted. */
static bool
save_damaged(int folder, const char *name, struct outcome *why)
{
    char copy[NAME_MAX + 1];
    int to = -1, from = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    snprintf(copy, sizeof copy, "%.200s-%lld.damaged", name, (long long)clock_wall().tv_sec);
    if (from >= 0)
        to = openat(folder, copy, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = to >= 0 && copy_octets(from, to) && fdatasync(to) == 0;
    if (!ok)
        outcome_errno(why, errno, "copy", copy);
    else
        log_event(LOG_LEVEL_ERROR, "journal_set_aside", "file", copy, NULL);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return ok;
}

static bool
save_all_damaged(const struct recovery *r, struct outcome *why)
{
    char path[PATH_MAX];
    bool ok = true;

    in_state_dir(r, "journal", path);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return outcome_errno(why, errno, "open", path);
    for (size_t i = 0; ok && i < r->plan->damaged_count; i++)
        ok = save_damaged(folder, r->plan->damaged_files[i], why);
    close(folder);
    return ok;
}

static bool
is_named(const struct recovery *r, const char *name)
{
    for (unsigned n = 0; n < r->workers; n++)
        for (size_t i = 0; i < r->turns[n].spool_count; i++)
            if (strcmp(r->turns[n].spools[i], name) == 0)
                return true;
    return false;
}

/* Messages that no record names any more. One that cannot be removed is left to the next start. */
static void
empty_spool(const struct recovery *r)
{
    char path[PATH_MAX];
    struct dirent *e;

    in_state_dir(r, "spool", path);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.' && !is_named(r, e->d_name))
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
}

/* Messages of the queue that no item names any more, where nothing is kept that may name them. */
static void
sweep_queue(const struct recovery *r)
{
    struct outcome why;
    uint64_t kept = 0;

    for (unsigned n = 0; n < r->workers; n++)
        kept += r->turns[n].counts.kept;
    if (kept == 0 && !queue_sweep(r->deliver->queue, clock_wall().tv_sec + 1, &why))
        log_event(LOG_LEVEL_WARNING, "queue_not_swept", "cause", why.cause, NULL);
}

static void
run_clear(struct job *job, void *clerk)
{
    struct turn *t = (struct turn *)job;
    struct recovery *r = t->recovery;

    (void)clerk;
    t->ok = save_all_damaged(r, &t->why) && journal_reader_clear(r->reader, r->workers, &t->why);
    if (t->ok) {
        empty_spool(r);
        sweep_queue(r);
    }
    end_turn(t);
}

/* ---- what the workers do ---- */

static void
run_replay(struct job *job, void *worker)
{
    struct turn *t = (struct turn *)job;

    replay_run(worker, t->recovery->plan, &t->counts);
    t->ok = true;
    end_turn(t);
}

static bool
list_spools(struct turn *t, const struct worker *w)
{
    size_t count = 0;

    for (const struct kept *k = w->kept; k != NULL; k = k->next)
        count++;
    t->spools = calloc(count + 1, sizeof *t->spools);
    for (const struct kept *k = w->kept; t->spools != NULL && k != NULL; k = k->next)
        if (k->spool != NULL)
            memcpy(t->spools[t->spool_count++], k->spool_id, ID_SIZE);
    return t->spools != NULL || outcome_set(&t->why, OUTCOME_SYSTEM, "no memory");
}

static void
run_open(struct job *job, void *worker)
{
    struct turn *t = (struct turn *)job;
    struct worker *w = worker;

    t->ok = w->lost_kept ? outcome_set(&t->why, OUTCOME_SYSTEM, "no memory for what has to be kept")
                         : checkpoint_open(w, &t->why) && kept_carry(w, UINT64_MAX, &t->why) &&
                               list_spools(t, w);
    end_turn(t);
}

/* ---- steps ---- */

static const struct step steps[] = {
    {"read", false, run_read}, {"replay", true, run_replay}, {"sync", false, run_sync},
    {"open", true, run_open},  {"clear", false, run_clear},  {0},
};

static void
start_step(struct recovery *r)
{
    struct deliver *d = r->deliver;
    const struct step *step = r->step;

    r->left = step->by_workers ? r->workers : 1;
    if (!step->by_workers) {
        r->turns[r->workers].job.run = step->run;
        job_thread_post(d->clerk, &r->turns[r->workers].job);
        return;
    }
    for (unsigned n = 0; n < r->workers; n++) {
        r->turns[n].job.run = step->run;
        workers_post_to(d->workers, n, &r->turns[n].job);
    }
}

static void
add_counts(struct replay_counts *sum, const struct replay_counts *c)
{
    sum->accounts += c->accounts;
    sum->messages += c->messages;
    sum->rows += c->rows;
    sum->cancelled += c->cancelled;
    sum->removed += c->removed;
    sum->changes += c->changes;
    sum->kept += c->kept;
    sum->renewed += c->renewed;
}

static void
count_replay(const struct recovery_report *r)
{
    metrics_gauge_set(METRIC_REPLAY_TIME, METRICS_NO_LABEL, (int64_t)r->ms * 1000);
    metrics_count(METRIC_REPLAYED, METRICS_REPLAY_RECORDS, r->records);
    metrics_count(METRIC_REPLAYED, METRICS_REPLAY_MESSAGES, r->counts.messages);
    metrics_count(METRIC_REPLAYED, METRICS_REPLAY_ROWS, r->counts.rows);
    metrics_count(METRIC_REPLAYED, METRICS_REPLAY_CHANGES, r->counts.changes);
    metrics_count(METRIC_REPLAYED, METRICS_REPLAY_KEPT, r->counts.kept);
    metrics_count(METRIC_REPLAYED, METRICS_REPLAY_DAMAGED, r->damaged);
}

static void
report(struct recovery *r)
{
    struct recovery_report *out = &r->deliver->recovered;

    *out = (struct recovery_report){
        .records = r->plan->count,
        .damaged = r->plan->damaged + r->plan->broken,
        .torn = r->plan->torn,
        .unknown = r->plan->unknown,
        .ms = clock_ms() - r->started_ms,
    };
    for (unsigned n = 0; n < r->workers; n++)
        add_counts(&out->counts, &r->turns[n].counts);
    count_replay(out);
    if (out->records + out->damaged + out->torn == 0)
        return;
    log_event(out->damaged + out->counts.kept > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "replayed",
              "records", log_num((long long)out->records), "accounts",
              log_num((long long)out->counts.accounts), "messages",
              log_num((long long)out->counts.messages), "rows",
              log_num((long long)out->counts.rows), "changes",
              log_num((long long)out->counts.changes), "cancelled",
              log_num((long long)out->counts.cancelled), "removed",
              log_num((long long)out->counts.removed), "kept", log_num((long long)out->counts.kept),
              "renewed", log_num((long long)out->counts.renewed), "damaged",
              log_num((long long)out->damaged), "torn", log_num((long long)out->torn), "ms",
              log_num((long long)out->ms), NULL);
}

static const struct outcome *
failure(const struct recovery *r)
{
    for (unsigned n = 0; n <= r->workers; n++)
        if (!r->turns[n].ok)
            return &r->turns[n].why;
    return NULL;
}

static void
end(struct recovery *r, bool ok)
{
    recovery_done_fn done = r->done;
    struct deliver *d = r->deliver;

    if (ok)
        report(r);
    done(d, ok);
}

static void
on_turn_ended(void *arg)
{
    struct recovery *r = arg;

    if (--r->left > 0)
        return;
    const struct outcome *why = failure(r);
    if (why != NULL) {
        log_event(LOG_LEVEL_ERROR, "cannot_recover", "step", r->step->name, "cause", why->cause,
                  NULL);
        end(r, false);
        return;
    }
    r->step++;
    if (r->step->run == NULL)
        end(r, true);
    else
        start_step(r);
}

static void
end_turn(struct turn *t)
{
    loop_post(t->recovery->deliver->loop, on_turn_ended, t->recovery);
}

struct recovery *
recovery_start(struct deliver *d, recovery_done_fn done)
{
    struct recovery *r = calloc(1, sizeof *r);
    unsigned workers = workers_count(d->workers);

    if (r != NULL)
        r->turns = calloc(workers + 1, sizeof *r->turns);
    if (r == NULL || r->turns == NULL) {
        free(r);
        return NULL;
    }
    r->deliver = d;
    r->done = done;
    r->workers = workers;
    r->started_ms = clock_ms();
    r->step = steps;
    for (unsigned n = 0; n <= workers; n++) {
        r->turns[n].recovery = r;
        r->turns[n].ok = true;
    }
    start_step(r);
    return r;
}

void
recovery_free(struct recovery *r)
{
    if (r == NULL)
        return;
    for (unsigned n = 0; n < r->workers; n++)
        free(r->turns[n].spools);
    free(r->turns);
    replay_plan_free(r->plan);
    journal_reader_close(r->reader);
    free(r);
}
