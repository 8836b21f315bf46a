/* SPDX-License-Identifier: MIT
 *
 * The header block of a message as a draft's fields, for draft.c.
 */
#ifndef FILTER_DRAFT_FIELDS_PRIV_H
#define FILTER_DRAFT_FIELDS_PRIV_H

#include "draft_priv.h"

#define DRAFT_FIELDS_MAX 10000 /* of a message that filters look at */

/* fields_empty_line() - the length of the empty line at the front of `block`, or 0. */
size_t fields_empty_line(struct span block);

/* fields_split() - the header of `block` becomes the draft's fields, borrowed from it; *end: where
 * the body begins. It stops behind one field more than are allowed. false: no memory. */
bool fields_split(struct draft *d, struct span block, uint64_t *end);

#endif
