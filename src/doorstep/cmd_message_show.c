/* SPDX-License-Identifier: MIT
 *
 * doorstep message show: one message for people. Who, what, when; its parts; the beginning of its
 * text; and where it lies. All from the index: the message itself is not opened.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>

#include "bodystructure_priv.h"
#include "text_priv.h"

enum { TEXT_COLUMNS = 78 }; /* of the preview */

static const struct table_column head_fields[] = {
    {"subject", "Subject", TABLE_TEXT, false}, {"from", "From", TABLE_TEXT, false},
    {"to", "To", TABLE_TEXT, false},           {"cc", "Cc", TABLE_TEXT, false},
    {"date", "Date", TABLE_DATE, false},       {0},
};

static const struct table_column mail_fields[] = {
    {"internal_date", "Received", TABLE_DATE, false},
    {"octets", "Size", TABLE_SIZE, false},
    {"lines", "Lines", TABLE_COUNT, false},
    {"flags", "Flags", TABLE_LIST, false},
    {"keywords", "Keywords", TABLE_LIST, false},
    {"message_id", "Message-ID", TABLE_TEXT, false},
    {"references", "References", TABLE_TEXT, false},
    {"list_id", "List", TABLE_TEXT, false},
    {"delivery_id", "Delivery", TABLE_TEXT, false},
    {"digest", "BLAKE2b", TABLE_TEXT, false},
    {"uid", "UID", TABLE_TEXT, false},
    {"modseq", "MODSEQ", TABLE_TEXT, false},
    {"path_hint", "Stored in", TABLE_TEXT, false},
    {0},
};

static const struct table_column part_columns[] = {
    {"number", "PART", TABLE_TEXT, false},
    {"type", "TYPE", TABLE_TEXT, true},
    {"octets", "SIZE", TABLE_SIZE, false},
    {"lines", "LINES", TABLE_COUNT, false},
    {"encoding", "ENCODING", TABLE_TEXT, false},
    {"name", "NAME", TABLE_TEXT, true},
    {0},
};

/* The first header field of that name into the object, so that it shows like the rest. */
static void
lift_header(json_t *message, const char *name, const char *key)
{
    size_t i;
    json_t *field;

    json_array_foreach(json_object_get(message, "headers"), i, field)
    {
        const char *is = json_string_value(json_array_get(field, 0));
        if (is != NULL && strcasecmp(is, name) == 0) {
            json_object_set(message, key, json_array_get(field, 1));
            return;
        }
    }
}

/* Fields that the message has; a row of "-" tells a reader nothing. */
static void
print_present(const struct table_column *fields, json_t *message, const struct screen *s)
{
    struct table_column present[16] = {0};
    size_t n = 0;

    for (; fields->key != NULL; fields++) {
        json_t *value = json_object_get(message, fields->key);
        bool empty = value == NULL || json_is_null(value) ||
                     (json_is_string(value) && json_string_length(value) == 0) ||
                     (json_is_array(value) && json_array_size(value) == 0);
        if (!empty)
            present[n++] = *fields;
    }
    table_print_fields(present, message, s);
}

static void
add_part(void *arg, json_t *row)
{
    table_add(arg, row);
}

static void
print_parts(json_t *message, const struct screen *s)
{
    struct table *table = table_new(part_columns);
    const char *structure = json_string_value(json_object_get(message, "bodystructure"));

    if (table != NULL && structure != NULL &&
        bodystructure_rows(span_of(structure), add_part, table)) {
        putchar('\n');
        table_print(table, s);
    }
    table_free(table);
}

/* The preview, broken at spaces. */
static void
print_preview(json_t *message)
{
    const char *preview = json_string_value(json_object_get(message, "preview"));
    struct buf safe;
    size_t used = 0;

    if (preview == NULL || preview[0] == '\0')
        return;
    buf_init(&safe, 1 << 16);
    text_escape(&safe, span_of(preview));
    putchar('\n');
    for (struct span rest = span_trim(buf_span(&safe)); rest.n > 0;) {
        struct span word = {rest.p, span_find(rest, ' ')};
        size_t width = text_width(word);
        if (used > 0 && used + 1 + width > TEXT_COLUMNS) {
            putchar('\n');
            used = 0;
        }
        printf("%s%.*s", used > 0 ? " " : "  ", (int)word.n, word.p);
        used += width + 1;
        rest = span_trim(span_skip(rest, word.n + 1));
    }
    putchar('\n');
    buf_release(&safe);
}

static void
show(const struct tool *t, json_t *message)
{
    lift_header(message, "To", "to");
    lift_header(message, "Cc", "cc");
    print_present(head_fields, message, &t->screen);
    putchar('\n');
    print_present(mail_fields, message, &t->screen);
    if (json_is_false(json_object_get(message, "facts_known")))
        puts("\nIts content is not looked at yet, or could not be read.");
    print_parts(message, &t->screen);
    print_preview(message);
}

int
cmd_message_show(struct tool *t)
{
    struct tool_answer answer = {0};
    json_t *args = message_args(t);

    if (args == NULL)
        return tool_usage(t, "a UID is a number; 'doorstep message list' shows them");
    int code = tool_ask(t, "message.show", args, &answer);
    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    else if (code == EX_OK)
        show(t, answer.ok);
    json_decref(answer.ok);
    return code;
}
