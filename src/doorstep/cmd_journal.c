/* SPDX-License-Identifier: MIT
 *
 * doorstep journal show|verify|replay: what is on stable storage in the journals alone.
 */
#include "tool_priv.h"

#include <stdio.h>

#include "text_priv.h"

static const struct table_column show_columns[] = {
    {"kind", "KIND", TABLE_TEXT, false},
    {"id", "ID", TABLE_TEXT, false},
    {"account", "ACCOUNT", TABLE_TEXT, true},
    {"mailbox", "MAILBOX", TABLE_TEXT, true},
    {"uid", "UID", TABLE_TEXT, false},
    {"octets", "SIZE", TABLE_SIZE, false},
    {"file", "FILE", TABLE_TEXT, false},
    {"segment", "SEGMENT", TABLE_TEXT, false},
    {"offset", "OFFSET", TABLE_TEXT, false},
    {"cause", "KEPT BECAUSE", TABLE_TEXT, true},
    {0},
};

static const struct table_column verify_columns[] = {
    {"file", "FILE", TABLE_TEXT, false},
    {"offset", "OFFSET", TABLE_TEXT, false},
    {"problem", "PROBLEM", TABLE_TEXT, false},
    {0},
};

int
cmd_journal_show(struct tool *t)
{
    return tool_list(t, "journal.show", json_pack("{s:s*}", "account", tool_arg(t, 0)),
                     show_columns, "nothing: mail and indexes are on stable storage", NULL, NULL);
}

static long long
number(json_t *ok, const char *key)
{
    return json_integer_value(json_object_get(ok, key));
}

static void
collect(void *arg, json_t *row)
{
    json_array_append(arg, row);
}

/* The summary with the rows in it. */
static int
verify_json(struct tool *t, json_t **ok)
{
    json_t *rows = json_array();
    struct tool_answer answer = {.on_row = collect, .arg = rows};
    int code = tool_ask(t, "journal.verify", json_object(), &answer);

    if (code == EX_OK) {
        json_object_set(answer.ok, "found", rows);
        tool_print_json(t, answer.ok);
    }
    json_decref(rows);
    *ok = answer.ok;
    return code;
}

static void
print_verified(json_t *ok)
{
    char octets[TEXT_NUMBER_SIZE];

    printf("%lld segments (%s), %lld in use, %lld records: %lld damaged, %lld torn, %lld unknown\n",
           number(ok, "segments"), text_size(octets, (uint64_t)number(ok, "octets")),
           number(ok, "live"), number(ok, "records"), number(ok, "damaged"), number(ok, "torn"),
           number(ok, "unknown"));
    if (number(ok, "damaged_at_start") > 0)
        printf("of %lld records that the last start found, %lld were damaged; "
               "STATE_DIR/journal/*.damaged has them\n",
               number(ok, "records_at_start"), number(ok, "damaged_at_start"));
}

int
cmd_journal_verify(struct tool *t)
{
    json_t *ok = NULL;
    int code = t->json
                   ? verify_json(t, &ok)
                   : tool_list(t, "journal.verify", json_object(), verify_columns, NULL, NULL, &ok);

    if (code == EX_OK && !t->json)
        print_verified(ok);
    if (code == EX_OK && number(ok, "damaged") + number(ok, "damaged_at_start") > 0)
        code = TOOL_FAILED;
    json_decref(ok);
    return code;
}

int
cmd_journal_replay(struct tool *t)
{
    struct tool_answer answer = {0};
    int code = tool_ask(t, "journal.replay", json_object(), &answer);
    json_t *start = json_object_get(answer.ok, "at_start");

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    if (code == EX_OK && !t->json)
        printf("at start: %lld records, %lld messages, %lld of them missing in an index; "
               "%lld changes; %lld damaged\nnow: %lld delivered, %lld kept\n",
               number(start, "records"), number(start, "messages"), number(start, "rows"),
               number(start, "changes"), number(start, "damaged"), number(answer.ok, "delivered"),
               number(answer.ok, "kept"));
    if (code == EX_OK && number(answer.ok, "kept") > 0)
        code = TOOL_FAILED;
    json_decref(answer.ok);
    return code;
}
