/* SPDX-License-Identifier: MIT
 *
 * What hooks.c and hooks_after.c share: a program's job for a message, and what its result does to
 * a delivery.
 */
#ifndef DELIVER_HOOKS_PRIV_H
#define DELIVER_HOOKS_PRIV_H

#include "filing_priv.h"

/* hooks_fill_job() - all that is known of the message and, where p is not NULL, of one account's
 * copy; strings are the transaction's arena's. */
void hooks_fill_job(struct transaction *t, const struct parcel *p, struct program_job *job);

/* hooks_mailbox() - where the program wants it: a name that a mailbox can have, "INBOX" in
 * capitals;
 * "" where it says nothing. NULL: there cannot be such a mailbox; logged. */
const char *hooks_mailbox(const struct transaction *t, const struct filter_result *r);

/* hooks_add_flags() - words separated by spaces; what is no flag is left out. */
void hooks_add_flags(struct transaction *t, struct delivery *d, const char *flags);

/* hooks_log() - what a program has decided. */
void hooks_log(const struct transaction *t, const struct settings_program *program,
               const struct outcome *why);

#endif
