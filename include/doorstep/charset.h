/* SPDX-License-Identifier: MIT
 *
 * Text in some charset to UTF-8: iconv behind an allow-list of the charsets that mail uses, since
 * the exotic ones of glibc have had memory errors. UTF-8, US-ASCII and Latin-1 need no iconv.
 * A set of open descriptors belongs to one thread; nothing here is process-wide.
 */
#ifndef DOORSTEP_CHARSET_H
#define DOORSTEP_CHARSET_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

struct charsets;

/* charsets_new() - an empty set: descriptors are opened when first asked for. NULL without memory.
 */
struct charsets *charsets_new(void);
void charsets_free(struct charsets *set); /* NULL is allowed */

/* charsets_open_all() - open every charset of the allow-list now, for a process that will not be
 * able to read files later. What the C library lacks stays unknown. */
void charsets_open_all(struct charsets *set);

/* charset_is_known() - on the allow-list, under this name or an alias (no case). */
bool charset_is_known(struct span name);

/* charset_to_utf8() - append `in` to out as valid UTF-8; what is no character becomes U+FFFD.
 * false, with nothing appended, when the charset is not known; out that is full cuts the text. */
bool charset_to_utf8(struct charsets *set, struct span name, struct span in, struct buf *out);

/* charset_guess_to_utf8() - for octets that name no charset (raw 8-bit header fields): kept when
 * they are UTF-8, else read as windows-1252, which has Latin-1 in it. False when out was too small.
 */
bool charset_guess_to_utf8(struct span in, struct buf *out);

/* utf8_is_valid() - RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_is_valid(struct span s);

/* utf8_is_ascii() - no octet above 127. */
bool utf8_is_ascii(struct span s);

/* utf8_next() - take the first character of s (s->n > 0); a wrong octet gives UTF8_WRONG and is
 * skipped alone. */
#define UTF8_WRONG UINT32_MAX
uint32_t utf8_next(struct span *s);

/* utf8_append() - c as UTF-8; false when out is full. */
bool utf8_append(struct buf *out, uint32_t c);

/* utf8_cut() - the longest prefix of s of at most n octets that splits no character. */
struct span utf8_cut(struct span s, size_t n);

#endif
