/* SPDX-License-Identifier: MIT
 *
 * What an extension of Sieve is made of: rows that say which commands, tests and tagged arguments
 * it adds, and functions that check and run them. The language of RFC 5228 itself is the first
 * extension (base_commands.c, base_tests.c); a new one needs a table and its functions, and a line
 * in registry.c. Nothing here is for those who only compile and run: they read sieve.h.
 */
#ifndef DOORSTEP_SIEVE_EXTENSION_H
#define DOORSTEP_SIEVE_EXTENSION_H

#include "doorstep/sieve.h"

struct sieve_check; /* a script while it is checked */
struct sieve_op;    /* a checked command or test */

/* ------------------------------------------------------------------ values */

struct sieve_text; /* a string of the script, with what has to be put in when it runs */

enum sieve_takes { SIEVE_TAKES_NOTHING, SIEVE_TAKES_NUMBER, SIEVE_TAKES_STRING, SIEVE_TAKES_LIST };

struct sieve_value {
    struct sieve_place at;
    enum sieve_takes kind; /* as it was written: a lone string is SIEVE_TAKES_STRING */
    uint64_t number;
    const struct sieve_text *strings;
    uint32_t count;
    void *compiled;               /* keys of :regex: what its check made of them */
    const struct span *constants; /* of the strings, where none has variables; else NULL */
    const struct span *folded; /* keys: constants as fold() of the comparator makes them, or NULL */
};

/* sieve_text_constant() - true when the string has no variables: *out is then its value. */
bool sieve_text_constant(const struct sieve_text *t, struct span *out);
const struct sieve_text *sieve_text_at(const struct sieve_value *v, uint32_t i);
struct sieve_place sieve_text_place(const struct sieve_text *t);

/* sieve_text_get() - its value now; memory is the run's. False when the run is out of memory or
 * has met an error, which is then noted. */
bool sieve_text_get(struct sieve_run *r, const struct sieve_text *t, struct span *out);

/* sieve_value_string() - of the first string. sieve_value_cstr() - NUL-terminated; a NUL inside
 * ends the run with an error. */
bool sieve_value_string(struct sieve_run *r, const struct sieve_value *v, struct span *out);
bool sieve_value_cstr(struct sieve_run *r, const struct sieve_value *v, const char **out);

/* ------------------------------------------------------------------ rows */

/* Tags of one slot exclude one another on a command; private tags use SIEVE_SLOT_OWN and up. */
enum sieve_slot {
    SIEVE_SLOT_COMPARATOR,
    SIEVE_SLOT_MATCH,        /* tag->id: enum sieve_match_type */
    SIEVE_SLOT_ADDRESS_PART, /* tag->id: enum sieve_address_part */
    SIEVE_SLOT_INDEX,        /* :index N */
    SIEVE_SLOT_LAST,
    SIEVE_SLOT_COPY,
    SIEVE_SLOT_CREATE,
    SIEVE_SLOT_FLAGS,
    SIEVE_SLOT_SPECIAL_USE,
    SIEVE_SLOT_MAILBOX_ID,
    SIEVE_SLOT_FCC,
    SIEVE_SLOT_MIME,
    SIEVE_SLOT_ANYCHILD,
    SIEVE_SLOT_MIME_PART, /* :type :subtype :contenttype :param */
    SIEVE_SLOT_LIST,
    SIEVE_SLOT_NOTIFY, /* RFC 6009 */
    SIEVE_SLOT_RET,
    SIEVE_SLOT_BY_TIME,
    SIEVE_SLOT_BY_MODE,
    SIEVE_SLOT_BY_TRACE,
    SIEVE_SLOT_ZONE,    /* RFC 6009 5, of envelope */
    SIEVE_SLOT_OWN = 32 /* and 31 more */
};

/* Kinds of commands that tags of other extensions belong to. */
enum sieve_class {
    SIEVE_ON_COMPARE = 1,    /* takes :comparator and a match type */
    SIEVE_ON_ADDRESS = 2,    /* takes an address part */
    SIEVE_ON_FIELD = 4,      /* takes :index and :last (RFC 5260 6) */
    SIEVE_ON_MIME = 8,       /* takes :mime (RFC 5703 4) */
    SIEVE_ON_MIME_PART = 16, /* header: also :type, :subtype, :contenttype, :param */
    SIEVE_ON_KEEP = 32,      /* stores: takes :flags */
    SIEVE_ON_FILEINTO = 64,  /* :create, :specialuse, :mailboxid */
    SIEVE_ON_REDIRECT = 128,
    SIEVE_ON_COPY = 256, /* fileinto, redirect, pipe */
    SIEVE_ON_FCC = 512,  /* vacation, notify; with it :flags, :create, ... of the fcc */
    SIEVE_ON_SET = 1024, /* modifiers of RFC 5229 */
    SIEVE_ON_VACATION = 2048,
    SIEVE_ON_SPAMTEST = 4096, /* RFC 5235 */
    SIEVE_ON_ENVELOPE = 8192
};

struct sieve_tag {
    const char *name; /* without the colon */
    enum sieve_takes takes;
    unsigned slot;
    unsigned on; /* SIEVE_ON_*; 0 for a row in a definition's own list */
    int id;
    /* Further checks, when all arguments of op are known, or NULL. False: an error was noted. The
     * keys of a test that compares are always its last argument. */
    bool (*check)(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value);
};

enum sieve_truth { SIEVE_FALSE, SIEVE_TRUE, SIEVE_BROKEN };
enum sieve_step { SIEVE_GO, SIEVE_STOP, SIEVE_RETURN, SIEVE_BREAK, SIEVE_BREAKDOWN };

enum sieve_shape { SIEVE_NO_TESTS, SIEVE_ONE_TEST, SIEVE_TEST_LIST };

struct sieve_definition {
    const char *name;
    bool is_test;
    /* Positional arguments, one letter each: n number, s string, l string or list; letters in
     * front of a '?' may be missing, from the left: "l?l" is [list] list; an L at the end is a list
     * that may be missing. NULL: none. */
    const char *arguments;
    const struct sieve_tag *tags; /* own ones; name NULL at the end; or NULL */
    unsigned classes;             /* SIEVE_ON_*: whose tags it takes besides */
    enum sieve_shape tests;
    bool has_block;
    bool must_come_first;   /* require: before every other command */
    bool is_obsolete;       /* a warning says so */
    bool ends_block;        /* stop, return: what follows is never reached */
    const char *comparator; /* when a test names none; NULL: i;ascii-casemap */
    /* After the arguments, before the tests and the block were checked; op->data may be set. */
    bool (*check)(struct sieve_check *c, struct sieve_op *op);
    /* After the tests and the block. */
    bool (*check_after)(struct sieve_check *c, struct sieve_op *op);
    enum sieve_step (*run)(struct sieve_run *r, const struct sieve_op *op); /* a command */
    enum sieve_truth (*test)(struct sieve_run *r, const struct sieve_op *op);
};

struct sieve_namespace { /* of variables, RFC 5229 3: ${name.rest} */
    const char *name;
    bool (*check)(struct sieve_check *c, struct span rest); /* false: no such variable */
    bool (*get)(struct sieve_run *r, struct span rest, struct buf *out);
    /* Of variables that can be set, instead of these two: as sieve_check_variable(). */
    bool (*number)(struct sieve_check *c, struct sieve_place at, struct span rest,
                   uint32_t *number);
};

struct sieve_extension {
    const char *name;    /* as in require; "" is the base language */
    const char *implies; /* space-separated extensions that it brings along, or NULL */
    const struct sieve_definition *definitions; /* name NULL at the end; or NULL */
    const struct sieve_tag *tags; /* for commands of others; name NULL at the end; or NULL */
    const struct sieve_namespace *space;
    bool is_hidden;         /* not among those that are announced */
    bool is_administrators; /* only in scripts of administrators */
    bool changes_strings;   /* what a script's strings mean: not for ihave (RFC 5463 4) */
    size_t state;           /* octets of its own in a run, zeroed: sieve_run_state() */
    bool (*require)(struct sieve_check *c); /* or NULL; false: refused, an error was noted */
};

/* ------------------------------------------------------------------ a checked command or test */

struct sieve_tagged {
    const struct sieve_tag *tag;
    struct sieve_value value;
};

enum sieve_match_type {
    SIEVE_MATCH_IS,
    SIEVE_MATCH_CONTAINS,
    SIEVE_MATCH_MATCHES,
    SIEVE_MATCH_COUNT, /* value and count: the relation is compiled */
    SIEVE_MATCH_VALUE,
    SIEVE_MATCH_REGEX,
    SIEVE_MATCH_LIST
};

struct sieve_op {
    const struct sieve_definition *definition;
    struct sieve_place at; /* its name */
    const char *script;
    struct sieve_tagged *tags;
    uint32_t tag_count;
    uint64_t slots;                /* that tags are in, a bit each */
    struct sieve_value *arguments; /* as the letters say; missing ones have kind NOTHING */
    uint32_t argument_count;
    enum sieve_match_type match;               /* SIEVE_ON_COMPARE: as the tags say */
    const struct sieve_comparator *comparator; /* the same */
    struct sieve_op *tests;
    uint32_t test_count;
    struct sieve_op *block;
    uint32_t block_count;
    void *data;     /* of check(); memory is the program's */
    uint64_t needs; /* extensions, by number, that an ihave must have found before it runs */
};

const struct sieve_tagged *sieve_op_find_tag(const struct sieve_op *op, unsigned slot);

/* Is there a tag in a slot? */
static inline bool
sieve_op_has(const struct sieve_op *op, unsigned slot)
{
    return (op->slots >> slot & 1) != 0;
}

/* It, or NULL. */
static inline const struct sieve_tagged *
sieve_op_tag(const struct sieve_op *op, unsigned slot)
{
    return sieve_op_has(op, slot) ? sieve_op_find_tag(op, slot) : NULL;
}

/* ------------------------------------------------------------------ while checking */

void *sieve_check_alloc(struct sieve_check *c, size_t n); /* zeroed; NULL: no room, noted */
/* Note an error or a warning at a place; the error's form returns false. */
bool sieve_check_error(struct sieve_check *c, struct sieve_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sieve_check_warning(struct sieve_check *c, struct sieve_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool sieve_check_has(struct sieve_check *c, const char *extension); /* is it required? */
const struct sieve_limits *sieve_check_limits(const struct sieve_check *c);
const struct sieve_compiler *sieve_check_compiler(const struct sieve_check *c);

/* sieve_check_require() - as `require` does, false when it does not exist. */
bool sieve_check_require(struct sieve_check *c, struct sieve_place at, struct span extension);

/* sieve_check_variable() - number of the variable `name` for sieve_variable_set(), made when it is
 * new. False: no name of a variable, noted. */
bool sieve_check_variable(struct sieve_check *c, struct sieve_place at, struct span name,
                          uint32_t *number);

/* Constant values that must be right: each notes an error; a string with variables passes. */
bool sieve_check_address(struct sieve_check *c, const struct sieve_value *v);
bool sieve_check_field_names(struct sieve_check *c, const struct sieve_value *v);
bool sieve_check_mailbox(struct sieve_check *c, const struct sieve_value *v);

/* Names of fields that a test looks for: wrong ones match nothing and are no error (RFC 5228
 * 2.4.2.2), but worth a warning. */
void sieve_check_tested_fields(struct sieve_check *c, const struct sieve_value *v);

/* The same for values that are known only now. */
bool sieve_address_is_valid(struct span s); /* also "Name <local@domain>" */
bool sieve_field_name_is_valid(struct span s);
bool sieve_mailbox_is_valid(struct span s);
bool sieve_special_use_is_valid(struct span s); /* its form: "\\Junk" */

/* The command around the one being checked, n levels out (0: the nearest), or NULL. */
const struct sieve_op *sieve_check_outer(const struct sieve_check *c, uint32_t n);

/* The command in front of the one being checked, in the same block, or NULL. */
const struct sieve_op *sieve_check_previous(const struct sieve_check *c);

/* sieve_check_pardon() - something that ihave asks for is missing (RFC 5463 4): from here to the
 * end of this command and the elsif and else behind it nothing is an error, and to the end of the
 * script nothing unknown is; what is wrong fails when it is run. */
void sieve_check_pardon(struct sieve_check *c);

/* sieve_check_extension() - by name among those that this compiler allows, or NULL. */
const struct sieve_extension *sieve_check_extension(const struct sieve_check *c, struct span name);

/* ------------------------------------------------------------------ while running */

const struct sieve_input *sieve_run_input(const struct sieve_run *r);
struct arena *sieve_run_arena(struct sieve_run *r); /* freed with the run */
void *sieve_run_state(struct sieve_run *r, const struct sieve_extension *e);

/* Note an error: the run fails. Returns false. */
bool sieve_run_fail(struct sieve_run *r, const struct sieve_op *op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool sieve_run_defer(struct sieve_run *r, const struct sieve_op *op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* sieve_run_answer() - what the host has answered, as a truth; SIEVE_TEMPFAIL ends the run. */
enum sieve_truth sieve_run_answer(struct sieve_run *r, const struct sieve_op *op,
                                  enum sieve_answer answer);

/* sieve_run_has_failed() - an error was noted. */
bool sieve_run_has_failed(const struct sieve_run *r);

/* sieve_run_work() - spend n of the budget for match work; false: it is used up, noted. */
bool sieve_run_work(struct sieve_run *r, uint64_t n);

/* sieve_run_copy() - a NUL-terminated copy in the run's memory; NULL: no room, noted. */
const char *sieve_run_copy(struct sieve_run *r, struct span s);
void *sieve_run_alloc(struct sieve_run *r, size_t n);

/* sieve_run_buf() - an empty scratch buffer whose content the next call forgets. */
struct buf *sieve_run_buf(struct sieve_run *r);

/* sieve_run_block() / sieve_run_test() - for commands with blocks and tests with tests. */
enum sieve_step sieve_run_block(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth sieve_run_test(struct sieve_run *r, const struct sieve_op *test);

/* sieve_run_act() - take an action (copied; its strings must be the run's). Merges with an equal
 * one, refuses what conflicts (RFC 5228 2.10.4, RFC 5429 2.3). Cancels the implicit keep unless it
 * has `copy` or is none that does. False: the run has failed. */
bool sieve_run_act(struct sieve_run *r, const struct sieve_op *op, struct sieve_action action);
/* sieve_run_may_act() - would it? False: the run has failed. */
bool sieve_run_may_act(struct sieve_run *r, const struct sieve_op *op,
                       const struct sieve_action *action);
void sieve_run_cancel_keep(struct sieve_run *r);

/* sieve_run_inner() - run p inside the program that is running: with variables and match values of
 * its own, on the same message and into the same actions. States of extensions begin anew, and stay
 * as p leaves them. Its error is sieve_run_error(); the outer program goes on in any case. */
enum sieve_status sieve_run_inner(struct sieve_run *r, const struct sieve_program *p);

/* sieve_run_next() - another script of a sequence comes: a keep of those before meant no more than
 * that. sieve_run_script() does it by itself. */
void sieve_run_next(struct sieve_run *r);

/* sieve_run_set_message() - from here on it is another message; both borrowed as in the input.
 * Actions that were taken keep theirs. With flags (those of a stored message) the internal variable
 * of RFC 5232 begins anew; NULL leaves it. */
bool sieve_run_set_message(struct sieve_run *r, struct span message,
                           const struct sieve_strings *flags);

/* sieve_run_trace_note() - a remark for `explain` and debug_log. */
void sieve_run_trace_note(struct sieve_run *r, const struct sieve_op *op, struct span text);

/* Where a copy goes, out of the tags of keep, fileinto and :fcc commands. `mailbox` is "INBOX" or
 * an argument's value. False: the run has failed. */
bool sieve_run_storage(struct sieve_run *r, const struct sieve_op *op, struct span mailbox,
                       struct sieve_storage *out);

bool sieve_variable_set(struct sieve_run *r, const struct sieve_op *op, uint32_t number,
                        struct span value);
struct span sieve_variable_get(struct sieve_run *r, uint32_t number); /* n 0: never set */

/* Settings by the names that docs/sieve.md gives them; `otherwise` when there is none or it makes
 * no sense. Durations: "90", "90s", "5m", "2h", "7d", "1w" and long forms, in seconds. Sizes: K, M.
 */
const char *sieve_setting(struct sieve_run *r, const char *name, const char *otherwise);
bool sieve_setting_bool(struct sieve_run *r, const char *name, bool otherwise);
uint64_t sieve_setting_seconds(struct sieve_run *r, const char *name, uint64_t otherwise);
uint64_t sieve_setting_size(struct sieve_run *r, const char *name, uint64_t otherwise);

/* Modifiers of set (RFC 5229 4.1): tags of the class SIEVE_ON_SET, whose slot says the precedence
 * (the lowest slot is applied first) and whose id is one of these. */
enum sieve_modifier {
    SIEVE_MODIFY_UPPER,
    SIEVE_MODIFY_LOWER,
    SIEVE_MODIFY_UPPER_FIRST,
    SIEVE_MODIFY_LOWER_FIRST,
    SIEVE_MODIFY_QUOTE_WILDCARD,
    SIEVE_MODIFY_QUOTE_REGEX,
    SIEVE_MODIFY_ENCODE_URL,
    SIEVE_MODIFY_LENGTH
};
enum {
    SIEVE_SLOT_MODIFY_CASE = SIEVE_SLOT_OWN, /* precedence 40 */
    SIEVE_SLOT_MODIFY_FIRST,                 /* 30 */
    SIEVE_SLOT_MODIFY_QUOTE,                 /* 20 */
    SIEVE_SLOT_MODIFY_ENCODE,                /* 15 */
    SIEVE_SLOT_MODIFY_LENGTH,                /* 10 */
    SIEVE_SLOT_MODIFY_END
};

/* sieve_modify() - value as the modifiers of op make it (also of other commands that set
 * variables, which take the class). False: the run has failed. */
bool sieve_modify(struct sieve_run *r, const struct sieve_op *op, struct span *value);

/* ------------------------------------------------------------------ comparing */

struct sieve_match; /* one evaluation of a test's keys against values */

/* sieve_match_begin() - with the match type and comparator of op (defaults: :is and
 * i;ascii-casemap) and the keys of argument `keys`. NULL: the run has failed. */
struct sieve_match *sieve_match_begin(struct sieve_run *r, const struct sieve_op *op,
                                      const struct sieve_value *keys);

/* sieve_match_words() - a key with blanks in it counts as several keys (RFC 5232 2); call it before
 * the first value. False: the run has failed. */
bool sieve_match_words(struct sieve_match *m);

/* sieve_match_keep_variables() - what matches sets no match variables (RFC 5173 6). */
void sieve_match_keep_variables(struct sieve_match *m);

/* sieve_match_value() - TRUE: matched, no more values are needed. */
enum sieve_truth sieve_match_value(struct sieve_match *m, struct span value);

/* sieve_match_counts() - :count: only the number of values is asked for. */
bool sieve_match_counts(const struct sieve_match *m);

/* sieve_match_end() - what the test says when the values are over; `so_far` is what the last
 * sieve_match_value() said (SIEVE_FALSE when there was none). */
enum sieve_truth sieve_match_end(struct sieve_match *m, enum sieve_truth so_far);

/* sieve_match_count() - :count and no values to hand over: say how many there are. */
void sieve_match_add(struct sieve_match *m, uint64_t values);

/* A comparator (RFC 4790). */
struct sieve_comparator {
    const char *name;
    const char *extension; /* to be required, or NULL */
    bool has_substring;    /* else :contains, :matches and regex are refused */
    bool is_octetwise;     /* fold() keeps every octet in its place */
    /* Order of a and b, -1, 0, 1. */
    int (*order)(struct span a, struct span b);
    /* The canonical form of s for equality and substring search, appended to out: character by
     * character, whatever stands before or behind. NULL: octets as they are. */
    bool (*fold)(struct span s, struct buf *out);
};
const struct sieve_comparator *sieve_comparator_find(struct span name);
const struct sieve_comparator *sieve_op_comparator(const struct sieve_op *op);
enum sieve_match_type sieve_op_match_type(const struct sieve_op *op);

/* sieve_relation_holds() - RFC 5231: "gt" "ge" "lt" "le" "eq" "ne" over an order. */
bool sieve_relation_holds(const char *relation, int order);

/* Match variables of RFC 5229 3.2: `values` borrowed for the call. */
bool sieve_match_variables_set(struct sieve_run *r, const struct span *values, uint32_t count);

/* ------------------------------------------------------------------ addresses */

enum sieve_address_part {
    SIEVE_ADDRESS_ALL,
    SIEVE_ADDRESS_LOCAL,
    SIEVE_ADDRESS_DOMAIN,
    SIEVE_ADDRESS_USER,
    SIEVE_ADDRESS_DETAIL
};

struct sieve_address {
    struct span local, domain; /* unquoted */
    struct span all;           /* local@domain as written where it is no address */
    bool is_valid;
};

/* sieve_address_part() - of an address by op's tag; false: the part does not exist (:detail
 * without separator, RFC 5233 4). */
bool sieve_address_part(struct sieve_run *r, const struct sieve_op *op,
                        const struct sieve_address *a, struct span *out);

/* ------------------------------------------------------------------ the message */

struct sieve_field {
    struct span name;              /* as written */
    struct span value;             /* folded, without white space around it */
    struct span raw;               /* all of it, with its line end */
    struct sieve_field_memo *memo; /* the engine's: what was made of the value before, or NULL */
    uint32_t namesake;             /* the engine's: see struct sieve_names */
    bool is_broken;                /* a line that is no field: kept, never found */
};

struct sieve_fields { /* of a message or part, in their order */
    struct sieve_field *items;
    uint32_t count, size;
    struct sieve_names *names; /* the engine's, to find fields by name; or NULL */
};

struct sieve_part { /* of the message as it is now, its line ends CRLF */
    struct sieve_part *parent, *first_child, *last_child, *next;
    uint32_t row;              /* depth first, the message itself is 0 */
    struct span type, subtype; /* lower case; text/plain where nothing is said */
    struct span raw_header;    /* octets of the message, with the empty line */
    struct span body;          /* encoded; of a multipart everything in it */
    struct span encoding;      /* Content-Transfer-Encoding; "" is none */
    struct span boundary;      /* of a multipart */
    struct span charset;       /* "us-ascii" where nothing is said; "" when it is no text */
    bool is_multipart;
    bool is_message;                /* its only child is the message in it */
    struct sieve_fields *fields;    /* sieve_part_fields() */
    struct span octets, text, html; /* p NULL: nobody has asked */
};

/* sieve_run_edition() - the message as it is now, for sieve_edition_print(). */
const struct sieve_edition *sieve_run_edition(const struct sieve_run *r);

/* The header fields of the message as it is now (edits included). */
const struct sieve_fields *sieve_message_fields(struct sieve_run *r);
/* Its parts, parsed when first asked for: the message itself, and within it the others. NULL: the
 * run has failed. */
struct sieve_part *sieve_message_parts(struct sieve_run *r);
/* The part of a row; NULL: there is none, or the run has failed. */
struct sieve_part *sieve_message_part(struct sieve_run *r, uint32_t row);
/* The part that is the whole message for a script included in a loop over parts (RFC 6609 3.5);
 * elsewhere the message itself, row 0. NULL: the run has failed. */
struct sieve_part *sieve_message_root(struct sieve_run *r);
/* The part behind `part` among those in `root` and root itself, depth first; NULL: it was the last.
 */
struct sieve_part *sieve_part_next(const struct sieve_part *root, struct sieve_part *part);
/* The same without those in `part`. */
struct sieve_part *sieve_part_after(const struct sieve_part *root, struct sieve_part *part);
/* Its header fields; those of the message itself are sieve_message_fields(). NULL: the run has
 * failed. */
const struct sieve_fields *sieve_part_fields(struct sieve_run *r, struct sieve_part *part);
/* Of a multipart: what stands in front of its first boundary and behind its last. */
struct span sieve_part_prologue(const struct sieve_part *part);
struct span sieve_part_epilogue(const struct sieve_part *part);
/* As it is now, with line ends as CRLF. False: the run has failed. */
bool sieve_message_body(struct sieve_run *r, struct span *out);
/* RFC 5173 4: was there an empty line behind the header? */
bool sieve_message_has_body(struct sieve_run *r);
/* sieve_message_order_size() - -1, 0, 1: its octets, line ends as CRLF (RFC 5228 5.9), are fewer
 * than limit, as many, more. */
int sieve_message_order_size(struct sieve_run *r, uint64_t limit);

/* sieve_part_octets() - decoded (RFC 2045). sieve_part_text() - text is in UTF-8 besides.
 * sieve_part_plain() - of HTML only what is to be read. False: the run has failed. */
bool sieve_part_octets(struct sieve_run *r, struct sieve_part *part, struct span *out);
bool sieve_part_text(struct sieve_run *r, struct sieve_part *part, struct span *out);
bool sieve_part_plain(struct sieve_run *r, struct sieve_part *part, struct span *out);

/* The part that foreverypart stands on, or NULL. */
struct sieve_part *sieve_run_part(const struct sieve_run *r);
void sieve_run_set_part(struct sieve_run *r, struct sieve_part *part);

/* sieve_field_value() - unfolded, white space at both ends gone (RFC 5228 5.7); with is_decoded
 * RFC 2047 words as UTF-8. */
bool sieve_field_value(struct sieve_run *r, const struct sieve_field *f, bool is_decoded,
                       struct span *out);

/* sieve_fields_walk() - call fn for each field named by the strings of `names`, in their order and
 * the message's, with :index and :last and :mime of op taken into account. fn returns FALSE to go
 * on, what else it returns ends the walk. */
typedef enum sieve_truth (*sieve_field_fn)(void *arg, const struct sieve_field *f);
enum sieve_truth sieve_fields_walk(struct sieve_run *r, const struct sieve_op *op,
                                   const struct sieve_value *names, sieve_field_fn fn, void *arg);

/* Edits (RFC 5293, RFC 5703): the message from here on; actions that were taken keep what they
 * saw. sieve_message_add() - in front of all other fields, or behind them; the value, UTF-8, is
 * folded and encoded. sieve_message_delete() - every field i of those that there are now whose
 * is_gone[i] is true. False: the run has failed. */
bool sieve_message_add(struct sieve_run *r, bool is_last, struct span name, struct span value);
bool sieve_message_delete(struct sieve_run *r, const bool *is_gone);
bool sieve_message_replace(struct sieve_run *r, struct span whole); /* a new message */

#endif
