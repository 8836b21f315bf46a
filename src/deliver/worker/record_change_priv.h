/* SPDX-License-Identifier: MIT
 *
 * Changes made through us as records of the journal. The reader trusts nothing.
 */
#ifndef DELIVER_RECORD_CHANGE_PRIV_H
#define DELIVER_RECORD_CHANGE_PRIV_H

#include "change_priv.h"

#define RECORD_CHANGE_MAX (8 * 1024 * 1024) /* octets: as many messages as there may be */

/* record_change_pack() - false: out is full. */
bool record_change_pack(struct buf *out, const struct account *a, const struct change *c);

/* record_change_unpack() - strings and lists in the arena. false: it is none (or no memory). */
bool record_change_unpack(struct account *a, struct change *c, struct span record,
                          struct arena *arena);

#endif
