/* SPDX-License-Identifier: MIT
 *
 * The pieces that messages are printed from.
 */
#ifndef RELAY_PRIV_H
#define RELAY_PRIV_H

#include "doorstep/relay.h"

/* ---- field.c: one header field, with its line end; nothing for an empty value ---- */

/* Free text: encoded words where it is not ASCII, folded. */
bool field_print_text(struct buf *out, const char *name, struct span value);
/* A mailbox-list: names are encoded, addresses stay. */
bool field_print_mailboxes(struct buf *out, const char *name, struct span list);
/* What must be ASCII already: folded at its blanks. */
bool field_print_raw(struct buf *out, const char *name, struct span value);

/* Words that are message ids; those that are not ASCII are left out. */
bool field_print_ids(struct buf *out, const char *name, struct span value);
/* "Name: prefixaddress". */
bool field_print_address(struct buf *out, const char *name, const char *prefix,
                         const char *address);
bool field_print_date(struct buf *out, const char *name, time_t when);

/* ---- body.c ---- */

/* Text as it is, each line end CRLF, one at the end. */
bool body_print_lines(struct buf *out, struct span text);
/* Content-Type and its like, an empty line, and the text as UTF-8. */
bool body_print_text(struct buf *out, struct span text);
/* Is there a line that no message may have (RFC 5322 2.1.1)? */
bool body_has_long_line(struct span text);
/* RFC 2045 6.7 and 6.8: text lines, and lines of base64 of the same. */
bool body_print_quoted(struct buf *out, struct span text);
bool body_print_base64(struct buf *out, struct span text);
/* An entity that brings its own MIME header, or a text. */
bool body_print_entity(struct buf *out, const char *text, bool is_mime);

/* ---- report.c: RFC 8098 and RFC 5965 ---- */
bool report_print_refusal(const struct relay_origin *o, const struct sieve_action *a,
                          struct buf *out);
bool report_print_abuse(const struct relay_origin *o, const struct sieve_action *a,
                        struct buf *out);

/* ---- relay.c ---- */

/* Message-ID and Date, which every new message has. */
bool relay_print_origin(const struct relay_origin *o, struct buf *out);

/* A boundary that stands neither in the message nor in our text about it: whoever wrote them may
 * have guessed the id. '=' makes it one that quoted-printable and base64 never have (RFC 2045 6.7).
 */
#define RELAY_BOUNDARY_SIZE 71 /* RFC 2046 5.1.1, with its NUL */
void relay_make_boundary(const char *id, struct span message, struct span text,
                         char out[RELAY_BOUNDARY_SIZE]);

/* Whose address a setting chooses: "sender", "recipient", "orig_recipient", "user_email",
 * "postmaster", or an address; `otherwise` without the setting, or without that address. */
const char *relay_chosen_address(const struct relay_origin *o, const char *name,
                                 const char *otherwise);

/* The first field of that name in a message, or nothing. */
struct span relay_field(struct span message, const char *name);

/* The header block of a message, without the empty line. */
struct span relay_header(struct span message);

#endif
