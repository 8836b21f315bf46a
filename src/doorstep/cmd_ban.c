/* SPDX-License-Identifier: MIT
 *
 * doorstep ban list|remove|add: what failed log-ins cost whom.
 */
#include "text_priv.h"
#include "tool_priv.h"

static const struct table_column columns[] = {
    {"kind", "KIND", TABLE_TEXT, true},
    {"key", "WHO", TABLE_TEXT, true},
    {"failures", "FAILURES", TABLE_COUNT, true},
    {"until", "UNTIL", TABLE_DATE, true},
    {0},
};

int
cmd_ban_list(struct tool *t)
{
    return tool_list(t, "ban.list", json_object(), columns, "no failed log-ins", NULL, NULL);
}

int
cmd_ban_remove(struct tool *t)
{
    return tool_do(t, "ban.remove", json_pack("{s:s}", "key", t->args[0]), "forgave %s",
                   t->args[0]);
}

int
cmd_ban_add(struct tool *t)
{
    const char *time = tool_option(t, "for");
    uint64_t seconds = 0;

    if (time != NULL && (!text_parse_duration(time, &seconds) || seconds == 0))
        return tool_usage(t, "--for takes a time: 10min, 3d");
    json_t *args = json_pack("{s:s}", "key", t->args[0]);
    if (args != NULL && time != NULL)
        json_object_set_new(args, "seconds", json_integer((json_int_t)seconds));
    return tool_do(t, "ban.add", args, "banned %s", t->args[0]);
}
