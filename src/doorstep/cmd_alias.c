/* SPDX-License-Identifier: MIT
 *
 * doorstep alias add|list|delete: addresses that lead to accounts.
 */
#include "tool_priv.h"

static const struct table_column columns[] = {
    {"alias", "ALIAS", TABLE_TEXT, true},
    {"target", "TARGET", TABLE_TEXT, true},
    {0},
};

int
cmd_alias_add(struct tool *t)
{
    json_t *args = json_pack("{s:s, s:s}", "alias", t->args[0], "target", t->args[1]);
    return tool_do(t, "alias.add", args, "%s leads to %s", t->args[0], t->args[1]);
}

int
cmd_alias_list(struct tool *t)
{
    return tool_list(t, "alias.list", json_pack("{s:s*}", "domain", tool_arg(t, 0)), columns,
                     "no aliases; 'doorstep alias add ALIAS TARGET' makes one", NULL, NULL);
}

int
cmd_alias_delete(struct tool *t)
{
    const char *target = tool_arg(t, 1);
    json_t *args = json_pack("{s:s, s:s*}", "alias", t->args[0], "target", target);

    if (target != NULL)
        return tool_do(t, "alias.delete", args, "%s leads to %s no more", t->args[0], target);
    return tool_do(t, "alias.delete", args, "deleted %s", t->args[0]);
}
