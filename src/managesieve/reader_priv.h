/* SPDX-License-Identifier: MIT
 *
 * Commands of ManageSieve as they come over the wire (RFC 5804 4): a word and its arguments, split
 * anyhow; quoted strings, literals and numbers. Limits: of what stands on lines, of each literal,
 * of arguments. Linear time; memory is one buffer.
 */
#ifndef MANAGESIEVE_READER_PRIV_H
#define MANAGESIEVE_READER_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

#define READER_ARGUMENTS_MAX 3
#define READER_LINE_MAX 16384 /* octets of a command outside of literals */

enum reader_result {
    READER_MORE,    /* not whole yet */
    READER_COMMAND, /* whole: look at it, then reader_next() */
    READER_WRONG,   /* a command that is none: its line was read; reader->why says it */
    READER_HOPELESS /* a literal that nobody will read: the connection is over */
};

enum reader_state {
    READER_AT_WORD,
    READER_AT_GAP, /* behind a space: an argument begins */
    READER_IN_QUOTED,
    READER_IN_NUMBER,
    READER_AT_LITERAL,     /* its length */
    READER_AT_LITERAL_END, /* "}" was read: CRLF comes */
    READER_IN_LITERAL,
    READER_SKIPPING_LITERAL, /* too large */
    READER_BEHIND,           /* an argument: a space or the end of the line */
    READER_AT_LF,
    READER_SKIPPING_LINE /* of a command that is wrong */
};

struct reader_argument {
    bool is_number;
    uint64_t number;
    size_t offset, n; /* in the buffer */
};

struct reader {
    enum reader_state state;
    struct buf octets; /* word and strings */
    size_t word;       /* octets of the word */
    struct reader_argument arguments[READER_ARGUMENTS_MAX];
    uint32_t count;
    uint64_t left;        /* of a literal */
    uint64_t literal_max; /* the caller's, and may change between commands */
    uint32_t line;        /* octets of the line so far */
    bool is_escaped;      /* a backslash came last */
    bool has_plus;
    bool is_string;  /* the command began with no word: what answers a challenge */
    const char *why; /* of READER_WRONG; NULL while all is well */
};

/* reader_init() - octets_max: of everything that a command may hold. */
void reader_init(struct reader *r, size_t octets_max, uint64_t literal_max);
void reader_release(struct reader *r);

/* reader_feed() - take octets off *in up to the end of a command. */
enum reader_result reader_feed(struct reader *r, struct span *in);

/* reader_next() - forget the command, keep little memory. */
void reader_next(struct reader *r);

struct span reader_word(const struct reader *r);

/* reader_string() - argument i; SPAN_NONE with p NULL when it is none or a number. */
struct span reader_string(const struct reader *r, uint32_t i);

#endif
