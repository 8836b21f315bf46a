/* SPDX-License-Identifier: MIT
 *
 * Encoded words of header fields (RFC 2047, with the language of RFC 2231 section 5) to UTF-8.
 * White space between two encoded words goes away, and neighbours of one charset are joined
 * before they are converted: many programs cut a character in two.
 */
#ifndef DOORSTEP_WORDS_H
#define DOORSTEP_WORDS_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/charset.h"
#include "doorstep/span.h"

/* words_decode() - append the meaning of a field's value (folded or not) to out: UTF-8 on one line,
 * with control characters as spaces. A word of an unknown charset or encoding stays as written; raw
 * 8-bit octets are guessed. False when out was too small: it then holds a right beginning. */
bool words_decode(struct charsets *set, struct span value, struct buf *out);

/* words_print() - append `text`, UTF-8, as the value of an unstructured field whose line is at
 * `column` already: folded with line_end, encoded where it is not ASCII. Line ends and other
 * controls in it become blanks, so that no value ends its field. False when out is full: it is as
 * it was. */
bool words_print(struct span text, size_t column, const char *line_end, struct buf *out);

/* words_fold() - the same for a value that is no text (addresses, ids) and stays as it is: broken
 * in front of blanks, and inside a word only where no line could hold it. It is one line. False
 * when out is full: its end is undefined. */
bool words_fold(struct span value, size_t column, const char *line_end, struct buf *out);

#endif
