/* SPDX-License-Identifier: MIT
 *
 * Header fields (RFC 5322 2.2, 3.2) as they lie in a header block: one at a time, unfolding,
 * and the tokens that structured fields are made of. Everything works on borrowed spans and takes
 * linear time; obsolete and broken forms have a meaning instead of an error.
 */
#ifndef DOORSTEP_FIELD_H
#define DOORSTEP_FIELD_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

struct field {
    struct span name;  /* as written, without the colon and the white space before it */
    struct span value; /* folded, without white space and line ends around it */
};

enum field_result { FIELD_OK, FIELD_BROKEN, FIELD_END };

/* field_next() - take the next field off *block, whose lines end in CRLF or LF. FIELD_BROKEN: a
 * line (with what continues it) that is no field was taken. FIELD_END: an empty line or nothing is
 * left. */
enum field_result field_next(struct span *block, struct field *out);

bool field_is(const struct field *f, const char *name);

/* field_unfold() - append value to out without CR, LF and NUL (RFC 5322 2.2.3); false when out is
 * full, with out unchanged. */
bool field_unfold(struct span value, struct buf *out);

/* Tokens. Each takes what it describes off the front of *s. CR and LF count as white space, since
 * values are folded. */

/* token_skip_cfws() - white space and comments, which may nest; true when there was any. With
 * comment not NULL, *comment becomes the inside of the last comment, when there was one. A comment
 * without an end goes to the end. */
bool token_skip_cfws(struct span *s, struct span *comment);

/* token_take_until() - octets up to the first white space or one of `stops` (a C string). */
struct span token_take_until(struct span *s, const char *stops);

/* token_take_quoted() - *s begins with a double quote: append what the quoted string means to out,
 * without CR, LF and NUL. One without an end goes to the end. False when out is full. */
bool token_take_quoted(struct span *s, struct buf *out);

/* token_take_char() - take c when it is next. */
bool token_take_char(struct span *s, char c);

#endif
