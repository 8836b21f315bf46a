/* SPDX-License-Identifier: MIT
 *
 * One spelling for names that people take for the same: shared by account names and addresses.
 */
#ifndef DOORSTEP_MAIL_ACCOUNT_NAME_PRIV_H
#define DOORSTEP_MAIL_ACCOUNT_NAME_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/span.h"

/* name_fold() - NFC and, with fold_case, simple case folding, NUL-terminated in out. false: bad
 * UTF-8 or does not fit. Folding what was folded changes nothing. */
bool name_fold(struct span name, bool fold_case, char *out, size_t size);

#endif
