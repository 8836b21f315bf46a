/* SPDX-License-Identifier: MIT
 *
 * doorstep account add|list|show|set|delete: who has a mailbox here.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>

#include "text_priv.h"

static const struct table_column list_columns[] = {
    {"name", "ACCOUNT", TABLE_TEXT, true},        {"enabled", "ENABLED", TABLE_YES, false},
    {"messages", "MESSAGES", TABLE_COUNT, false}, {"octets", "USED", TABLE_SIZE, false},
    {"quota", "QUOTA", TABLE_SIZE, false},        {"quota_messages", "MAX", TABLE_COUNT, false},
    {"driver", "DRIVER", TABLE_TEXT, false},      {0},
};

static const struct table_column show_fields[] = {
    {"name", "Account", TABLE_TEXT, false},
    {"enabled", "Enabled", TABLE_YES, false},
    {"driver", "Driver", TABLE_TEXT, false},
    {"home", "Home", TABLE_TEXT, false},
    {"forward", "Forward", TABLE_TEXT, false},
    {"mailboxes", "Mailboxes", TABLE_COUNT, false},
    {"messages", "Messages", TABLE_COUNT, false},
    {"quota_messages", "  at most", TABLE_COUNT, false},
    {"octets", "Used", TABLE_SIZE, false},
    {"quota", "  at most", TABLE_SIZE, false},
    {"aliases", "Aliases", TABLE_LIST, false},
    {0},
};

/* --quota and --quota-messages into args; "none" is null. */
static int
add_limit(const struct tool *t, json_t *args, const char *option, const char *key)
{
    const char *value = tool_option(t, option);
    uint64_t n;

    if (value == NULL)
        return EX_OK;
    if (strcmp(value, "none") == 0)
        json_object_set_new(args, key, json_null());
    else if (text_parse_size(value, &n))
        json_object_set_new(args, key, json_integer((json_int_t)n));
    else
        return tool_usage(t, "--%s takes a number like %s, or none", option,
                          strcmp(key, "quota") == 0 ? "500M or 2G" : "10000");
    return EX_OK;
}

/* --forward into args; "none" is null: where the domain's accounts are. */
static void
add_forward(const struct tool *t, json_t *args)
{
    const char *route = tool_option(t, "forward");

    if (route != NULL)
        json_object_set_new(args, "forward",
                            strcmp(route, "none") == 0 ? json_null() : json_string(route));
}

static int
add_options(const struct tool *t, json_t *args)
{
    bool enable = tool_option(t, "enabled") != NULL;
    bool disable = tool_option(t, "disabled") != NULL;

    if (enable && disable)
        return tool_usage(t, "--enabled and --disabled exclude each other");
    if (disable)
        json_object_set_new(args, "disabled", json_true());
    if (enable)
        json_object_set_new(args, "enabled", json_true());
    add_forward(t, args);
    int code = add_limit(t, args, "quota", "quota");
    return code == EX_OK ? add_limit(t, args, "quota-messages", "quota_messages") : code;
}

int
cmd_account_add(struct tool *t)
{
    json_t *args = json_pack("{s:s}", "name", t->args[0]);
    int code = add_options(t, args);

    if (code != EX_OK) {
        json_decref(args);
        return code;
    }
    return tool_do(t, "account.add", args, "added %s", t->args[0]);
}

int
cmd_account_set(struct tool *t)
{
    json_t *args = json_pack("{s:s}", "name", t->args[0]);
    int code = add_options(t, args);

    if (code == EX_OK && json_object_size(args) < 2)
        code = tool_usage(t, "nothing to set");
    if (code != EX_OK) {
        json_decref(args);
        return code;
    }
    return tool_do(t, "account.set", args, "changed %s", t->args[0]);
}

int
cmd_account_delete(struct tool *t)
{
    bool mail = tool_option(t, "mail") != NULL;

    return tool_do(t, "account.delete", json_pack("{s:s, s:b}", "name", t->args[0], "mail", mail),
                   mail ? "deleted %s and its mail" : "deleted %s; its mail stays where it is",
                   t->args[0]);
}

int
cmd_account_list(struct tool *t)
{
    return tool_list(t, "account.list", json_pack("{s:s*}", "domain", tool_arg(t, 0)), list_columns,
                     "no accounts; 'doorstep account add NAME' makes one", NULL, NULL);
}

int
cmd_account_show(struct tool *t)
{
    struct tool_answer answer = {0};
    int code = tool_ask(t, "account.show", json_pack("{s:s}", "name", t->args[0]), &answer);

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    else if (code == EX_OK)
        table_print_fields(show_fields, answer.ok, &t->screen);
    json_decref(answer.ok);
    return code;
}
