/* SPDX-License-Identifier: MIT
 *
 * Other programs add, rename and remove mail too: bring an account's index in line with its store.
 * Worker's thread; not inside a transaction.
 */
#ifndef DELIVER_RECONCILE_PRIV_H
#define DELIVER_RECONCILE_PRIV_H

#include "account_priv.h"

/* reconcile_mailbox() - compare one mailbox with what the store lists, when its stamp says that
 * something changed since the last time. box is read again afterwards. changes may be NULL. */
bool reconcile_mailbox(struct open_account *oa, const char *name, struct index_mailbox *box,
                       struct index_changes *changes, struct outcome *why);

/* reconcile_folders() - mailboxes that the store has and the index lacks are added, and the other
 * way round removed. */
bool reconcile_folders(struct worker *w, struct open_account *oa, struct outcome *why);

/* reconcile_facts() - facts for messages that have none yet, at most `max` of them from UID *from
 * on: their bytes go to a sorter. *from is the UID to go on with, 0 when all are done. */
bool reconcile_facts(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
                     unsigned max, uint32_t *from, struct outcome *why);

#endif
