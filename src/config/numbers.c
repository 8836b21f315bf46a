/* SPDX-License-Identifier: MIT
 *
 * Counts (1000), sizes (50M; K, M, G and T are powers of 1024) and durations (5min, kept in
 * milliseconds). A number out of the row's range is refused with the range; 0 never means
 * "unlimited": where a limit can be off, the word is "none", kept as UINT64_MAX.
 */
#include "row_priv.h"

#include <inttypes.h>
#include <string.h>

struct unit {
    const char *name; /* with "" first: what a number without a unit counts */
    uint64_t factor;
};

static const struct unit count_units[] = {{"", 1}, {NULL, 0}};

static const struct unit size_units[] = {
    {"", 1},
    {"K", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40},
    {NULL, 0},
};

/* No "": 5 without a unit could be seconds or minutes. */
static const struct unit duration_units[] = {
    {"ms", 1},       {"s", 1000},      {"min", 60000}, {"h", 3600000},
    {"d", 86400000}, {"w", 604800000}, {NULL, 0},
};

static const struct unit *
find_unit(const struct unit *units, const char *name)
{
    for (const struct unit *u = units; u->name != NULL; u++)
        if (strcmp(u->name, name) == 0)
            return u;
    return NULL;
}

static bool
print_number(const struct unit *units, uint64_t value, struct buf *out)
{
    const struct unit *best = units;

    for (const struct unit *u = units; value != 0 && u->name != NULL; u++)
        if (value % u->factor == 0)
            best = u;
    return buf_printf(out, "%" PRIu64 "%s", value / best->factor, best->name);
}

static bool
refuse_range(const struct config_row *row, const struct unit *units, struct buf *why)
{
    buf_append_str(why, "is out of range: ");
    print_number(units, row->min, why);
    buf_append_str(why, " to ");
    print_number(units, row->max, why);
    if ((row->flags & ROW_NONE) != 0)
        buf_append_str(why, ", or none");
    return false;
}

static bool
parse_number(const struct config_row *row, const struct unit *units, const char *text, void *out,
             struct buf *why)
{
    size_t digits = strspn(text, "0123456789");
    const struct unit *unit = find_unit(units, text + digits);
    unsigned long long n;
    uint64_t value = UINT64_MAX;

    if ((row->flags & ROW_NONE) != 0 && strcmp(text, "none") == 0) {
        memcpy(out, &value, sizeof(value));
        return true;
    }
    if (digits == 0 || unit == NULL) {
        buf_printf(why, "is no %s such as %s", row_kind(row)->name,
                   units == count_units  ? "1000"
                   : units == size_units ? "50M (units are K, M, G, T)"
                                         : "5min (units are ms, s, min, h, d, w)");
        return false;
    }
    if (!span_parse_u64((struct span){text, digits}, UINT64_MAX, &n) ||
        n > row->max / unit->factor || n * unit->factor < row->min)
        return refuse_range(row, units, why);
    value = n * unit->factor;
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool
print_value(const struct config_row *row, const struct unit *units, const void *in, struct buf *out)
{
    uint64_t value;

    memcpy(&value, in, sizeof(value));
    if ((row->flags & ROW_NONE) != 0 && value == UINT64_MAX)
        return buf_append_str(out, "none");
    return print_number(units, value, out);
}

/* Octets and milliseconds as plain numbers: programs read this. */
static json_t *
number_json(const struct config_row *row, const void *in)
{
    uint64_t value;

    memcpy(&value, in, sizeof(value));
    if ((row->flags & ROW_NONE) != 0 && value == UINT64_MAX)
        return json_null();
    return json_integer((json_int_t)value);
}

static bool
count_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
            struct buf *why)
{
    (void)arena;
    return parse_number(row, count_units, text, out, why);
}

static bool
count_print(const struct config_row *row, const void *value, struct buf *out)
{
    return print_value(row, count_units, value, out);
}

static bool
size_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    (void)arena;
    return parse_number(row, size_units, text, out, why);
}

static bool
size_print(const struct config_row *row, const void *value, struct buf *out)
{
    return print_value(row, size_units, value, out);
}

static bool
duration_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
               struct buf *why)
{
    (void)arena;
    return parse_number(row, duration_units, text, out, why);
}

static bool
duration_print(const struct config_row *row, const void *value, struct buf *out)
{
    return print_value(row, duration_units, value, out);
}

const struct config_kind kind_count = {
    .name = "count",
    .size = sizeof(uint64_t),
    .is_plain = true,
    .parse = count_parse,
    .print = count_print,
    .json = number_json,
};

const struct config_kind kind_size = {
    .name = "size",
    .size = sizeof(uint64_t),
    .parse = size_parse,
    .print = size_print,
    .json = number_json,
};

const struct config_kind kind_duration = {
    .name = "duration",
    .size = sizeof(uint64_t),
    .parse = duration_parse,
    .print = duration_print,
    .json = number_json,
};
