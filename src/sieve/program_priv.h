/* SPDX-License-Identifier: MIT
 *
 * What a script becomes, and the state of its check. A program has one unit for the script and one
 * for each that it includes; a unit has its own variables, the program the global ones (RFC 6609).
 */
#ifndef SIEVE_PROGRAM_PRIV_H
#define SIEVE_PROGRAM_PRIV_H

#include "doorstep/sieve_extension.h"
#include "parse_priv.h"

#define EXTENSIONS_MAX 64 /* a bit each in sieve_check.tested */
#define NESTING_MAX 64
#define MATCH_VALUES_MAX 33 /* ${0} to ${32} */
#define VARIABLE_NAME_MAX 64

/* Numbers of variables from here on are global ones. */
#define VARIABLE_GLOBAL 0x80000000u

struct names { /* of variables, in lower case */
    struct span *items;
    uint32_t *numbers; /* of a unit's names: its own number, or a global one */
    bool *is_set;      /* by a command, not only read */
    uint32_t count, size, own;
};

struct unit {
    struct unit *next;
    const char *name;
    uint32_t number; /* in the program, from 0 */
    bool is_open;    /* it is being checked: to include it would never end */
    bool is_broken;  /* it has errors, which were noted */
    enum sieve_location location;
    struct sieve_op *ops;
    uint32_t op_count;
    struct names variables;
};

struct sieve_program {
    struct arena arena;
    const char *name;
    struct unit *units; /* the first is the script */
    uint32_t unit_count;
    struct names globals;
    bool is_administrators;
};

enum piece_kind { PIECE_LITERAL, PIECE_VARIABLE, PIECE_MATCH, PIECE_SPACE };

struct piece {
    enum piece_kind kind;
    uint32_t number;
    struct span text; /* literal; of a namespace's variable what follows its dot */
    const struct sieve_namespace *space;
};

struct sieve_text {
    struct sieve_place at;
    struct piece *pieces; /* NULL: constant */
    uint32_t count;
    struct span literal; /* constant: NUL-terminated */
};

struct sieve_check {
    const struct sieve_compiler *compiler;
    const struct sieve_limits *limits;
    struct sieve_program *program;
    struct sieve_report *report;
    struct unit *unit;
    struct span source; /* of the unit */
    bool required[EXTENSIONS_MAX];
    bool used[EXTENSIONS_MAX];
    struct sieve_place asked[EXTENSIONS_MAX]; /* where require names it; line 0: nowhere */
    const struct sieve_op *outer[NESTING_MAX];
    uint32_t depth;
    const struct sieve_op *previous;
    bool has_begun;   /* a command that is no require was met */
    bool is_pardoned; /* sieve_check_pardon(): no error counts, to the end of this command */
    bool is_lenient;  /* the same for what is unknown, to the end of the script */
    bool is_excused;  /* an error of the node being checked was not noted */
    uint64_t tested;  /* extensions, by number, that only ihave has brought */
    uint64_t needs;   /* those of them that the node being checked makes use of */
    uint32_t include_depth;
    struct names reported; /* unknown names are noted once */
};

/* registry.c: all extensions; the base language is number 0. */
extern const struct sieve_extension *const registry[];
/* registry_number() - of an extension that the compiler allows; -1: there is none. */
int registry_number(const struct sieve_compiler *c, struct span name);
int registry_number_of(const struct sieve_extension *e);
/* registry_at() - by number, NULL past the last; extensions of the compiler's own come last. */
const struct sieve_extension *registry_at(const struct sieve_compiler *c, int number);

/* check_unit() - parse and check `text` into a new unit of the program. NULL: errors were noted. */
struct unit *check_unit(struct sieve_check *c, const char *name, enum sieve_location location,
                        struct span text);

/* text_compile() - a string of the script to a text. False: noted. */
bool text_compile(struct sieve_check *c, const struct argument *a, struct sieve_text *out);

/* names_find() - index, or -1. names_add() - index of a new one; -1 without memory. */
int names_find(const struct names *n, struct span name);
int names_add(struct names *n, struct arena *arena, struct span name);

/* variable_number() - of a valid name in this unit, made when new; false: too many, noted. */
bool variable_number(struct sieve_check *c, struct sieve_place at, struct span name, uint32_t *out);
bool variable_name_is_valid(struct span name);

/* variable_global() - the same of a global variable (RFC 6609 3.4). */
bool variable_global(struct sieve_check *c, struct sieve_place at, struct span name, uint32_t *out);
/* variable_declare() - from here on `name` in this unit is the global variable. */
bool variable_declare(struct sieve_check *c, struct sieve_place at, struct span name);

/* text_space() - the namespace of that name which the script may use, or NULL. */
const struct sieve_namespace *text_space(struct sieve_check *c, struct span name);

/* check_arguments() - those of n into op, whose definition is known. False: noted. */
bool check_arguments(struct sieve_check *c, const struct node *n, struct sieve_op *op);

/* check_was_reported() - remember a name that is unknown; true when it was met before. */
bool check_was_reported(struct sieve_check *c, struct span name);

/* check_excuse() - something is unknown: true behind an ihave that found something missing, to
 * which it may belong. */
bool check_excuse(struct sieve_check *c);

/* check_unused() - a warning for each extension that was required in vain. */
void check_unused(struct sieve_check *c);

/* check_use() - extension `number` is made use of by the node being checked. */
void check_use(struct sieve_check *c, int number);

/* find.c: rows by name */
const struct sieve_definition *find_definition(struct sieve_check *c, struct span name,
                                               bool is_test, const char **missing);
const struct sieve_tag *find_tag(struct sieve_check *c, const struct sieve_definition *d,
                                 struct span name, const char **missing);

#endif
