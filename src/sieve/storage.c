/* SPDX-License-Identifier: MIT
 *
 * Where a copy goes, out of the tags that extensions add to keep and fileinto.
 */
#include "run_priv.h"

#include <strings.h>

bool
sieve_run_storage(struct sieve_run *r, const struct sieve_op *op, struct span mailbox,
                  struct sieve_storage *out)
{
    *out = (struct sieve_storage){.create = sieve_op_tag(op, SIEVE_SLOT_CREATE) != NULL};
    if (!sieve_mailbox_is_valid(mailbox))
        return sieve_run_fail(r, op, "'%.*s' is no name of a mailbox",
                              mailbox.n < 80 ? (int)mailbox.n : 80, mailbox.p);
    out->mailbox = span_equal_fold(mailbox, SPAN("INBOX")) ? "INBOX" : sieve_run_copy(r, mailbox);
    return out->mailbox != NULL;
}
