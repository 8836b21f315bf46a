/* SPDX-License-Identifier: MIT
 *
 * Sets of IMAP flags as RFC 5232 keeps them: words of a string, each once, whatever their case; and
 * the internal variable, whose flags keep and fileinto give to a message when they say none.
 */
#ifndef SIEVE_FLAGS_PRIV_H
#define SIEVE_FLAGS_PRIV_H

#include "run_priv.h"

struct flags { /* the internal variable; of a run, not of a script */
    struct span set;
    bool is_said;   /* a script has changed it, or the message came with flags */
    bool has_begun; /* the message's own flags are in it */
};

enum flags_change { FLAGS_SET, FLAGS_ADD, FLAGS_REMOVE };

/* flags_internal() - NULL: the run is out of memory. */
struct flags *flags_internal(struct sieve_run *r);

/* flags_change() - `set` with the flags that `list` names; what is no flag that can be set is left
 * out (2). Memory is the run's. False: the run has failed. */
bool flags_change(struct sieve_run *r, enum flags_change how, struct span set,
                  const struct sieve_value *list, struct span *out);

/* flags_next() - take the next word of a set. False: there is none. */
bool flags_next(struct span *rest, struct span *flag);

/* flag_is_valid() - a system flag that can be stored, or a keyword (RFC 3501 9). */
bool flag_is_valid(struct span flag);

/* flags_storage() - the flags of a copy: of op's :flags, or the internal variable. */
bool flags_storage(struct sieve_run *r, const struct sieve_op *op, struct sieve_storage *out);

#endif
