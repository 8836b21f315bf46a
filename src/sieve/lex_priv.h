/* SPDX-License-Identifier: MIT
 *
 * The tokens of RFC 5228 8.1, one at a time.
 */
#ifndef SIEVE_LEX_PRIV_H
#define SIEVE_LEX_PRIV_H

#include "doorstep/sieve.h"

enum token_kind {
    TOKEN_END,
    TOKEN_IDENTIFIER,
    TOKEN_TAG,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_PUNCTUATION, /* one of ()[]{},; in token.c */
    TOKEN_WRONG        /* an error was noted */
};

struct token {
    enum token_kind kind;
    struct sieve_place at;
    char c;
    uint64_t number;
    struct span text; /* identifier or tag as written; string as it is meant, in the arena */
};

struct lexer {
    struct span text; /* whole script */
    uint32_t offset, line, column;
    const char *script;
    struct arena *arena; /* strings */
    struct sieve_report *report;
    struct buf string; /* being read */
};

/* lexer_init() - text is borrowed and has at most 4 GiB; script is borrowed. */
void lexer_init(struct lexer *lx, const char *script, struct span text, struct arena *arena,
                struct sieve_report *report);
void lexer_release(struct lexer *lx);

/* lexer_next() - also TOKEN_WRONG takes at least one octet. */
void lexer_next(struct lexer *lx, struct token *out);

/* token_describe() - "';'", "string", "end of script": what people call it. */
const char *token_describe(const struct token *t, char *out, size_t size);

#endif
