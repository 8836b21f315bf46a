/* SPDX-License-Identifier: MIT
 *
 * Flags and keywords of a message, as people write them (RFC 9051 2.3.2).
 */
#ifndef DELIVER_FLAGS_H
#define DELIVER_FLAGS_H

#include <jansson.h>

#include "doorstep/buf.h"

/* flags_json() / keywords_json() - arrays of texts; NULL without memory. */
json_t *flags_json(unsigned flags);
json_t *keywords_json(const char *keywords);

/* flags_add() - one more; false: it is neither a flag nor a keyword. */
bool flags_add(const char *name, unsigned *flags, struct buf *keywords);

/* flags_edit() - adds the flags of the array `add` and takes those of `remove` away (either may
 * be NULL): system flags in *flags, all others in keywords (one space between). NULL when all was
 * well, else the first text that is no flag, borrowed from its array, or "" for what is no text.
 * Case matters to neither. */
const char *flags_edit(const json_t *add, const json_t *remove, unsigned *flags,
                       struct buf *keywords);

#endif
