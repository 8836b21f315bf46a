/* SPDX-License-Identifier: MIT
 *
 * Steps that the deliveries of a batch take together, between stage and answer. What does not get
 * through leaves w->batch for *finished, its cause in d->why. Worker's thread.
 */
#ifndef DELIVER_COMMIT_PRIV_H
#define DELIVER_COMMIT_PRIV_H

#include "batch_priv.h"

/* commit_journal() - one record a message, one sync for all: no crash loses them from here on. */
void commit_journal(struct worker *w, struct delivery **finished);

/* commit_publish() - visible, and as safe as the journal or their store can make it. */
void commit_publish(struct worker *w, struct delivery **finished);

/* commit_settle() - delivered: all of w->batch go to *finished, and their rows wait. */
void commit_settle(struct worker *w, struct delivery **finished);

#endif
