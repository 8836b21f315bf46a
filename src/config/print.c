/* SPDX-License-Identifier: MIT
 *
 * Settings as text again: a configuration file that gives the same settings when it is parsed (this
 * is what the roles get), or JSON for programs. Both walk the table of rows.
 */
#include "doorstep/config.h"

#include <stdlib.h>
#include <string.h>

#include "row_priv.h"

static const void *
struct_at(const struct config_section *section, const struct settings *s, size_t i)
{
    const char *list;

    if (section->title == NULL)
        return (const char *)s + section->offset;
    memcpy(&list, (const char *)s + section->offset, sizeof(list));
    return list + i * section->size;
}

static size_t
struct_count(const struct config_section *section, const struct settings *s)
{
    size_t count = 1;

    if (section->title != NULL)
        memcpy(&count, (const char *)s + section->count_offset, sizeof(count));
    return count;
}

/* row_field() does not change what it is given; its callers may. */
static const void *
field(const struct config_row *row, const void *base, size_t i)
{
    return row_field(row, (void *)(uintptr_t)base, i);
}

/* In double quotes, with what libconfuse's lexer would take for something else escaped. */
static bool
print_quoted(const struct config_row *row, const void *value, struct buf *out)
{
    struct buf plain;
    bool good;

    buf_init(&plain, out->max);
    good = row_kind(row)->print(row, value, &plain) && buf_append_char(out, '"');
    for (size_t i = 0; good && i < plain.len; i++) {
        if (strchr("\"\\$", plain.data[i]) != NULL)
            good = buf_append_char(out, '\\');
        good = good && buf_append_char(out, plain.data[i]);
    }
    buf_release(&plain);
    return good && buf_append_char(out, '"');
}

static bool
print_value(const struct config_row *row, const void *value, struct buf *out)
{
    const struct config_kind *kind = row_kind(row);

    return kind->is_plain ? kind->print(row, value, out) : print_quoted(row, value, out);
}

static bool
print_row(const struct config_row *row, const void *base, const char *indent, struct buf *out)
{
    bool is_list = (row->flags & ROW_LIST) != 0;
    bool good = buf_printf(out, "%s%s = %s", indent, row->name, is_list ? "{" : "");

    for (size_t i = 0; good && i < row_length(row, base); i++)
        good =
            buf_append_str(out, i == 0 ? "" : ", ") && print_value(row, field(row, base, i), out);
    return good && buf_append_str(out, is_list ? "}\n" : "\n");
}

static bool
print_struct(const struct config_section *section, const void *base, struct buf *out)
{
    bool is_root = section->name[0] == '\0';
    bool good = is_root || buf_append_str(out, section->name);

    if (section->title != NULL)
        good = good && buf_append_char(out, ' ') &&
               print_quoted(section->title, field(section->title, base, 0), out);
    good = good && (is_root || buf_append_str(out, " {\n"));
    for (size_t i = 0; good && i < section->count; i++)
        good = print_row(&section->rows[i], base, is_root ? "" : "    ", out);
    return good && (is_root || buf_append_str(out, "}\n"));
}

bool
config_print(const struct config *c, struct buf *out)
{
    const struct settings *s = config_settings(c);
    bool good = true;

    for (size_t id = 0; id < SECTION_COUNT; id++)
        for (size_t i = 0; good && i < struct_count(&config_sections[id], s); i++)
            good = print_struct(&config_sections[id], struct_at(&config_sections[id], s, i), out);
    return good;
}

static json_t *
row_json(const struct config_row *row, const void *base)
{
    const struct config_kind *kind = row_kind(row);
    json_t *list;

    if ((row->flags & ROW_LIST) == 0)
        return kind->json(row, field(row, base, 0));
    list = json_array();
    for (size_t i = 0; i < row_length(row, base); i++)
        if (json_array_append_new(list, kind->json(row, field(row, base, i))) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static bool
fill_json(const struct config_section *section, const void *base, json_t *into)
{
    const struct config_row *title = section->title;

    if (title != NULL && json_object_set_new(into, title->name, row_json(title, base)) != 0)
        return false;
    for (size_t i = 0; i < section->count; i++)
        if (json_object_set_new(into, section->rows[i].name, row_json(&section->rows[i], base)) !=
            0)
            return false;
    return true;
}

/* A section without title is an object, one with a title an array of objects. */
static bool
section_json(const struct config_section *section, const struct settings *s, json_t *root)
{
    json_t *list = section->title != NULL ? json_array() : NULL;
    bool good = true;

    for (size_t i = 0; good && i < struct_count(section, s); i++) {
        json_t *object = section->name[0] == '\0' ? json_incref(root) : json_object();

        good = object != NULL && fill_json(section, struct_at(section, s, i), object);
        if (list != NULL)
            good = json_array_append_new(list, object) == 0 && good;
        else if (object != root)
            good = json_object_set_new(root, section->name, object) == 0 && good;
        else
            json_decref(object);
    }
    return list == NULL || (json_object_set_new(root, section->name, list) == 0 && good);
}

bool
config_print_json(const struct config *c, struct buf *out)
{
    json_t *root = json_object();
    char *text = NULL;
    bool good = root != NULL;

    for (size_t id = 0; good && id < SECTION_COUNT; id++)
        good = section_json(&config_sections[id], config_settings(c), root);
    if (good)
        text = json_dumps(root, JSON_INDENT(2));
    good = text != NULL && buf_append_str(out, text) && buf_append_char(out, '\n');
    free(text);
    json_decref(root);
    return good;
}
