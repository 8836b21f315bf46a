/* SPDX-License-Identifier: MIT
 *
 * What tags of other extensions say about a redirect.
 */
#ifndef SIEVE_REDIRECT_PRIV_H
#define SIEVE_REDIRECT_PRIV_H

#include "doorstep/sieve_extension.h"

/* redirect_dsn() - the tags of RFC 6009, when there are any. False: the run has failed. */
bool redirect_dsn(struct sieve_run *r, const struct sieve_op *op, struct sieve_redirect *out);

/* redirect_list() - the list of RFC 6134 that it goes to, in the run's memory. False: there is
 * none of that name, the run has failed. */
bool redirect_list(struct sieve_run *r, const struct sieve_op *op, struct span name,
                   const char **out);

#endif
