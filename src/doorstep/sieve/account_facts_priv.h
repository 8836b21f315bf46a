/* SPDX-License-Identifier: MIT
 *
 * What scripts ask about an account, for runs that change nothing: its mailboxes, their special
 * uses, ids and annotations as the daemon's index has them, and the configuration's lists.
 */
#ifndef DOORSTEP_ACCOUNT_FACTS_PRIV_H
#define DOORSTEP_ACCOUNT_FACTS_PRIV_H

#include "layers_priv.h"

struct account_facts {
    struct layers *layers; /* borrowed */
    json_t *mailboxes;     /* owned: rows of mailbox.list */
    json_t *annotations;   /* owned: by mailbox, and "" for the account, as they are asked */
};

/* account_facts_open() - layers: opened, outlives f. 0 or an exit code, said on standard error.
 * account_facts_release() in any case. */
int account_facts_open(struct account_facts *f, struct layers *layers);
void account_facts_release(struct account_facts *f);

/* account_facts_host() - answers out of f, as a delivery would get them. */
struct sieve_host account_facts_host(struct account_facts *f);

/* account_facts_target() - the mailbox that a copy would go to: by id, by special use, by name. */
const char *account_facts_target(const struct account_facts *f, const struct sieve_storage *to);

#endif
