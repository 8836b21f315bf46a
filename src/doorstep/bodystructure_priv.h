/* SPDX-License-Identifier: MIT
 *
 * IMAP's BODYSTRUCTURE (RFC 9051 7.5.2) as rows for people: one a part, in the order of the
 * message.
 */
#ifndef DOORSTEP_BODYSTRUCTURE_PRIV_H
#define DOORSTEP_BODYSTRUCTURE_PRIV_H

#include <stdbool.h>

#include <jansson.h>

#include "doorstep/span.h"

/* bodystructure_rows() - calls fn with {number, type, name, encoding, octets, lines} (borrowed) for
 * each part, types indented by depth. false when the text is not one, or too large; rows may have
 * been given. */
bool bodystructure_rows(struct span text, void (*fn)(void *arg, json_t *row), void *arg);

#endif
