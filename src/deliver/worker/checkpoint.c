/* SPDX-License-Identifier: MIT
 *
 * The journal of a worker and its checkpoints: see checkpoint_priv.h. A checkpoint goes in small
 * steps between batches, so that no delivery waits for it; the sync itself runs in the syncer's
 * thread. When it cannot keep up, journal_add() finds no free segment and mail is refused with 452
 * 4.3.1 until it can.
 */
#include "checkpoint_priv.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "kept_priv.h"
#include "rows_priv.h"
#include "worker_priv.h"

#define EVERY_MS 1000 /* between two checkpoints, unless segments run out */
#define QUIET_MS 5000 /* without a record: then the journal is emptied */
#define RELAXED_MS 1000
#define ACCOUNTS_A_STEP 8
#define ACCOUNTS_A_STEP_PRESSED 64

struct spool_use { /* a segment names a file in spool/ */
    struct spool_use *next;
    uint64_t segment;
    struct spool_file *file;
};

static uint64_t
segment_octets(const struct settings *s)
{
    return s->journal_size / s->workers / CHECKPOINT_SEGMENTS;
}

uint64_t
checkpoint_inline_max(const struct settings *s)
{
    return segment_octets(s) / 4; /* the rest is for what the record says of it */
}

bool
checkpoint_open(struct worker *w, struct outcome *why)
{
    const struct settings *s = w->with.settings;
    char folder[4096];

    snprintf(folder, sizeof folder, "%s/journal", s->state_dir);
    const struct journal_options options = {
        .folder = folder,
        .number = w->number,
        .segment_octets = segment_octets(s),
        .segments_max = CHECKPOINT_SEGMENTS,
    };
    char number[16];

    snprintf(number, sizeof number, "%u", w->number);
    w->checkpoint.label = metrics_place(METRICS_NAMES_WORKERS, number);
    w->journal = journal_open(&options, why);
    w->checkpoint.preparation.journal = w->journal;
    return w->journal != NULL;
}

/* ---- records ---- */

/* Until the record has its place, no checkpoint lets go of the file. */
static struct spool_use *
hold_spool(struct worker *w, struct spool_file *file)
{
    struct spool_use *use = calloc(1, sizeof *use);

    if (use == NULL)
        return NULL;
    *use = (struct spool_use){.segment = UINT64_MAX, .file = spool_file_ref(file)};
    LL_PREPEND(w->checkpoint.spool_uses, use);
    return use;
}

static void
leave_spools(struct worker *w)
{
    struct spool_use *use, *next;

    LL_FOREACH_SAFE(w->checkpoint.spool_uses, use, next)
    {
        spool_file_leave(use->file);
        free(use);
    }
    w->checkpoint.spool_uses = NULL;
}

static void
drop_spools(struct worker *w, uint64_t below)
{
    struct spool_use *use, *next;

    LL_FOREACH_SAFE(w->checkpoint.spool_uses, use, next)
    {
        if (use->segment >= below)
            continue;
        LL_DELETE(w->checkpoint.spool_uses, use);
        spool_file_unref(use->file);
        free(use);
    }
}

static uint64_t
wall_us(void)
{
    struct timespec now = clock_wall();

    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool
is_empty(const struct worker *w)
{
    return w->checkpoint.segment == 0 && journal_current(w->journal) == journal_oldest(w->journal);
}

static void
tell_oldest(const struct worker *w)
{
    const struct checkpoint *c = &w->checkpoint;
    uint64_t since_us = c->since_us[journal_oldest(w->journal) % CHECKPOINT_SEGMENTS];

    metrics_gauge_set(METRIC_JOURNAL_OLDEST, c->label, is_empty(w) ? 0 : (int64_t)since_us);
}

/* A record was written there. */
static void
note_segment(struct worker *w, uint64_t segment)
{
    struct checkpoint *c = &w->checkpoint;

    if (c->segment != 0 && segment != c->segment)
        syncer_prepare(w->with.syncer, &c->preparation);
    if (segment != c->segment) {
        c->since_us[segment % CHECKPOINT_SEGMENTS] = wall_us();
        c->segment = segment;
        tell_oldest(w);
    }
    c->recorded_ms = clock_ms();
}

bool
checkpoint_add(struct worker *w, uint16_t type, const struct span *parts, size_t count,
               struct spool_file *spool, uint64_t *segment, struct outcome *why)
{
    struct spool_use *use = spool == NULL ? NULL : hold_spool(w, spool);

    if (spool != NULL && use == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "no memory for a record");
    bool ok = journal_add(w->journal, type, parts, count, segment, why);
    if (use != NULL)
        use->segment = ok ? *segment : journal_current(w->journal);
    if (!ok)
        return false;
    note_segment(w, *segment);
    metrics_count(METRIC_JOURNAL_RECORDS, METRICS_NO_LABEL, 1);
    for (size_t i = 0; i < count; i++)
        metrics_count(METRIC_JOURNAL_BYTES, METRICS_NO_LABEL, parts[i].n);
    return true;
}

static bool
write_and_sync(struct worker *w, struct outcome *why)
{
    struct checkpoint *c = &w->checkpoint;

    if (w->with.settings->durability == DURABILITY_STRICT)
        return journal_sync(w->journal, why);
    if (!journal_write(w->journal, why))
        return false;
    if (c->unsynced_ms == 0)
        c->unsynced_ms = clock_ms();
    return true;
}

bool
checkpoint_sync(struct worker *w, struct outcome *why)
{
    uint64_t began_us = clock_us();
    bool ok = write_and_sync(w, why);

    metrics_observe(METRIC_JOURNAL_SYNC, METRICS_NO_LABEL, clock_us() - began_us);
    metrics_count(METRIC_JOURNAL_FAILURES, METRICS_NO_LABEL, !ok);
    return ok;
}

bool
checkpoint_record(struct worker *w, uint16_t type, struct span record, uint64_t *segment,
                  struct outcome *why)
{
    return checkpoint_add(w, type, &record, 1, NULL, segment, why) && journal_sync(w->journal, why);
}

/* Durability relaxed: what was answered up to a second ago. */
static void
sync_relaxed(struct worker *w)
{
    struct checkpoint *c = &w->checkpoint;
    struct outcome why;

    if (c->unsynced_ms == 0 || clock_ms() - c->unsynced_ms < RELAXED_MS)
        return;
    c->unsynced_ms = 0;
    if (journal_sync(w->journal, &why))
        return;
    log_event(LOG_LEVEL_ERROR, "journal_not_synced", "cause", why.cause, NULL);
    journal_turn(w->journal); /* what it no longer stands for goes to stable storage at once */
    c->ended_ms = 0;
}

/* ---- checkpoints ---- */

static void
end_checkpoint(struct worker *w, bool ok)
{
    struct checkpoint *c = &w->checkpoint;

    c->state = CHECKPOINT_NONE;
    c->ended_ms = clock_ms();
    metrics_count(METRIC_CHECKPOINTS, ok ? METRICS_DONE : METRICS_FAILED, 1);
    if (!ok)
        return;
    metrics_observe(METRIC_CHECKPOINT_TIME, METRICS_NO_LABEL, clock_us() - c->began_us);
    metrics_gauge_set(METRIC_CHECKPOINT_LAST, c->label, (int64_t)wall_us());
    journal_free(w->journal, c->below);
    tell_oldest(w);
    syncer_prepare(w->with.syncer, &c->preparation); /* which makes that last */
    drop_spools(w, c->below);
}

static void
on_synced(struct job *job, void *worker)
{
    struct worker *w = worker;

    (void)job;
    end_checkpoint(w, w->checkpoint.request.ok);
}

/* How many UIDs each index has given, beside it. One that cannot be marked holds nobody up: the
 * mark only helps when rows are lost some day. */
static void
write_marks(struct worker *w)
{
    struct open_account *oa, *next;
    struct outcome why;

    HASH_ITER(hh, w->open, oa, next)
    {
        if (!oa->loan.is_lent && !account_mark(oa, &why)) /* marked when it was lent */
            log_event(LOG_LEVEL_ERROR, "index_not_marked", "account", oa->key, "cause", why.cause,
                      NULL);
    }
}

static void
write_rows(struct worker *w)
{
    struct checkpoint *c = &w->checkpoint;
    unsigned step = journal_is_pressed(w->journal) ? ACCOUNTS_A_STEP_PRESSED : ACCOUNTS_A_STEP;
    bool more;

    if (!rows_flush_below(w, c->below, step, &more)) {
        end_checkpoint(w, false);
        return;
    }
    if (more)
        return;
    c->state = CHECKPOINT_SYNCING;
    c->request.done.run = on_synced;
    write_marks(w);
    if (!syncer_ask(w->with.syncer, &c->request, w->thread))
        end_checkpoint(w, false);
}

static bool
is_quiet(const struct checkpoint *c, uint64_t now)
{
    return c->segment != 0 && now - c->recorded_ms >= QUIET_MS;
}

static bool
is_due(const struct worker *w, uint64_t now)
{
    bool has_complete = journal_current(w->journal) > journal_oldest(w->journal);

    return has_complete &&
           (journal_is_pressed(w->journal) || now - w->checkpoint.ended_ms >= EVERY_MS);
}

/* A segment that holds something kept stays as long as there are others; then that is written
 * anew. */
static bool
respect_kept(struct worker *w, uint64_t *below)
{
    uint64_t kept = kept_oldest(w);
    struct outcome why;

    if (kept >= *below)
        return true;
    if (!journal_is_pressed(w->journal)) {
        *below = kept;
        return kept > journal_oldest(w->journal);
    }
    if (kept_carry(w, *below, &why))
        return true;
    log_event(LOG_LEVEL_ERROR, "kept_not_carried", "cause", why.cause, NULL);
    w->checkpoint.ended_ms = clock_ms();
    return false;
}

static void
begin(struct worker *w)
{
    struct checkpoint *c = &w->checkpoint;
    uint64_t now = clock_ms();

    if (now - c->ended_ms < EVERY_MS && !journal_is_pressed(w->journal))
        return;
    if (is_quiet(c, now)) {
        journal_turn(w->journal);
        c->segment = 0;
    }
    if (!is_due(w, now))
        return;
    c->below = journal_current(w->journal);
    if (!respect_kept(w, &c->below))
        return;
    c->state = CHECKPOINT_ROWS;
    c->began_us = clock_us();
}

unsigned
checkpoint_idle(struct worker *w)
{
    struct checkpoint *c = &w->checkpoint;

    if (w->journal == NULL)
        return JOB_WAIT_FOREVER;
    sync_relaxed(w);
    if (c->state == CHECKPOINT_NONE)
        begin(w);
    if (c->state == CHECKPOINT_ROWS)
        write_rows(w);
    if (c->state == CHECKPOINT_ROWS)
        return 0;
    return c->state == CHECKPOINT_SYNCING || is_empty(w) ? JOB_WAIT_FOREVER : EVERY_MS;
}

void
checkpoint_close(struct worker *w)
{
    struct outcome why = {0};
    bool more;

    if (w->journal == NULL)
        return;
    bool ok = journal_sync(w->journal, &why);
    journal_turn(w->journal);
    ok = rows_flush_below(w, UINT64_MAX, UINT_MAX, &more) && ok;
    write_marks(w);
    ok = ok && syncer_now(w->with.syncer, &why);
    uint64_t below = journal_current(w->journal);
    ok = ok && kept_carry(w, below, &why);
    if (ok) {
        journal_free(w->journal, below);
        journal_prepare(w->journal); /* which makes that last */
        drop_spools(w, UINT64_MAX);
    } else {
        log_event(LOG_LEVEL_WARNING, "journal_kept", "cause", why.cause, NULL);
        leave_spools(w);
    }
    journal_close(w->journal);
    w->journal = NULL;
}
