/* SPDX-License-Identifier: MIT
 *
 * One account's part of a recorded message, brought back: bytes in the store, row in the index.
 * Whatever of it a crash has left is found and left; done twice it changes nothing. Worker's
 * thread.
 */
#ifndef DELIVER_RESTORE_PRIV_H
#define DELIVER_RESTORE_PRIV_H

#include "replay_plan_priv.h"

struct restore {
    struct worker *worker;
    const struct record_message *message;
    const struct record_part *part;
    struct message *bytes; /* borrowed; NULL: not needed, or gone with a checkpoint that was done */
    const char *mailbox;   /* where it belongs now */
    uint32_t uid_validity;
    uint32_t uid; /* that it was given in this mailbox */

    /* Where a change moves it that is still to be carried out, or was already; or NULL. */
    const char *moved_to;
    uint32_t moved_validity;
    uint32_t moved_uid;

    /* At start; NULL later. */
    const struct replay_plan *plan;
    const struct replay_account *account;

    bool may_wait; /* for a lock, as long as a delivery would */
    bool added;    /* result: its row was missing */
};

/* restore_part() - false: not now; `why` tells, and the part must be kept. */
bool restore_part(struct restore *r, struct outcome *why);

/* restore_bytes() - the recorded message, sealed; one reference for the caller. *gone: it was
 * named by a file that is no more, so its checkpoint was done. NULL: gone, or `why`. */
struct message *restore_bytes(const char *state_dir, const struct record_message *m, bool *gone,
                              struct outcome *why);

/* restore_mailbox() - the index's row of a mailbox at start, made when a crash or somebody has
 * taken it: with the UIDVALIDITY that the journal knows when nothing else is in the store, for then
 * all UIDs are known; else with a new one. The store has the mailbox afterwards, too. */
bool restore_mailbox(struct worker *w, struct open_account *oa, const struct replay_plan *plan,
                     const struct replay_account *ra, const char *name, struct index_mailbox *box,
                     struct outcome *why);

/* restore_ledger() - keys alone. */
bool restore_ledger(struct worker *w, struct open_account *oa, const struct record_ledger *l,
                    struct outcome *why);

/* restore_burn() - the UID of a message that does not come back. */
bool restore_burn(struct open_account *oa, const char *mailbox, uint32_t uid_validity, uint32_t uid,
                  struct outcome *why);

#endif
