/* SPDX-License-Identifier: MIT
 *
 * Steps of a delivery. Each works on w->batch[n] and may look at those before it, which have come
 * through the same step.
 */
#ifndef DELIVER_STEPS_PRIV_H
#define DELIVER_STEPS_PRIV_H

#include "batch_priv.h"

enum step_result {
    GOES_ON,
    IS_DONE, /* d->why is its outcome; nothing of it is left behind */
    IS_ASIDE /* it waits for its account and comes again */
};

typedef enum step_result (*step_fn)(struct worker *w, size_t n);

/* step_stage() - account open, ledger, quota, trace; then the bytes are written where nobody looks,
 * and the UID is taken. */
enum step_result step_stage(struct worker *w, size_t n);

/* step_is_known() - an earlier delivery holds (OUTCOME_DUPLICATE), or the index failed: d->why. */
bool step_is_known(struct worker *w, struct delivery *d);

/* step_sync() - where the journal cannot stand for the store: the bytes are on stable storage. */
enum step_result step_sync(struct worker *w, size_t n);

/* step_discard() - undo stage, sync and publish. */
void step_discard(struct delivery *d);

#endif
