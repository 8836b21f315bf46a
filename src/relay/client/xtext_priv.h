/* SPDX-License-Identifier: MIT
 *
 * Text wrapped into an argument: xtext (RFC 3461 4) and the notation of UTF-8 addresses (RFC 6533
 * 3). Nothing that is printed can end an argument or a line.
 */
#ifndef DOORSTEP_RELAY_CLIENT_XTEXT_PRIV_H
#define DOORSTEP_RELAY_CLIENT_XTEXT_PRIV_H

#include "doorstep/buf.h"

/* xtext_print() - append ASCII text as xtext. False when out is full. */
bool xtext_print(struct span text, struct buf *out);

/* xtext_length() - of what xtext_print() would append. */
size_t xtext_length(struct span text);

/* utf8_address_print() - append UTF-8 as utf-8-addr-xtext, which is ASCII. False when out is full.
 */
bool utf8_address_print(struct span text, struct buf *out);

#endif
