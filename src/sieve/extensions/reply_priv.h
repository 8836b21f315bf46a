/* SPDX-License-Identifier: MIT
 *
 * What vacation, notify and their like need to know about the message that they answer.
 */
#ifndef SIEVE_REPLY_PRIV_H
#define SIEVE_REPLY_PRIV_H

#include "doorstep/sieve_extension.h"

/* reply_check_mailboxes() - a mailbox-list of RFC 5322, where it is constant. */
bool reply_check_mailboxes(struct sieve_check *c, const struct sieve_value *value);
bool reply_mailboxes_are_valid(struct span list);

/* reply_check_entity() - a MIME entity whose header has nothing but ASCII fields. */
bool reply_check_entity(struct sieve_check *c, struct sieve_place at, struct span entity);

/* reply_field() - the first field of that name, unfolded, decoded when asked; n 0: none. */
bool reply_field(struct sieve_run *r, const char *name, bool is_decoded, struct span *out);

/* reply_one_line() - control characters as spaces, at most n characters. NULL: the run failed. */
const char *reply_one_line(struct sieve_run *r, struct span s, size_t n);

/* reply_thread() - Message-ID and References for an answer (RFC 5322 3.6.4); "" when unknown. */
bool reply_thread(struct sieve_run *r, const char **in_reply_to, const char **references);

/* reply_fcc() - RFC 8580: where a copy of the reply goes, or NULL. */
bool reply_fcc(struct sieve_run *r, const struct sieve_op *op, const struct sieve_storage **out);

/* reply_is_automatic() - Auto-Submitted says something other than "no" (RFC 3834 5). */
bool reply_is_automatic(struct sieve_run *r, bool *out);

/* vacation_withheld() - why nobody is answered, or NULL; `addresses` of the script, or NULL.
 * *to_field: the sender as he writes himself, or NULL. False: the run has failed. */
bool vacation_withheld(struct sieve_run *r, const struct sieve_value *addresses, const char **why,
                       const char **to_field);

#endif
