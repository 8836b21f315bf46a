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

#endif
