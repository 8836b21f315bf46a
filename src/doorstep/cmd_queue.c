/* SPDX-License-Identifier: MIT
 *
 * doorstep queue list|show|retry|flush|hold|release|delete: what waits to leave.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_priv.h"
#include "tool_priv.h"

static const struct table_column list_columns[] = {
    {"id", "ID", TABLE_TEXT, false},         {"kind", "KIND", TABLE_TEXT, false},
    {"queued", "QUEUED", TABLE_DATE, false}, {"octets", "SIZE", TABLE_SIZE, false},
    {"from", "FROM", TABLE_TEXT, true},      {"to", "TO", TABLE_TEXT, true},
    {"state", "STATE", TABLE_TEXT, false},   {"attempts", "TRIED", TABLE_COUNT, false},
    {"next", "NEXT", TABLE_DATE, false},     {"reply", "LAST REPLY", TABLE_TEXT, true},
    {"host", "HOST", TABLE_TEXT, true},      {0},
};

static const struct table_column show_fields[] = {
    {"id", "id", TABLE_TEXT, false},
    {"kind", "kind", TABLE_TEXT, false},
    {"account", "account", TABLE_TEXT, false},
    {"delivery", "delivery", TABLE_TEXT, false},
    {"from", "from", TABLE_TEXT, false},
    {"octets", "size", TABLE_SIZE, false},
    {"queued", "queued", TABLE_DATE, false},
    {"expires", "expires", TABLE_DATE, false},
    {0},
};

static const struct table_column recipient_columns[] = {
    {"to", "TO", TABLE_TEXT, true},
    {"state", "STATE", TABLE_TEXT, false},
    {"attempts", "TRIED", TABLE_COUNT, false},
    {"next", "NEXT", TABLE_DATE, false},
    {"reply", "LAST REPLY", TABLE_TEXT, true},
    {"host", "HOST", TABLE_TEXT, true},
    {0},
};

int
cmd_queue_list(struct tool *t)
{
    json_t *ok = NULL;
    size_t count = 0;
    int code = tool_list(t, "queue.list", json_pack("{s:s*}", "account", tool_option(t, "account")),
                         list_columns, "the queue is empty", &count, &ok);

    if (code == EX_OK && !t->json && count > 0 && json_is_false(json_object_get(ok, "is_sent")))
        fprintf(stderr, "nothing sends these: there is no section relay and no route in the "
                        "configuration\n");
    json_decref(ok);
    return code;
}

/* ---- one message ---- */

/* The argument as {"id": ...}; NULL when it is no number, nor "all" where that may be said. */
static json_t *
id_args(const struct tool *t, bool all)
{
    char *end;

    if (all && strcmp(t->args[0], "all") == 0)
        return json_pack("{s:s}", "id", "all");
    errno = 0;
    long long id = strtoll(t->args[0], &end, 10);
    if (errno != 0 || *end != '\0' || end == t->args[0] || id <= 0)
        return NULL;
    return json_pack("{s:I}", "id", (json_int_t)id);
}

static int
no_id(struct tool *t)
{
    return tool_usage(t, "ID is the number that 'doorstep queue list' shows");
}

static void
print_shown(struct tool *t, json_t *item)
{
    struct table *recipients = table_new(recipient_columns);
    json_t *row;
    size_t i;

    table_print_fields(show_fields, item, &t->screen);
    json_array_foreach(json_object_get(item, "recipients"), i, row)
    {
        if (recipients != NULL)
            table_add(recipients, row);
    }
    if (recipients != NULL)
        table_print(recipients, &t->screen);
    table_free(recipients);
}

int
cmd_queue_show(struct tool *t)
{
    struct tool_answer answer = {0};
    json_t *args = id_args(t, false);
    int code = args == NULL ? no_id(t) : tool_ask(t, "queue.show", args, &answer);

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    else if (code == EX_OK)
        print_shown(t, answer.ok);
    json_decref(answer.ok);
    return code;
}

int
cmd_queue_delete(struct tool *t)
{
    bool report = tool_option(t, "report") != NULL;
    struct tool_answer answer = {0};
    json_t *args = id_args(t, false);
    if (args != NULL && report)
        json_object_set_new(args, "report", json_true());
    int code = args == NULL ? no_id(t) : tool_ask(t, "queue.delete", args, &answer);

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    if (code == EX_OK && !t->json) {
        puts(report ? "given up, its sender is told in a minute:" : "deleted, nobody is told:");
        print_shown(t, answer.ok);
    }
    json_decref(answer.ok);
    return code;
}

/* ---- one or all ---- */

/* change() - says how many recipients it was about. */
static int
change(struct tool *t, const char *op, json_t *args, const char *what)
{
    struct tool_answer answer = {0};
    char count[TEXT_NUMBER_SIZE];
    int code = args == NULL ? no_id(t) : tool_ask(t, op, args, &answer);

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    else if (code == EX_OK)
        printf("%s recipients %s\n",
               text_count(count,
                          (uint64_t)json_integer_value(json_object_get(answer.ok, "recipients"))),
               what);
    json_decref(answer.ok);
    return code;
}

int
cmd_queue_retry(struct tool *t)
{
    return change(t, "queue.retry", id_args(t, false), "are due now");
}

int
cmd_queue_flush(struct tool *t)
{
    return change(t, "queue.retry", json_pack("{s:s}", "id", "all"), "are due now");
}

int
cmd_queue_hold(struct tool *t)
{
    return change(t, "queue.hold", id_args(t, true), "are held");
}

int
cmd_queue_release(struct tool *t)
{
    return change(t, "queue.release", id_args(t, true), "are released");
}
