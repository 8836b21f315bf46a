/* SPDX-License-Identifier: MIT
 *
 * The preview of RFC 8970: at most 200 characters of what a person would read first. Of a body
 * only its beginning is kept, and that is decoded when the part is over.
 */
#ifndef DOORSTEP_SORT_PREVIEW_PRIV_H
#define DOORSTEP_SORT_PREVIEW_PRIV_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/charset.h"
#include "doorstep/decode.h"
#include "doorstep/mime.h"

#define PREVIEW_CHARACTERS 200
#define PREVIEW_PLAIN_MAX 4096               /* octets of a plain body that are looked at */
#define PREVIEW_HTML_MAX 32768               /* of an HTML body: styles stand before the text */
#define PREVIEW_MAX (PREVIEW_CHARACTERS * 4) /* octets of a preview */

struct preview {
    struct buf body; /* encoded, without CR, so that LF and CRLF have the same beginning */
    size_t body_max;
    enum decode_kind encoding;
    bool is_html;
    char charset[64]; /* NUL-terminated */
};

void preview_init(struct preview *p);
void preview_release(struct preview *p);

/* preview_begin() - the part with this header comes; what was kept of another is forgotten. */
void preview_begin(struct preview *p, const struct mime_header *h);

/* preview_feed() - false: enough was seen. */
bool preview_feed(struct preview *p, struct span octets);

/* preview_print() - append the preview, one line of valid UTF-8 without control and invisible
 * characters; nothing when the body has no text. Quoted lines are left out where anything else is
 * there. out needs room for PREVIEW_MAX octets. */
void preview_print(const struct preview *p, struct charsets *charsets, struct buf *out);

#endif
