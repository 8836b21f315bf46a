/* SPDX-License-Identifier: MIT
 *
 * Carrying out what the journals of a crash say, for the accounts of one worker: messages, changes,
 * ledger, in the order in which they were recorded. Done again, after any part of it, it comes to
 * the same. Worker's thread, before the worker has a journal.
 */
#ifndef DELIVER_REPLAY_PRIV_H
#define DELIVER_REPLAY_PRIV_H

#include "replay_plan_priv.h"

struct replay_counts {
    uint64_t accounts;
    uint64_t messages; /* parts that were looked at */
    uint64_t rows;     /* that were missing */
    uint64_t cancelled, removed;
    uint64_t changes;
    uint64_t kept;    /* what cannot be carried out now */
    uint64_t renewed; /* accounts whose mailboxes have a new UIDVALIDITY */
};

/* replay_run() - what cannot be carried out is kept (kept_priv.h). */
void replay_run(struct worker *w, struct replay_plan *plan, struct replay_counts *counts);

#endif
