/* SPDX-License-Identifier: MIT
 *
 * The parameters behind the path of MAIL and RCPT (RFC 5321 4.1.2, and the extension that
 * brought each).
 */
#ifndef DOORSTEP_SMTP_PARAMETERS_PRIV_H
#define DOORSTEP_SMTP_PARAMETERS_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/envelope.h"
#include "replies_priv.h"

/* What was announced beside what every EHLO has. */
enum parameters_extension {
    PARAMETERS_DSN = 1, /* RFC 3461 */
    PARAMETERS_AUTH = 2 /* RFC 4954 */
};

/* parameters_parse_mail() / parameters_parse_rcpt() - `in` is all that stands behind the path:
 * empty, or parameters each after a space. Strings come from arena. with: PARAMETERS_*.
 * REPLY_NONE when all is well, else the refusal; the envelope's fields are then in no
 * defined state. */
enum smtp_reply parameters_parse_mail(struct span in, unsigned with, struct arena *arena,
                                      struct envelope *e);
enum smtp_reply parameters_parse_rcpt(struct span in, unsigned with, bool smtputf8,
                                      struct arena *arena, struct envelope_recipient *r);

/* xtext_decode() - RFC 3461 section 4, exactly: printable ASCII without '+' and '=', or '+' and two
 * upper case hexadecimal digits. NULL when it is no xtext, is longer than max as written, or
 * decodes to a control octet or NUL. */
const char *xtext_decode(struct span in, size_t max, struct arena *arena);

/* utf8_address_decode() - the address of an ORCPT of type utf-8 (RFC 6533 section 3): \x{HEX}
 * becomes the character, and UTF-8 stands as it is when allow_utf8. NULL as above. */
const char *utf8_address_decode(struct span in, size_t max, bool allow_utf8, struct arena *arena);

#endif
