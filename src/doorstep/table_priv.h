/* SPDX-License-Identifier: MIT
 *
 * Tables for people out of rows of JSON: aligned by display width, cut to the terminal, every cell
 * safe to print.
 */
#ifndef DOORSTEP_TABLE_PRIV_H
#define DOORSTEP_TABLE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "doorstep/buf.h"

struct screen {
    bool is_terminal;
    bool has_colour; /* a terminal, and NO_COLOR is not set */
    size_t width;    /* columns; SIZE_MAX when it is no terminal */
};

/* screen_look() - what standard output is. */
void screen_look(struct screen *s);

/* Begin and end of emphasis; "" without colour. */
const char *screen_bold(const struct screen *s);
const char *screen_dim(const struct screen *s);
const char *screen_plain(const struct screen *s);

enum table_kind {
    TABLE_TEXT,
    TABLE_COUNT, /* right, thousands */
    TABLE_SIZE,  /* right, KiB to TiB */
    TABLE_DATE,  /* local time */
    TABLE_YES,   /* true: yes, false: no */
    TABLE_LIST,  /* array of texts, joined by spaces */
};

struct table_column {
    const char *key; /* member of the row; NULL ends the table of columns */
    const char *title;
    enum table_kind kind;
    bool may_shrink; /* when the terminal is too narrow */
};

struct table;

/* table_new() - columns are borrowed; NULL without memory. */
struct table *table_new(const struct table_column *columns);
void table_free(struct table *t);

/* table_add() - one row (borrowed for the call); a member that is missing or null shows as "-". */
bool table_add(struct table *t, json_t *row);

size_t table_rows(const struct table *t);

/* table_print() - on standard output. */
void table_print(const struct table *t, const struct screen *s);

/* table_print_fields() - one object, a line a member: title, then value. */
void table_print_fields(const struct table_column *fields, json_t *object, const struct screen *s);

/* table_cell() - one value in the manner of a column; for lists of a single thing. */
bool table_cell(struct buf *out, enum table_kind kind, json_t *value);

#endif
