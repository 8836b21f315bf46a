/* SPDX-License-Identifier: MIT
 *
 * What all kinds of values share: looking a kind up, the checks that hold for every text, and
 * filling a field or a list of them. Called by reader.c (values of the file) and check.c
 * (defaults).
 */
#include "row_priv.h"

#include <string.h>
#include <unistr.h>

static const struct config_kind *const kinds[KIND_COUNT_OF_KINDS] = {
    [KIND_ACCOUNT] = &kind_account,   [KIND_ADDRESS] = &kind_address,
    [KIND_BOOLEAN] = &kind_boolean,   [KIND_CHARACTERS] = &kind_characters,
    [KIND_COUNT] = &kind_count,       [KIND_DOMAIN] = &kind_domain,
    [KIND_DURATION] = &kind_duration, [KIND_EITHER] = &kind_either,
    [KIND_ENUM] = &kind_enum,         [KIND_LOGIN] = &kind_login,
    [KIND_MAILBOX] = &kind_mailbox,   [KIND_NAME] = &kind_name,
    [KIND_NETWORK] = &kind_network,   [KIND_NEXT_HOP] = &kind_next_hop,
    [KIND_PATH] = &kind_path,         [KIND_PATTERN] = &kind_pattern,
    [KIND_SIZE] = &kind_size,         [KIND_TEMPLATE] = &kind_template,
    [KIND_TEXT] = &kind_text,         [KIND_USER] = &kind_user,
    [KIND_WORD] = &kind_word,
};

const struct config_kind *
row_kind(const struct config_row *row)
{
    return kinds[row->kind];
}

static bool
has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7f)
            return true;
    return false;
}

bool
row_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
          struct buf *why)
{
    /* ${ENV} can bring what source.c kept out of the file. */
    if (has_control(text)) {
        buf_append_str(why, "has a control character");
        return false;
    }
    if (u8_check((const uint8_t *)text, strlen(text)) != NULL) {
        buf_append_str(why, "is not UTF-8");
        return false;
    }
    if (text[0] == '\0' && (row->flags & ROW_OPTIONAL) == 0) {
        buf_append_str(why, "is empty");
        return false;
    }
    return row_kind(row)->parse(row, text, arena, out, why);
}

static void *
at(const struct config_row *row, void *base)
{
    return (char *)base + row->offset;
}

static char *
elements(const struct config_row *row, void *base)
{
    char *list;

    if ((row->flags & ROW_IN_PLACE) != 0)
        return at(row, base);
    memcpy(&list, at(row, base), sizeof(list));
    return list;
}

void *
row_field(const struct config_row *row, void *base, size_t i)
{
    if ((row->flags & ROW_LIST) == 0)
        return at(row, base);
    return elements(row, base) + i * row_kind(row)->size;
}

size_t
row_length(const struct config_row *row, const void *base)
{
    size_t length = 1;

    if ((row->flags & ROW_LIST) != 0)
        memcpy(&length, (const char *)base + row->count_offset, sizeof(length));
    return length;
}

static bool
set_list(const struct config_row *row, void *base, const char *const *texts, size_t count,
         struct arena *arena)
{
    size_t size = row_kind(row)->size;
    char *list;
    struct buf why;
    bool good = true;

    if (count > row->max)
        return false;
    if ((row->flags & ROW_IN_PLACE) != 0) {
        list = at(row, base);
    } else {
        list = arena_alloc(arena, (count + 1) * size);
        memcpy(at(row, base), &list, sizeof(list));
    }
    if (list == NULL)
        return false;
    buf_init(&why, 256);
    for (size_t i = 0; i < count && good; i++)
        good = row_parse(row, texts[i], arena, list + i * size, &why);
    buf_release(&why);
    memcpy((char *)base + row->count_offset, &count, sizeof(count));
    return good;
}

bool
row_set(const struct config_row *row, void *base, const char *const *texts, size_t count,
        struct arena *arena)
{
    struct buf why;
    bool good;

    if ((row->flags & ROW_LIST) != 0)
        return set_list(row, base, texts, count, arena);
    buf_init(&why, 256);
    good = row_parse(row, texts[0], arena, at(row, base), &why);
    buf_release(&why);
    return good;
}

/* The words of a list's default; there are never more than row->max of them. */
static size_t
split(char *text, const char **words, size_t max)
{
    size_t count = 0;
    char *rest = text;

    for (char *w; count < max && (w = strtok_r(rest, " ", &rest)) != NULL; count++)
        words[count] = w;
    return count;
}

bool
row_set_default(const struct config_row *row, void *base, struct arena *arena)
{
    const char *words[4];
    char *copy;

    if (row->fallback == NULL)
        return true;
    if ((row->flags & ROW_LIST) == 0)
        return row_set(row, base, &row->fallback, 1, arena);
    copy = arena_copy(arena, span_of(row->fallback));
    return copy != NULL &&
           row_set(row, base, words, split(copy, words, sizeof(words) / sizeof(words[0])), arena);
}
