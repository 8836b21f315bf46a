/* SPDX-License-Identifier: MIT
 *
 * The scanner behind source_load() and source_scan(): scan.c knows tokens, scan_include.c files.
 */
#ifndef DOORSTEP_CONFIG_SCAN_PRIV_H
#define DOORSTEP_CONFIG_SCAN_PRIV_H

#include <glob.h>

#include "source_priv.h"

struct scan_frame { /* one file that is being read; what included it lies below */
    const char *name;
    struct buf text;
    size_t pos;
    unsigned line;
    glob_t matches; /* of the include() that stands just before pos */
    size_t next_match;
};

/* Where the scanner is, as far as it needs to know: names are never quoted, and `{` opens a section
 * or a list. Anything else that is out of place libconfuse will find. */
enum scan_state { SCAN_NAME, SCAN_AFTER_NAME, SCAN_VALUE, SCAN_LIST };

struct scan {
    struct source *source;        /* borrowed */
    struct source_errors *errors; /* borrowed */
    struct scan_frame frames[SOURCE_DEPTH_MAX];
    size_t depth;
    size_t octets; /* of all files so far */
    size_t max;    /* of octets */
    unsigned line; /* of source->text */
    enum scan_state state;
    struct source_section name; /* the last one seen: a section when `{` follows */
};

struct scan_frame *scan_top(struct scan *s);
struct source_place scan_place(struct scan *s);

/* scan_fail() - an error here that ends the scan; returns false. */
bool scan_fail(struct scan *s, const char *what);

/* scan_token() - the next token of the top frame. */
bool scan_token(struct scan *s);

/* scan_string() - take the quoted string at the top frame's position, quotes included. */
bool scan_string(struct scan *s, struct span *out);

/* scan_space() - pass spaces and line ends; they go to the text too. */
bool scan_space(struct scan *s);

/* scan_emit() - append to the text, counting its lines. */
bool scan_emit(struct scan *s, struct span text);

/* scan_push() - begin a file whose text is taken (released in any case). */
bool scan_push(struct scan *s, const char *name, struct buf *text);
bool scan_push_match(struct scan *s);
bool scan_pop(struct scan *s);

/* scan_include() - behind the word include: `("pattern")`; its files are pushed one after the
 * other. */
bool scan_include(struct scan *s);

#endif
