/* SPDX-License-Identifier: MIT
 *
 * doorstep stats: the counters of the daemon and the state of its roles.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_priv.h"

static const struct table_column columns[] = {
    {"name", "COUNTER", TABLE_TEXT, false},
    {"value", "VALUE", TABLE_COUNT, false},
    {0},
};

static int
compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted: the daemon's order is that of a hash. */
static void
print_counters(json_t *counters, const struct screen *screen)
{
    size_t n = json_object_size(counters), i = 0;
    struct table *table = table_new(columns);
    const char **names = calloc(n + 1, sizeof(*names));
    const char *key;
    json_t *value;

    if (table != NULL && names != NULL) {
        json_object_foreach(counters, key, value) names[i++] = key;
        qsort(names, n, sizeof(*names), compare);
        for (i = 0; i < n; i++) {
            json_t *row = json_pack("{s:s, s:O}", "name", names[i], "value",
                                    json_object_get(counters, names[i]));
            table_add(table, row);
            json_decref(row);
        }
        table_print(table, screen);
    }
    free(names);
    table_free(table);
}

/* One role: "edge  pid 123  running ...", whatever the daemon tells of it. */
static void
print_role(json_t *role)
{
    struct buf line;
    const char *key;
    json_t *value;

    buf_init(&line, 4096);
    if (json_is_object(role)) {
        json_object_foreach(role, key, value)
        {
            buf_append_str(&line, line.len > 0 ? "  " : "");
            text_escape(&line, span_of(key));
            buf_append_char(&line, ' ');
            table_cell(&line, TABLE_TEXT, value);
        }
    } else {
        table_cell(&line, TABLE_TEXT, role);
    }
    puts(buf_str(&line));
    buf_release(&line);
}

int
cmd_stats(struct tool *t)
{
    struct tool_answer answer = {0};
    int code = tool_ask(t, "stats", json_object(), &answer);
    size_t i;
    json_t *role;

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    else if (code == EX_OK) {
        print_counters(json_object_get(answer.ok, "counters"), &t->screen);
        json_array_foreach(json_object_get(answer.ok, "roles"), i, role) print_role(role);
    }
    json_decref(answer.ok);
    return code;
}
