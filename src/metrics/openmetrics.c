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
};

static uint64_t
slot_value(const struct series *s, unsigned i)
{
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

    return put_name(out, s->row) && buf_append_str(out, suffix) && buf_append_char(out, '{') &&
           put_label(out, "role", roles[s->role]) &&
           (label->name[0] == '\0' ||
            (buf_append_char(out, ',') && put_label(out, label->name, label->values[s->label])));
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
        if ((row->roles & 1u << role) == 0)
            continue;
        for (unsigned label = 0; ok && label < row->label->count; label++) {
            const struct series s = {book, row, role, label};
            ok = put_series(out, &s);
        }
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
