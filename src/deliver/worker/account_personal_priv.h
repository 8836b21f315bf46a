/* SPDX-License-Identifier: MIT
 *
 * What an account's owner wrote, as its worker has it: opened when somebody asks, and never in the
 * way of a delivery that asks nothing. Worker's thread.
 */
#ifndef DELIVER_ACCOUNT_PERSONAL_PRIV_H
#define DELIVER_ACCOUNT_PERSONAL_PRIV_H

#include "doorstep/personal.h"

#include "account_priv.h"

/* account_personal() - the account's, valid until it is closed: by account_personal_close(), with
 * the account, or when its file is gone. A damaged one is rescued, and logged. NULL: NOT_FOUND, the
 * account has none and create is false; else what keeps it from being opened now. oa->index must be
 * open. */
struct personal *account_personal(struct open_account *oa, bool create, struct outcome *why);

/* account_personal_close() - for those who asked once: its memory counts where a thousand accounts
 * are open. */
void account_personal_close(struct open_account *oa);

/* account_personal_move() - what an older program kept in the index is moved; a crash anywhere, and
 * it is done again. */
bool account_personal_move(struct open_account *oa, struct outcome *why);

/* account_personal_use() - the special use of a mailbox, "" for none, also where nothing can be
 * read. */
void account_personal_use(struct open_account *oa, const char *mailbox,
                          char out[PERSONAL_USE_SIZE]);

/* account_personal_copy(), account_personal_forget() - personal_mailbox_copy() and _forget(),
 * durable. An account without any is no failure. */
bool account_personal_copy(struct open_account *oa, const char *from, const char *to,
                           struct outcome *why);
bool account_personal_forget(struct open_account *oa, const char *mailbox, bool with_below,
                             struct outcome *why);

#endif
