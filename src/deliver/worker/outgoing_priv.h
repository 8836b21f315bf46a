/* SPDX-License-Identifier: MIT
 *
 * The folder outgoing/ of an account: messages that its scripts send on, each named by a row of its
 * index.
 */
#ifndef DELIVER_OUTGOING_PRIV_H
#define DELIVER_OUTGOING_PRIV_H

#include "worker_priv.h"

struct outgoing_usage {
    uint64_t rows;
    uint64_t octets; /* of details and messages */
};

/* outgoing_look() - what waits. Messages that no row names, left by a delivery that a crash cut
 * short, are removed first. */
bool outgoing_look(struct worker *w, struct open_account *oa, struct outgoing_usage *out,
                   struct outcome *why);

/* outgoing_remove() - with all that lies in it: the account of this folder is no more. */
bool outgoing_remove(const char *account_folder, struct outcome *why);

#endif
