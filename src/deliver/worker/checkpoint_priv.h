/* SPDX-License-Identifier: MIT
 *
 * A worker's journal: what goes in, and how its segments become free again. Worker's thread.
 *
 *         complete segments,          rows below        asked the       it is done
 *         or a quiet moment           are written        syncer
 *   NONE -------------------> ROWS --------------> SYNCING ---------> NONE (segments freed)
 *                              | a row cannot be written      | it failed
 *                              v                              v
 *                             NONE, tried again after a second
 */
#ifndef DELIVER_CHECKPOINT_PRIV_H
#define DELIVER_CHECKPOINT_PRIV_H

#include "doorstep/settings.h"

#include "spool_priv.h"
#include "syncer_priv.h"

struct worker;

enum checkpoint_state { CHECKPOINT_NONE, CHECKPOINT_ROWS, CHECKPOINT_SYNCING };

#define CHECKPOINT_SEGMENTS 8 /* of a worker's journal */

struct checkpoint {
    enum checkpoint_state state;
    unsigned label;       /* of metrics: the worker's number */
    uint64_t below;       /* segments that this one frees */
    uint64_t began_us;    /* when it did */
    uint64_t ended_ms;    /* when the last one ended */
    uint64_t recorded_ms; /* when the last record was written */
    uint64_t segment;     /* where that lies; 0: there was none since the last turn */
    uint64_t since_us[CHECKPOINT_SEGMENTS]; /* by segment: when its first record was, by the wall */
    uint64_t unsynced_ms; /* durability relaxed: when the first one was written, 0 none */
    struct spool_use *spool_uses;
    struct syncer_request request;
    struct syncer_preparation preparation;
};

/* checkpoint_inline_max() - octets of a message that is copied into the journal; a larger one goes
 * to spool/. */
uint64_t checkpoint_inline_max(const struct settings *s);

/* checkpoint_open() - the worker's journal, to be written from now on. */
bool checkpoint_open(struct worker *w, struct outcome *why);

/* checkpoint_close() - rows written, everything synced, all segments free; what fails is replayed
 * at the next start. The syncer's thread has ended. */
void checkpoint_close(struct worker *w);

/* checkpoint_add() - as journal_add(), for a record whose effects must be checkpointed. spool: the
 * file that it names, or NULL. */
bool checkpoint_add(struct worker *w, uint16_t type, const struct span *parts, size_t count,
                    struct spool_file *spool, uint64_t *segment, struct outcome *why);

/* checkpoint_sync() - all that was added is on stable storage (durability relaxed: written, and
 * synced within a second). */
bool checkpoint_sync(struct worker *w, struct outcome *why);

/* checkpoint_record() - one record, on stable storage when it returns true. */
bool checkpoint_record(struct worker *w, uint16_t type, struct span record, uint64_t *segment,
                       struct outcome *why);

/* checkpoint_idle() - a step of what is due; ms until it should be called again. */
unsigned checkpoint_idle(struct worker *w);

#endif
