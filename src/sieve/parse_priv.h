/* SPDX-License-Identifier: MIT
 *
 * The generic grammar of RFC 5228 8.2: commands with arguments, tests and blocks, whatever their
 * names are.
 */
#ifndef SIEVE_PARSE_PRIV_H
#define SIEVE_PARSE_PRIV_H

#include "doorstep/sieve.h"

enum argument_kind { ARGUMENT_NUMBER, ARGUMENT_STRING, ARGUMENT_LIST, ARGUMENT_TAG };

struct argument {
    struct argument *next;
    enum argument_kind kind;
    struct sieve_place at;
    uint64_t number;
    struct span text;         /* of a string or a tag */
    struct argument *strings; /* of a list */
    uint32_t count;           /* of a list */
};

struct node { /* a command or a test */
    struct node *next;
    struct sieve_place at; /* of the name */
    struct span name;
    struct argument *arguments;
    uint32_t argument_count;
    struct node *tests;
    uint32_t test_count;
    bool has_test_list; /* in parentheses */
    bool has_block;
    struct node *block;
    uint32_t block_count;
};

/* parse_script() - all memory is the arena's, which strings of the script point into. NULL with
 * *count 0 for an empty script. Errors are in the report; what could be read is returned. */
struct node *parse_script(const char *script, struct span text, const struct sieve_compiler *c,
                          struct arena *arena, struct sieve_report *report, uint32_t *count);

#endif
