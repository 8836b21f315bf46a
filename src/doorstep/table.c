/* SPDX-License-Identifier: MIT
 *
 * Tables for people. All rows are held until the last is known, since each may widen its column.
 */
#include "table_priv.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text_priv.h"

#define CELL_MAX 8192
#define GAP 2        /* columns of space between two of the table's */
#define SHRUNK_MIN 8 /* a column that may shrink keeps this much */

struct table {
    const struct table_column *columns; /* borrowed */
    size_t column_count;
    size_t *widths; /* owned; the widest cell of each column */
    char **cells;   /* owned, and each of them; row after row */
    size_t row_count;
    size_t row_room;
};

void
screen_look(struct screen *s)
{
    struct winsize size;
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org: set and not empty */
    const char *term = getenv("TERM");

    *s = (struct screen){.is_terminal = isatty(STDOUT_FILENO) == 1, .width = SIZE_MAX};
    if (!s->is_terminal)
        return;
    s->has_colour =
        (no_colour == NULL || no_colour[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        s->width = size.ws_col;
}

const char *
screen_bold(const struct screen *s)
{
    return s->has_colour ? "\033[1m" : "";
}

const char *
screen_dim(const struct screen *s)
{
    return s->has_colour ? "\033[2m" : "";
}

const char *
screen_plain(const struct screen *s)
{
    return s->has_colour ? "\033[0m" : "";
}

struct table *
table_new(const struct table_column *columns)
{
    struct table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->columns = columns;
    while (columns[t->column_count].key != NULL)
        t->column_count++;
    t->widths = calloc(t->column_count, sizeof(*t->widths));
    if (t->widths == NULL) {
        free(t);
        return NULL;
    }
    for (size_t i = 0; i < t->column_count; i++)
        t->widths[i] = text_width(span_of(columns[i].title));
    return t;
}

void
table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->row_count * t->column_count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->widths);
    free(t);
}

size_t
table_rows(const struct table *t)
{
    return t->row_count;
}

static bool
append_list(struct buf *out, json_t *list)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (i > 0 && !buf_append_char(out, ' '))
            return false;
        if (!text_escape(out, span_of(json_string_value(item))))
            return false;
    }
    return json_array_size(list) > 0 || buf_append_char(out, '-');
}

static bool
append_number(struct buf *out, enum table_kind kind, json_int_t n)
{
    char text[TEXT_NUMBER_SIZE];
    uint64_t value = n < 0 ? 0 : (uint64_t)n;

    return buf_append_str(out,
                          kind == TABLE_SIZE ? text_size(text, value) : text_count(text, value));
}

static bool
append_string(struct buf *out, enum table_kind kind, json_t *value)
{
    char date[TEXT_NUMBER_SIZE];
    struct span s = {json_string_value(value), json_string_length(value)};

    if (s.n == 0)
        return buf_append_char(out, '-');
    return text_escape(out, kind == TABLE_DATE ? span_of(text_date(date, s.p)) : s);
}

bool
table_cell(struct buf *out, enum table_kind kind, json_t *value)
{
    if (json_is_boolean(value))
        return buf_append_str(out, json_is_true(value) ? "yes" : "no");
    if (json_is_array(value))
        return append_list(out, value);
    if (json_is_string(value))
        return append_string(out, kind, value);
    if (json_is_integer(value) && (kind == TABLE_COUNT || kind == TABLE_SIZE))
        return append_number(out, kind, json_integer_value(value));
    if (json_is_integer(value))
        return buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return buf_append_char(out, '-');
}

static bool
table_make_room(struct table *t)
{
    if (t->row_count < t->row_room)
        return true;
    size_t room = t->row_room == 0 ? 64 : t->row_room * 2;
    char **cells = reallocarray(t->cells, room * t->column_count, sizeof(*cells));
    if (cells == NULL)
        return false;
    t->cells = cells;
    t->row_room = room;
    return true;
}

bool
table_add(struct table *t, json_t *row)
{
    bool good = table_make_room(t);

    for (size_t i = 0; good && i < t->column_count; i++) {
        struct buf cell;
        buf_init(&cell, CELL_MAX);
        /* A text past CELL_MAX stays cut where it was: no terminal is as wide. */
        table_cell(&cell, t->columns[i].kind, json_object_get(row, t->columns[i].key));
        size_t width = text_width(buf_span(&cell));
        if (width > t->widths[i])
            t->widths[i] = width;
        char *copy = strdup(buf_str(&cell));
        buf_release(&cell);
        t->cells[t->row_count * t->column_count + i] = copy;
        good = copy != NULL;
        if (!good) {
            for (size_t j = 0; j < i; j++)
                free(t->cells[t->row_count * t->column_count + j]);
        }
    }
    if (good)
        t->row_count++;
    return good;
}

static size_t
total_width(const struct table *t, const size_t *widths)
{
    size_t total = 0;

    for (size_t i = 0; i < t->column_count; i++)
        total += widths[i] + (i > 0 ? GAP : 0);
    return total;
}

/* Take from the widest column that may shrink until the table fits, or nothing more can be taken.
 */
static void
shrink(const struct table *t, size_t *widths, size_t screen)
{
    size_t total = total_width(t, widths);

    while (total > screen) {
        size_t widest = t->column_count, second = SHRUNK_MIN;
        for (size_t i = 0; i < t->column_count; i++) {
            if (!t->columns[i].may_shrink || widths[i] <= SHRUNK_MIN)
                continue;
            if (widest == t->column_count || widths[i] > widths[widest])
                widest = i;
        }
        if (widest == t->column_count)
            return;
        for (size_t i = 0; i < t->column_count; i++) {
            if (i != widest && t->columns[i].may_shrink && widths[i] > second)
                second = widths[i];
        }
        size_t spare = widths[widest] > second ? widths[widest] - second : 1;
        size_t take = total - screen < spare ? total - screen : spare;
        widths[widest] -= take;
        total -= take;
    }
}

static bool
is_right(const struct table_column *c)
{
    return c->kind == TABLE_COUNT || c->kind == TABLE_SIZE;
}

static void
print_row(const struct table *t, const size_t *widths, const char *const *cells, size_t screen)
{
    struct buf line;

    buf_init(&line, t->column_count * (CELL_MAX + 64));
    for (size_t i = 0; i < t->column_count; i++) {
        struct buf cell;
        buf_init(&cell, CELL_MAX + 8);
        buf_append_str(&cell, cells[i]);
        text_cut(&cell, widths[i]);
        size_t width = text_width(buf_span(&cell));
        int pad = (int)(widths[i] > width ? widths[i] - width : 0);
        bool last = i + 1 == t->column_count;
        if (is_right(&t->columns[i]))
            buf_printf(&line, "%*s%s", pad, "", buf_str(&cell));
        else
            buf_printf(&line, "%s%*s", buf_str(&cell), last ? 0 : pad, "");
        buf_printf(&line, "%*s", last ? 0 : GAP, "");
        buf_release(&cell);
    }
    text_cut(&line, screen); /* what could not shrink enough is cut on the right */
    puts(buf_str(&line));
    buf_release(&line);
}

void
table_print(const struct table *t, const struct screen *s)
{
    size_t *widths = calloc(t->column_count, sizeof(*widths));
    const char **titles = calloc(t->column_count, sizeof(*titles));

    if (widths != NULL && titles != NULL) {
        memcpy(widths, t->widths, t->column_count * sizeof(*widths));
        shrink(t, widths, s->width);
        for (size_t i = 0; i < t->column_count; i++)
            titles[i] = t->columns[i].title;
        fputs(screen_bold(s), stdout);
        print_row(t, widths, titles, s->width);
        fputs(screen_plain(s), stdout);
        for (size_t i = 0; i < t->row_count; i++)
            print_row(t, widths, (const char *const *)t->cells + i * t->column_count, s->width);
    }
    free(titles);
    free(widths);
}

/* The title of a field may be a key that the daemon sent. */
static void
print_field(const struct table_column *f, json_t *value, size_t width, const struct screen *s)
{
    struct buf title, cell;

    buf_init(&title, CELL_MAX);
    buf_init(&cell, CELL_MAX);
    text_escape(&title, span_of(f->title));
    table_cell(&cell, f->kind, value);
    size_t used = text_width(buf_span(&title));
    printf("%s%s%s%*s  %s\n", screen_dim(s), buf_str(&title), screen_plain(s),
           (int)(width > used ? width - used : 0), "", buf_str(&cell));
    buf_release(&title);
    buf_release(&cell);
}

void
table_print_fields(const struct table_column *fields, json_t *object, const struct screen *s)
{
    size_t width = 0;

    for (const struct table_column *f = fields; f->key != NULL; f++) {
        size_t w = text_width(span_of(f->title));
        width = w > width ? w : width;
    }
    for (const struct table_column *f = fields; f->key != NULL; f++)
        print_field(f, json_object_get(object, f->key), width, s);
}
