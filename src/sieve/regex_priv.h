/* SPDX-License-Identifier: MIT
 *
 * Extended regular expressions of POSIX, as the draft of the regex extension asks for them, in
 * PCRE2's words. What POSIX leaves undefined is refused, but for a few habits that are widespread.
 */
#ifndef SIEVE_REGEX_PRIV_H
#define SIEVE_REGEX_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/span.h"

#define REGEX_NESTING_MAX 200
#define REGEX_OCTETS_MAX (64 * 1024)

enum regex_flavour { /* by the comparator */
                     REGEX_OCTETS,
                     REGEX_ASCII_CASE, /* characters of UTF-8; the letters of ASCII without case */
                     REGEX_UNICODE_CASE
};

struct regex_remark {
    const char *text; /* a constant; what is wrong, or what other servers do not know */
    size_t offset;    /* octets in the expression */
};

/* regex_translate() - append the expression to out. False: it is wrong, why says how. True: with
 * why->text set it has something that the draft does not have. */
bool regex_translate(struct span ere, enum regex_flavour flavour, struct buf *out,
                     struct regex_remark *why);

/* regex_compile() - memory is the arena's, which frees it. NULL: why says how it is wrong. */
pcre2_code *regex_compile(struct span ere, enum regex_flavour flavour, struct arena *arena,
                          struct regex_remark *why);

struct regex_matcher { /* of a run, in the extension's state; match_regex.c */
    struct sieve_run *run;
    pcre2_match_context *context;
    pcre2_match_data *data;
    size_t last; /* where the step before was */
};

/* regex_memory() - the arena as PCRE2 asks for memory; NULL when it is full. */
pcre2_general_context *regex_memory(struct arena *arena);

#endif
