/* SPDX-License-Identifier: MIT
 *
 * MIME entities that the engine makes (RFC 5703 5 and 6), and the message that they become part of.
 */
#ifndef SIEVE_ENTITY_PRIV_H
#define SIEVE_ENTITY_PRIV_H

#include "run_priv.h"

/* entity_print_text() - text as a text/plain entity with its header; its body has no line that
 * could be taken for a boundary. False when out is full. */
bool entity_print_text(struct span text, struct buf *out);

/* entity_is_mime_field() - one of those that describe the MIME structure. */
bool entity_is_mime_field(const struct sieve_field *f);

/* entity_print_field() - "Name: value", encoded and folded. */
bool entity_print_field(const char *name, struct span value, struct buf *out);

/* entity_copy_field() - as it was written, with a line end. */
bool entity_copy_field(const struct sieve_field *f, struct buf *out);

/* entity_adopt() - what was printed is the message from here on; the buffer is released. False: the
 * run has failed. */
bool entity_adopt(struct sieve_run *r, struct buf *whole, bool ok);

#endif
