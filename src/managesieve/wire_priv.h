/* SPDX-License-Identifier: MIT
 *
 * Commands of ManageSieve as they come over the wire (RFC 5804 4): a word and its arguments, split
 * anyhow; quoted strings, literals and numbers. Limits: of what stands on lines, of each literal,
 * of arguments. Linear time; memory is one buffer.
 */
#ifndef MANAGESIEVE_WIRE_PRIV_H
#define MANAGESIEVE_WIRE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

#define WIRE_ARGUMENTS_MAX 3
#define WIRE_LINE_MAX 16384 /* octets of a command outside of literals */

enum wire_result {
    WIRE_MORE,    /* not whole yet */
    WIRE_COMMAND, /* whole: look at it, then wire_next() */
    WIRE_WRONG,   /* a command that is none: its line was read; wire->why says it */
    WIRE_HOPELESS /* a literal that nobody will read: the connection is over */
};

enum wire_state {
    WIRE_AT_WORD,
    WIRE_AT_GAP, /* behind a space: an argument begins */
    WIRE_IN_QUOTED,
    WIRE_IN_NUMBER,
    WIRE_AT_LITERAL,     /* its length */
    WIRE_AT_LITERAL_END, /* "}" was read: CRLF comes */
    WIRE_IN_LITERAL,
    WIRE_SKIPPING_LITERAL, /* too large */
    WIRE_BEHIND,           /* an argument: a space or the end of the line */
    WIRE_AT_LF,
    WIRE_SKIPPING_LINE /* of a command that is wrong */
};

struct wire_argument {
    bool is_number;
    uint64_t number;
    size_t offset, n; /* in the buffer */
};

struct wire {
    enum wire_state state;
    struct buf octets; /* word and strings */
    size_t word;       /* octets of the word */
    struct wire_argument arguments[WIRE_ARGUMENTS_MAX];
    uint32_t count;
    uint64_t left;        /* of a literal */
    uint64_t literal_max; /* the caller's, and may change between commands */
    uint32_t line;        /* octets of the line so far */
    bool is_escaped;      /* a backslash came last */
    bool has_digit, has_plus;
    bool is_string;    /* the command began with no word: what answers a challenge */
    bool is_too_large; /* WIRE_WRONG for a literal beyond literal_max */
    const char *why;   /* of WIRE_WRONG; NULL while all is well */
};

/* wire_init() - octets_max: of everything that a command may hold. */
void wire_init(struct wire *r, size_t octets_max, uint64_t literal_max);
void wire_release(struct wire *r);

/* wire_feed() - take octets off *in up to the end of a command. */
enum wire_result wire_feed(struct wire *r, struct span *in);

/* wire_next() - forget the command, keep little memory. */
void wire_next(struct wire *r);

struct span wire_word(const struct wire *r);

/* wire_string() - argument i; SPAN_NONE with p NULL when it is none or a number. */
struct span wire_string(const struct wire *r, uint32_t i);

#endif
