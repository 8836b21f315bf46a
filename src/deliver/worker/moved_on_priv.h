/* SPDX-License-Identifier: MIT
 *
 * What waited in an account before there was a queue: rows of its index, and a folder outgoing/.
 */
#ifndef DELIVER_MOVED_ON_PRIV_H
#define DELIVER_MOVED_ON_PRIV_H

#include "worker_priv.h"

/* moved_on() - messages that were redirected go into the queue. Replies and notices, which were
 * never rendered and are late by now, become lines of `doorstep sieve log`. What fails is logged,
 * stays, and is tried again when the account is opened the next time. */
void moved_on(struct worker *w, struct open_account *oa);

/* moved_on_remove() - the folder outgoing/, with all that lies in it. */
bool moved_on_remove(const char *account_folder, struct outcome *why);

#endif
