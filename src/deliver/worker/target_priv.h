/* SPDX-License-Identifier: MIT
 *
 * The mailbox that a delivery goes to, other than INBOX: found, made, or given up for INBOX, so
 * that no name in a script loses mail.
 */
#ifndef DELIVER_TARGET_PRIV_H
#define DELIVER_TARGET_PRIV_H

#include "batch_priv.h"

/* target_find() - d->mailbox and d->uid_validity, or d->into becomes INBOX. false: the index
 * failed. */
bool target_find(struct worker *w, struct delivery *d);

/* target_renew() - its folder is gone from the store: made anew. false: it goes to INBOX anyhow, or
 * cannot be made. */
bool target_renew(struct worker *w, struct delivery *d);

#endif
