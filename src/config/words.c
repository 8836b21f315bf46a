/* SPDX-License-Identifier: MIT
 *
 * Values that are one of a few words: booleans, enums, a choice of two kept as bool, and words kept
 * as they are. An unknown word is refused with the nearest known one.
 */
#include "row_priv.h"

#include <string.h>
#include <strings.h>

#include "nearest_priv.h"

static size_t
count_words(const char *const *words)
{
    size_t n = 0;

    while (words[n] != NULL)
        n++;
    return n;
}

static bool
find_word(const struct config_row *row, const char *text, size_t *place, struct buf *why)
{
    size_t count = count_words(row->words);

    for (size_t i = 0; i < count; i++)
        if (strcmp(row->words[i], text) == 0) {
            *place = i;
            return true;
        }
    buf_append_str(why, "is none of");
    for (size_t i = 0; i < count; i++)
        buf_printf(why, "%s %s", i == 0 ? "" : ",", row->words[i]);
    buf_printf(why, "; did you mean '%s'?", nearest_name(text, row->words, count));
    return false;
}

static bool
boolean_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
              struct buf *why)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true"};
    bool value;

    (void)row;
    (void)arena;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(words[i], text) == 0) {
            value = i % 2 == 1;
            memcpy(out, &value, sizeof(value));
            return true;
        }
    buf_append_str(why, "is neither yes nor no");
    return false;
}

static bool
boolean_print(const struct config_row *row, const void *in, struct buf *out)
{
    bool value;

    (void)row;
    memcpy(&value, in, sizeof(value));
    return buf_append_str(out, value ? "yes" : "no");
}

static json_t *
boolean_json(const struct config_row *row, const void *in)
{
    bool value;

    (void)row;
    memcpy(&value, in, sizeof(value));
    return json_boolean(value);
}

static bool
enum_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    size_t place;
    int value;

    (void)arena;
    if (!find_word(row, text, &place, why))
        return false;
    value = (int)place;
    memcpy(out, &value, sizeof(value));
    return true;
}

static const char *
enum_word(const struct config_row *row, const void *in)
{
    int value;

    memcpy(&value, in, sizeof(value));
    return row->words[value];
}

static bool
enum_print(const struct config_row *row, const void *in, struct buf *out)
{
    return buf_append_str(out, enum_word(row, in));
}

static json_t *
enum_json(const struct config_row *row, const void *in)
{
    return json_string(enum_word(row, in));
}

static bool
either_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
             struct buf *why)
{
    size_t place;
    bool value;

    (void)arena;
    if (!find_word(row, text, &place, why))
        return false;
    value = place == 1;
    memcpy(out, &value, sizeof(value));
    return true;
}

static const char *
either_word(const struct config_row *row, const void *in)
{
    bool value;

    memcpy(&value, in, sizeof(value));
    return row->words[value ? 1 : 0];
}

static bool
either_print(const struct config_row *row, const void *in, struct buf *out)
{
    return buf_append_str(out, either_word(row, in));
}

static json_t *
either_json(const struct config_row *row, const void *in)
{
    return json_string(either_word(row, in));
}

static bool
word_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    size_t place;

    (void)arena;
    if (!find_word(row, text, &place, why))
        return false;
    memcpy(out, &row->words[place], sizeof(char *));
    return true;
}

const struct config_kind kind_boolean = {
    .name = "boolean",
    .size = sizeof(bool),
    .is_plain = true,
    .parse = boolean_parse,
    .print = boolean_print,
    .json = boolean_json,
};

const struct config_kind kind_enum = {
    .name = "word",
    .size = sizeof(int),
    .parse = enum_parse,
    .print = enum_print,
    .json = enum_json,
};

const struct config_kind kind_either = {
    .name = "word",
    .size = sizeof(bool),
    .parse = either_parse,
    .print = either_print,
    .json = either_json,
};

const struct config_kind kind_word = {
    .name = "word",
    .size = sizeof(char *),
    .parse = word_parse,
    .print = text_print,
    .json = text_json,
};
