/* SPDX-License-Identifier: MIT
 *
 * Names of lists that scripts look into (RFC 6134 2.5, 2.6): URIs, and what is short for them; and
 * the files that such lists are.
 */
#ifndef DOORSTEP_LIST_NAME_H
#define DOORSTEP_LIST_NAME_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

#define LIST_ADDRESS_BOOK ":addrbook:default" /* which there always is */

/* list_name_print() - name in the one form in which it is compared, appended to out: the URN of
 * Sieve as ":...", an address book's name decoded, and that of "default" in lower case. False: out
 * is full. */
bool list_name_print(struct span name, struct buf *out);

/* list_name_scheme() - "tag" of "tag:example.com,2011:x", "urn" of what is short for one; n 0: it
 * is no URI (RFC 3986 3.1). */
struct span list_name_scheme(struct span name);

/* list_next_value() - the next value of a list's file, one a line: blank lines, those that begin
 * with '#' and those with a NUL say nothing. False: there is none; text is empty then. */
bool list_next_value(struct span *text, struct span *value);

#endif
