/* SPDX-License-Identifier: MIT
 *
 * One row a setting. The row drives everything: what libconfuse accepts, how the text becomes a
 * field, what `config show` prints and what the test looks for in doorstep.conf(5). To add a
 * setting: a field in settings.h, a row in rows.c, an entry in the manual page.
 */
#ifndef DOORSTEP_CONFIG_ROW_PRIV_H
#define DOORSTEP_CONFIG_ROW_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"

enum row_kind {
    KIND_ACCOUNT,
    KIND_ADDRESS,
    KIND_BOOLEAN,
    KIND_CHARACTERS,
    KIND_COUNT,
    KIND_DOMAIN,
    KIND_DURATION,
    KIND_EITHER, /* one of two words, kept as bool: the second is true */
    KIND_ENUM,   /* one of row->words, kept as the enum with its place */
    KIND_LOGIN,
    KIND_MAILBOX,
    KIND_NAME,
    KIND_NETWORK,
    KIND_NEXT_HOP,
    KIND_PATH,
    KIND_PATTERN,
    KIND_SIZE,
    KIND_TEMPLATE,
    KIND_TEXT, /* as it stands */
    KIND_USER,
    KIND_WORD, /* one of row->words, kept as the word */
    KIND_COUNT_OF_KINDS
};

enum row_flags {
    ROW_OPTIONAL = 1, /* "" is a value */
    ROW_NONE = 2,     /* "none" is a value, kept as UINT64_MAX */
    ROW_LIST = 4,     /* a pointer to elements at offset, their number at count_offset */
    ROW_IN_PLACE = 8, /* of a list: the elements themselves lie at offset, max of them */
};

struct config_row {
    const char *name;
    enum row_kind kind;
    unsigned flags;
    const char *fallback; /* the default as one writes it; for a list the elements, separated by
                           * spaces; NULL: found out at start (check.c) */
    uint64_t min, max;    /* numbers: of the value; texts and lists: of the length */
    const char *const *words;
    size_t offset;
    size_t count_offset;
    const char *doc;
};

enum config_section_id {
    SECTION_ROOT,
    SECTION_LISTEN,
    SECTION_DOMAIN,
    SECTION_STORE,
    SECTION_MILTER,
    SECTION_RELAY,
    SECTION_ROUTE,
    SECTION_PROGRAM,
    SECTION_FILTER,
    SECTION_LIMITS,
    SECTION_TIMEOUTS,
    SECTION_AUTH,
    SECTION_METRICS,
    SECTION_SIEVE,
    SECTION_SIEVE_LIST,
    SECTION_COUNT
};

struct config_section {
    const char *name; /* "" for what stands outside of any section */
    const char *doc;
    const struct config_row *rows;
    size_t count;
    const struct config_row *title; /* of listen smtp { }, which may be repeated; NULL: no title */
    size_t offset;       /* in struct settings: of the struct, or of the pointer to many */
    size_t count_offset; /* with a title: in struct settings */
    size_t size;         /* with a title: of one struct */
    size_t max;          /* with a title: how many there may be */
};

extern const struct config_section config_sections[SECTION_COUNT];

/* rows_relay.c, rows_program.c, rows_filter.c: parts of that table. */
#define PROGRAM_ROWS 17
extern const struct config_row program_rows[PROGRAM_ROWS];
#define FILTER_ROWS 8
extern const struct config_row filter_rows[FILTER_ROWS];
#define RELAY_ROWS 24
#define ROUTE_ROWS 18
extern const struct config_row relay_rows[RELAY_ROWS];
extern const struct config_row route_rows[ROUTE_ROWS];

/* What a kind can do. parse fills *out (one element); false: `why` says what is wrong with the
 * text, as the second half of a sentence. Memory comes from arena. print writes what parse reads,
 * unquoted. */
struct config_kind {
    const char *name;
    size_t size;
    bool is_plain; /* needs no quotes in a file */
    bool (*parse)(const struct config_row *row, const char *text, struct arena *arena, void *out,
                  struct buf *why);
    bool (*print)(const struct config_row *row, const void *value, struct buf *out);
    json_t *(*json)(const struct config_row *row, const void *value); /* new reference or NULL */
};

const struct config_kind *row_kind(const struct config_row *row);

/* row_parse() - the checks that hold for every kind (UTF-8, no control octets, ""), then the
 * kind's. */
bool row_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
               struct buf *why);

/* row_field() - where the row's value lies in the struct at base; for a list element i of it. */
void *row_field(const struct config_row *row, void *base, size_t i);
size_t row_length(const struct config_row *row, const void *base); /* of a list; else 1 */

/* row_set() - fill the field from texts (one, or a list's elements). false: no memory, or a text
 * that row_parse() refuses. */
bool row_set(const struct config_row *row, void *base, const char *const *texts, size_t count,
             struct arena *arena);

/* row_set_default() - fill the field from the fallback; nothing where that is NULL. */
bool row_set_default(const struct config_row *row, void *base, struct arena *arena);

/* The kinds, by file: numbers.c, words.c, names.c, addresses.c, next_hop.c. */
extern const struct config_kind kind_account, kind_address, kind_boolean, kind_characters,
    kind_count, kind_domain, kind_duration, kind_either, kind_enum, kind_login, kind_mailbox,
    kind_name, kind_network, kind_next_hop, kind_path, kind_pattern, kind_size, kind_template,
    kind_text, kind_user, kind_word;

/* names.c: strings are printed and shown as they are. */
bool text_print(const struct config_row *row, const void *value, struct buf *out);
json_t *text_json(const struct config_row *row, const void *value);

#endif
