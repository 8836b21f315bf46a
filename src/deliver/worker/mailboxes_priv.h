/* SPDX-License-Identifier: MIT
 *
 * Renaming and deleting mailboxes: durable in store and index before it is answered, and a record
 * before that, so that what the journal still holds for the mailbox is not brought back into it.
 * Worker's thread; not inside a transaction.
 */
#ifndef DELIVER_MAILBOXES_PRIV_H
#define DELIVER_MAILBOXES_PRIV_H

#include "worker_priv.h"

/* mailbox_rename() - with the mailboxes below it. */
bool mailbox_rename(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
                    const char *to, struct outcome *why);
bool mailbox_delete(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
                    struct outcome *why);

/* The same in store and index alone; what is done already is no failure. */
bool mailbox_apply_rename(struct open_account *oa, const char *from, const char *to,
                          struct outcome *why);
bool mailbox_apply_delete(struct open_account *oa, const struct index_mailbox *box,
                          struct outcome *why);

#endif
