/* SPDX-License-Identifier: MIT
 *
 * doorstep fsck: does the index tell the truth about the mail? With --repair it is made to.
 */
#include "tool_priv.h"

#include <stdio.h>

#include "text_priv.h"

static const struct table_column columns[] = {
    {"account", "ACCOUNT", TABLE_TEXT, true}, {"mailbox", "MAILBOX", TABLE_TEXT, true},
    {"problem", "PROBLEM", TABLE_TEXT, true}, {"repaired", "REPAIRED", TABLE_YES, false},
    {"detail", "DETAIL", TABLE_TEXT, true},   {0},
};

static json_int_t
number(json_t *ok, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(ok, key));
    return n < 0 ? 0 : n;
}

static void
print_summary(const struct tool *t, json_t *ok)
{
    char accounts[TEXT_NUMBER_SIZE], messages[TEXT_NUMBER_SIZE];
    json_int_t problems = number(ok, "problems"), repaired = number(ok, "repaired");

    printf("%s accounts, %s messages: ", text_count(accounts, (uint64_t)number(ok, "accounts")),
           text_count(messages, (uint64_t)number(ok, "messages")));
    if (problems == 0)
        puts("mail and index agree");
    else
        printf("%lld problems, %lld repaired\n", (long long)problems, (long long)repaired);
    if (problems > repaired && tool_option(t, "repair") == NULL)
        puts("'doorstep fsck --repair' mends them");
}

static void
collect(void *arg, json_t *row)
{
    json_array_append(arg, row);
}

/* The summary with the rows in it. */
static int
fsck_json(struct tool *t, json_t *args, json_t **ok)
{
    json_t *rows = json_array();
    struct tool_answer answer = {.on_row = collect, .arg = rows};
    int code = tool_ask(t, "fsck", args, &answer);

    if (code == EX_OK) {
        json_object_set(answer.ok, "found", rows);
        tool_print_json(t, answer.ok);
    }
    json_decref(rows);
    *ok = answer.ok;
    return code;
}

int
cmd_fsck(struct tool *t)
{
    json_t *args =
        json_pack("{s:s*, s:b, s:b}", "account", tool_arg(t, 0), "repair",
                  tool_option(t, "repair") != NULL, "content", tool_option(t, "content") != NULL);
    json_t *ok = NULL;
    int code =
        t->json ? fsck_json(t, args, &ok) : tool_list(t, "fsck", args, columns, NULL, NULL, &ok);

    if (code == EX_OK && !t->json)
        print_summary(t, ok);
    if (code == EX_OK && number(ok, "problems") > number(ok, "repaired"))
        code = TOOL_FAILED;
    json_decref(ok);
    return code;
}
