/* SPDX-License-Identifier: MIT
 *
 * doorstep mailbox: the folders of one account, and what is said about them.
 */
#include "tool_priv.h"

#include <strings.h>

static const struct table_column columns[] = {
    {"name", "MAILBOX", TABLE_TEXT, true},
    {"messages", "MESSAGES", TABLE_COUNT, false},
    {"unseen", "UNSEEN", TABLE_COUNT, false},
    {"octets", "SIZE", TABLE_SIZE, false},
    {"uid_validity", "UIDVALIDITY", TABLE_TEXT, false},
    {"uid_next", "UIDNEXT", TABLE_TEXT, false},
    {"highest_modseq", "MODSEQ", TABLE_TEXT, false},
    {"special_use", "USE", TABLE_TEXT, false},
    {"id", "ID", TABLE_TEXT, false},
    {0},
};

int
cmd_mailbox_list(struct tool *t)
{
    return tool_list(t, "mailbox.list", json_pack("{s:s}", "account", t->args[0]), columns,
                     "no mailboxes yet: the first delivery makes INBOX", NULL, NULL);
}

int
cmd_mailbox_create(struct tool *t)
{
    json_t *args = json_pack("{s:s, s:s}", "account", t->args[0], "name", t->args[1]);
    return tool_do(t, "mailbox.create", args, "created %s of %s", t->args[1], t->args[0]);
}

int
cmd_mailbox_rename(struct tool *t)
{
    json_t *args =
        json_pack("{s:s, s:s, s:s}", "account", t->args[0], "from", t->args[1], "to", t->args[2]);
    return tool_do(t, "mailbox.rename", args, "%s of %s is now %s", t->args[1], t->args[0],
                   t->args[2]);
}

int
cmd_mailbox_delete(struct tool *t)
{
    json_t *args = json_pack("{s:s, s:s}", "account", t->args[0], "name", t->args[1]);
    return tool_do(t, "mailbox.delete", args, "deleted %s of %s", t->args[1], t->args[0]);
}

int
cmd_mailbox_special_use(struct tool *t)
{
    bool is_none = strcasecmp(t->args[2], "none") == 0;
    json_t *args = json_pack("{s:s, s:s, s:s?}", "account", t->args[0], "name", t->args[1], "use",
                             is_none ? NULL : t->args[2]);

    return tool_do(t, "mailbox.special_use", args, "%s of %s has the special use %s", t->args[1],
                   t->args[0], t->args[2]);
}

static const struct table_column annotation_columns[] = {
    {"annotation", "ANNOTATION", TABLE_TEXT, true},
    {"value", "VALUE", TABLE_TEXT, true},
    {0},
};

int
cmd_mailbox_metadata(struct tool *t)
{
    json_t *args =
        json_pack("{s:s, s:s}", "account", t->args[0], "name", t->arg_count > 1 ? t->args[1] : "");

    return tool_list(t, "mailbox.metadata", args, annotation_columns, "no annotations", NULL, NULL);
}

int
cmd_mailbox_annotate(struct tool *t)
{
    const char *value = t->arg_count > 3 ? t->args[3] : NULL;
    json_t *args = json_pack("{s:s, s:s, s:s, s:s?}", "account", t->args[0], "name", t->args[1],
                             "annotation", t->args[2], "value", value);

    return tool_do(t, "mailbox.annotate", args, "%s %s", value == NULL ? "removed" : "set",
                   t->args[2]);
}
