/* SPDX-License-Identifier: MIT
 *
 * Strings out of packed bytes into an arena: what envelopes, addresses, facts and jobs
 * of the relay are read with.
 */
#ifndef DOORSTEP_UNPACK_STRING_H
#define DOORSTEP_UNPACK_STRING_H

#include "doorstep/arena.h"
#include "doorstep/pack.h"

/* unpack_string() - a C string of the arena's, at most max octets; "" and a broken reader when it
 * is longer, holds a NUL, or the arena is full. */
const char *unpack_string(struct unpack *u, struct arena *arena, size_t max);

/* unpack_line() - the same, and a control octet breaks the reader too: such a string can be put
 * into a header field or a log line. */
const char *unpack_line(struct unpack *u, struct arena *arena, size_t max);

#endif
