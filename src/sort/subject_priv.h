/* SPDX-License-Identifier: MIT
 *
 * The base subject of RFC 5256 2.1: what is left of a subject without "Re:", "Fwd:", "[list]" and
 * "(fwd)", by which replies are threaded and mailboxes sorted.
 */
#ifndef DOORSTEP_SORT_SUBJECT_PRIV_H
#define DOORSTEP_SORT_SUBJECT_PRIV_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

/* subject_print_base() - subject is decoded UTF-8 on one line. Appends its base in upper case
 * (simple Unicode mapping); false when out was too small. Linear but for the "[fwd: ...]" that wrap
 * one another. */
bool subject_print_base(struct span subject, struct buf *out);

#endif
