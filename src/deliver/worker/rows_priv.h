/* SPDX-License-Identifier: MIT
 *
 * What an index keeps of a delivery: UID, facts, ledger.
 */
#ifndef DELIVER_ROWS_PRIV_H
#define DELIVER_ROWS_PRIV_H

#include "batch_priv.h"

/* rows_write() - all deliveries of one account in one transaction, durable when it returns true. A
 * damaged index is set aside, rebuilt and written once more. On failure nothing of them is in the
 * index. Fills each delivery's uid and usage. */
bool rows_write(struct worker *w, struct open_account *oa, struct delivery **list, size_t count,
                struct outcome *why);

/* rows_key() - the ledger's key of a delivery for one of its recipients. */
void rows_key(const struct delivery *d, uint32_t recipient, char key[INDEX_LEDGER_KEY_SIZE]);

/* rows_remember() - into the ledger, for each of its recipients: an MTA may send again to some of
 * them only. Inside a transaction. */
bool rows_remember(struct open_account *oa, const struct delivery *d, struct outcome *why);

#endif
