/* SPDX-License-Identifier: MIT
 *
 * The text exposition of OpenMetrics 1.0: families in the order of the table, each with TYPE, UNIT
 * and HELP; a series for each role that has the metric and each value of its label, also of those
 * that are still 0, so that a rate is right from the first event on.
 */
#include "book_priv.h"

#include <inttypes.h>
#include <string.h>

#define PREFIX "doorstep_"

static const char *const roles[] = {
#define ROLE_TEXT(id, text) text,
    METRICS_ROLES(ROLE_TEXT)
#undef ROLE_TEXT
};

/* One series: what stands before its value. */
struct series {
    const struct metrics_book *book;
    const struct metric_row *row;
    unsigned role;
    unsigned label;
    const char *name; /* of the configuration, in place of `label`; or NULL */
};

static uint64_t
named_value(const struct series *s, unsigned i)
{
    const struct metric_row *row = s->row;
    char name[METRICS_NAME_MAX + 1];
    uint64_t sum = 0;

    for (size_t l = 0; l < s->book->count; l++) {
        const struct metrics_leaf *leaf = &s->book->leaves[l];

        for (unsigned at = 0; leaf->role == s->role && at < METRICS_PLACES; at++)
            if (metrics_book_name(leaf, row->label->names, at, name) && strcmp(name, s->name) == 0)
                sum += atomic_load_explicit(&leaf->page->slots[row->first + at * row->width + i],
                                            memory_order_relaxed);
    }
    return sum;
}

static uint64_t
slot_value(const struct series *s, unsigned i)
{
    if (s->name != NULL)
        return named_value(s, i);
    return metrics_book_slot(s->book, s->role, s->row->first + s->label * s->row->width + i);
}

static bool
is_in_seconds(const struct metric_row *row)
{
    return strcmp(row->unit, "seconds") == 0;
}

/* Microseconds as seconds, without a float in between: exact, and the same in every locale. */
static bool
put_number(struct buf *out, const struct metric_row *row, uint64_t value)
{
    if (!is_in_seconds(row))
        return buf_printf(out, "%" PRIu64, value);
    return buf_printf(out, "%" PRIu64 ".%06" PRIu64, value / 1000000, value % 1000000);
}

static bool
put_name(struct buf *out, const struct metric_row *row)
{
    return buf_append_str(out, PREFIX) && buf_append_str(out, row->name) &&
           (row->unit[0] == '\0' || (buf_append_char(out, '_') && buf_append_str(out, row->unit)));
}

/* Quoted as the format asks for (HELP and label values): backslash, quote, line feed. */
static bool
put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        bool ok = *text == '\n' ? buf_append_str(out, "\\n")
                  : *text == '\\' || *text == '"'
                      ? buf_append_char(out, '\\') && buf_append_char(out, *text)
                      : buf_append_char(out, *text);
        if (!ok)
            return false;
    }
    return true;
}

static bool
put_label(struct buf *out, const char *name, const char *value)
{
    return buf_append_str(out, name) && buf_append_str(out, "=\"") && put_escaped(out, value) &&
           buf_append_char(out, '"');
}

/* doorstep_name_suffix{role="edge",label="value"  - without the closing brace. */
static bool
put_head(struct buf *out, const struct series *s, const char *suffix)
{
    const struct metrics_label *label = s->row->label;
    const char *value = s->name;

    if (value == NULL)
        value = label->values != NULL ? label->values[s->label] : "others";
    return put_name(out, s->row) && buf_append_str(out, suffix) && buf_append_char(out, '{') &&
           put_label(out, "role", roles[s->role]) &&
           (label->name[0] == '\0' ||
            (buf_append_char(out, ',') && put_label(out, label->name, value)));
}

static bool
put_sample(struct buf *out, const struct series *s, const char *suffix, uint64_t value)
{
    return put_head(out, s, suffix) && buf_append_str(out, "} ") &&
           put_number(out, s->row, value) && buf_append_char(out, '\n');
}

static bool
put_gauge(struct buf *out, const struct series *s)
{
    int64_t value = (int64_t)slot_value(s, 0);

    if (value >= 0)
        return put_sample(out, s, "", (uint64_t)value);
    return put_head(out, s, "") && buf_append_str(out, "} -") &&
           put_number(out, s->row, -(uint64_t)value) && buf_append_char(out, '\n');
}

static bool
put_bucket(struct buf *out, const struct series *s, unsigned i, uint64_t sum)
{
    const uint64_t *bounds = metrics_bounds(s->row);
    bool ok = put_head(out, s, "_bucket") && buf_append_str(out, ",le=\"");

    if (i == METRICS_BOUNDS)
        ok = ok && buf_append_str(out, "+Inf");
    else
        ok = ok && put_number(out, s->row, bounds[i]) &&
             (is_in_seconds(s->row) || buf_append_str(out, ".0"));
    return ok && buf_printf(out, "\"} %" PRIu64 "\n", sum);
}

/* Buckets of the format hold what the smaller ones hold, too; its count is the last of them, so the
 * two agree although others go on counting meanwhile. */
static bool
put_histogram(struct buf *out, const struct series *s)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i <= METRICS_BOUNDS; i++) {
        sum += slot_value(s, i);
        if (!put_bucket(out, s, i, sum))
            return false;
    }
    return put_head(out, s, "_count") && buf_printf(out, "} %" PRIu64 "\n", sum) &&
           put_sample(out, s, "_sum", slot_value(s, METRICS_BOUNDS + 1));
}

static bool
put_series(struct buf *out, const struct series *s)
{
    switch (s->row->kind) {
    case METRIC_KIND_COUNTER:
        return put_sample(out, s, "_total", slot_value(s, 0));
    case METRIC_KIND_GAUGE:
        return put_gauge(out, s);
    case METRIC_KIND_HISTOGRAM:
        break;
    }
    return put_histogram(out, s);
}

/* --- series of names: those of each process of the role, once, and what the others share --- */

/* Has an earlier place of this or another process the name? */
static bool
is_repeated(const struct series *s, size_t leaf, unsigned place)
{
    char name[METRICS_NAME_MAX + 1];

    for (size_t l = 0; l <= leaf; l++) {
        unsigned end = l == leaf ? place : METRICS_PLACES;

        for (unsigned at = 0; s->book->leaves[l].role == s->role && at < end; at++)
            if (metrics_book_name(&s->book->leaves[l], s->row->label->names, at, name) &&
                strcmp(name, s->name) == 0)
                return true;
    }
    return false;
}

/* Shown when something was counted there, or when there is no name: no family is without a series.
 */
static bool
put_others(struct buf *out, const struct series *role, bool has_names)
{
    struct series s = *role;
    uint64_t any = 0;

    s.label = METRICS_OTHERS;
    for (unsigned i = 0; i < s.row->width; i++)
        any |= slot_value(&s, i);
    return (any == 0 && has_names) || put_series(out, &s);
}

static bool
put_names(struct buf *out, const struct series *role)
{
    char name[METRICS_NAME_MAX + 1];
    struct series s = *role;
    bool has_names = false;

    s.name = name;
    for (size_t l = 0; l < s.book->count; l++) {
        const struct metrics_leaf *leaf = &s.book->leaves[l];

        for (unsigned at = 0; leaf->role == s.role && at < METRICS_PLACES; at++) {
            if (!metrics_book_name(leaf, s.row->label->names, at, name) || is_repeated(&s, l, at))
                continue;
            if (!put_series(out, &s))
                return false;
            has_names = true;
        }
    }
    return put_others(out, role, has_names);
}

/* --- families --- */

static bool
put_line(struct buf *out, const char *word, const struct metric_row *row, const char *text)
{
    return buf_printf(out, "# %s ", word) && put_name(out, row) && buf_append_char(out, ' ') &&
           put_escaped(out, text) && buf_append_char(out, '\n');
}

static bool
put_family(struct buf *out, const struct metrics_book *book, const struct metric_row *row)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    bool ok = put_line(out, "TYPE", row, kinds[row->kind]) &&
              (row->unit[0] == '\0' || put_line(out, "UNIT", row, row->unit)) &&
              put_line(out, "HELP", row, row->help);

    for (unsigned role = 0; ok && role < METRICS_ROLES_COUNT; role++) {
        struct series s = {.book = book, .row = row, .role = role};

        if ((row->roles & 1u << role) == 0)
            continue;
        if (row->label->values == NULL)
            ok = put_names(out, &s);
        for (; ok && row->label->values != NULL && s.label < row->label->count; s.label++)
            ok = put_series(out, &s);
    }
    return ok;
}

bool
metrics_print(const struct metrics_book *book, struct buf *out)
{
    for (unsigned m = 0; m < METRIC_COUNT; m++)
        if (!put_family(out, book, &metric_rows[m]))
            return false;
    return buf_append_str(out, "# EOF\n");
}
