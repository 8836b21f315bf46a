/* SPDX-License-Identifier: MIT
 *
 * A WAL that has grown goes into its database with two or three syncs, which no worker waits for:
 * the index is lent to a thread of the syncer's, and what comes for that account meanwhile is put
 * aside. One thread at a time uses an index; the queues between the two threads order them.
 * Worker's thread.
 */
#ifndef DELIVER_LOAN_PRIV_H
#define DELIVER_LOAN_PRIV_H

#include "account_priv.h"

#define LOAN_WAIT_MS 2 /* try again after, for who needs the account */

/* loan_consider() - lends the account's index when its WAL has grown. Nothing may use it until it
 * is back: oa->loan.is_lent. */
void loan_consider(struct worker *w, struct open_account *oa);

#endif
