/* SPDX-License-Identifier: MIT
 *
 * Values in IMAP's own syntax (RFC 9051 section 9; the same in RFC 3501): strings, the ENVELOPE of
 * a header block, and what BODYSTRUCTURE says about one part. Strings come out quoted where they
 * can be, else as literals; raw 8-bit octets as UTF-8, NUL dropped.
 */
#ifndef DOORSTEP_SORT_IMAP_PRIV_H
#define DOORSTEP_SORT_IMAP_PRIV_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/mime.h"
#include "doorstep/span.h"

/* imap_print_string() - value may be folded. False when out is full, with out unchanged. */
bool imap_print_string(struct span value, struct buf *out);

/* imap_print_nstring() - NIL for an absent value (p is NULL). */
bool imap_print_nstring(struct span value, struct buf *out);

/* imap_print_envelope() - of a header block. Addresses that do not fit into octets_max (for all
 * lists together) are left out and texts are cut at 8 KiB, and *is_truncated is set. False when not
 * even that fits into out; with octets_max + IMAP_ENVELOPE_REST of room it always does. */
#define IMAP_ENVELOPE_REST (66 * 1024)
bool imap_print_envelope(struct span block, size_t octets_max, struct buf *out, bool *is_truncated);

/* imap_print_fields() - the beginning of a body: `"text" "plain" params id description encoding`;
 * of a multipart its subtype alone. */
bool imap_print_fields(const struct mime_header *h, enum mime_kind kind, struct buf *out);

/* imap_print_extension() - its end: `md5 disposition language location`; of a multipart params in
 * place of md5. */
bool imap_print_extension(const struct mime_header *h, enum mime_kind kind, struct buf *out);

/* What imap_print_structure() puts together; strings may be NULL, where there was no memory for
 * them. */
struct imap_part {
    const char *fields;
    const char *extension;
    const char *envelope; /* of a MIME_MESSAGE: of the message inside */
    bool is_text;
    bool is_alternative, is_related; /* multipart/... */
};

/* imap_print_structure() - BODYSTRUCTURE out of rows in header order. Parts that do not fit into
 * out are left out from the first such on, and *is_truncated is set; what is printed is always
 * well-formed. */
bool imap_print_structure(const struct mime_part *rows, const struct imap_part *parts,
                          uint32_t count, struct buf *out, bool *is_truncated);

#endif
