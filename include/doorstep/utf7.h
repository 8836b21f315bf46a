/* SPDX-License-Identifier: MIT
 *
 * Modified UTF-7, the spelling of mailbox names in IMAP4rev1 and in the folder names of
 * Maildir++ (RFC 3501 5.1.3). Pure functions, any thread.
 */
#ifndef DOORSTEP_UTF7_H
#define DOORSTEP_UTF7_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

/* utf7_encode() - append the modified UTF-7 of a UTF-8 name. false, with out as it was: bad UTF-8,
 * a NUL, or out is full. */
bool utf7_encode(struct span utf8, struct buf *out);

/* utf7_decode() - append the UTF-8 of a name in modified UTF-7. Strict: only what utf7_encode()
 * would write is a name, so that no two spellings mean the same mailbox. false, with out as it was:
 * not such a name, or out is full. */
bool utf7_decode(struct span in, struct buf *out);

#endif
