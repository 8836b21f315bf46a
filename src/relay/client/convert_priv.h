/* SPDX-License-Identifier: MIT
 *
 * A message for a next hop that takes lines of ASCII alone (RFC 6152 3, RFC 3030 3): each part that
 * needs it is encoded, its meaning stays. Two passes over the message, and memory for a row a part
 * and one header block: one looks what there is, the other prints it.
 */
#ifndef DOORSTEP_RELAY_CLIENT_CONVERT_PRIV_H
#define DOORSTEP_RELAY_CLIENT_CONVERT_PRIV_H

#include "doorstep/mime.h"
#include "encode_priv.h"
#include "source_priv.h"

struct convert;

/* convert_new() - the first pass. source is copied, what it points to is borrowed. NULL: no memory,
 * or the message cannot be read. */
struct convert *convert_new(const struct source *source);
void convert_free(struct convert *c); /* NULL is allowed */

/* What was seen: octets above 127 at all, and in header blocks; NULs, or bare CR or LF. */
bool convert_has_8bit(const struct convert *c);
bool convert_has_8bit_header(const struct convert *c);
bool convert_has_binary(const struct convert *c);

/* convert_is_whole() - every part was seen: there were not too many, nor too little memory. */
bool convert_is_whole(const struct convert *c);

/* convert_plan() - of a whole one: what to do with each part. false: it cannot be converted; *why
 * says why. */
bool convert_plan(struct convert *c, const char **why);

/* convert_read() - the next octets of the converted message, up to n; 0 at the end, -1 when it
 * cannot be read. Behind convert_plan(). */
ssize_t convert_read(struct convert *c, void *out, size_t n);

/* ------------------------------------------------------------------ between its files */

/* convert_print_field() - a field with octets above 127 as ASCII, appended to out. false, and out
 * as it was: it cannot be said so, or there is no room. */
struct field;
bool convert_print_field(const struct field *f, struct buf *out);

/* convert_try_field() - could it be printed? What fails for want of memory is no reason to refuse.
 */
enum convert_saying { CONVERT_CAN_SAY, CONVERT_CANNOT_SAY, CONVERT_NO_MEMORY };
enum convert_saying convert_try_field(const struct field *f);

#define CONVERT_FILL '#' /* no character of a boundary (RFC 2046 5.1.1) */

enum convert_label {
    LABEL_7BIT,
    LABEL_8BIT,
    LABEL_BINARY,
    LABEL_QUOTED,
    LABEL_BASE64,
    LABEL_OTHER
};

enum convert_action {
    CONVERT_KEEP,
    CONVERT_RELABEL, /* to 7bit: a multipart or message whose parts are now */
    CONVERT_QUOTED,
    CONVERT_BASE64,
    CONVERT_MEND_QUOTED,
    CONVERT_MEND_BASE64
};

struct convert_part {
    enum convert_label label; /* Content-Transfer-Encoding */
    enum convert_action action;
    bool is_text;
    bool is_sealed; /* multipart/signed or encrypted: what is inside must not change */
    bool is_odd;    /* its boundary has CONVERT_FILL all the same */
    bool is_opaque; /* message/ of a kind that may not be encoded (RFC 2046 5.2) */
    bool has_8bit;  /* in its body, of a leaf */
    bool has_nul;
    bool has_8bit_header;
    bool has_8bit_structure; /* in fields that are no text */
};

enum convert_place { PLACE_BETWEEN, PLACE_HEADER, PLACE_BODY };

struct convert {
    struct source source;
    struct mime *mime; /* owned */
    const struct mime_part *rows;
    uint32_t count;
    struct convert_part *parts; /* owned; one a row */
    uint32_t size;
    bool has_8bit, has_binary, has_no_memory;
    char last; /* octet */
    /* the second pass */
    uint64_t at;       /* in the source */
    uint64_t position; /* the same, as the rows count: a bare LF is two */
    uint32_t part;     /* that comes next, or is being printed */
    enum convert_place place;
    bool is_over;
    struct buf header;
    struct encode encode;
    struct buf out;
    size_t taken; /* of out */
};

#endif
