/* SPDX-License-Identifier: MIT
 *
 * doorstep message flag|move|delete: changes to messages. What is answered survives a power cut.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>

static int
no_uid(const struct tool *t)
{
    return tool_usage(t, "a UID is a number; 'doorstep message list' shows them");
}

/* FLAG, +FLAG and -FLAG; a bare one is set. */
static bool
add_flags(const struct tool *t, json_t *args)
{
    json_t *add = json_array(), *remove = json_array();
    bool ok = true;

    for (size_t i = 3; i < t->arg_count; i++) {
        const char *word = t->args[i];
        bool clear = word[0] == '-';
        const char *flag = word + (word[0] == '-' || word[0] == '+');
        ok = ok && flag[0] != '\0' &&
             json_array_append_new(clear ? remove : add, json_string(flag)) == 0;
    }
    return json_object_set_new(args, "add", add) == 0 &&
           json_object_set_new(args, "remove", remove) == 0 && ok;
}

int
cmd_message_flag(struct tool *t)
{
    json_t *args = message_args(t);

    if (args == NULL)
        return no_uid(t);
    if (!add_flags(t, args)) {
        json_decref(args);
        return tool_usage(t, "a flag is a word like \\Seen or work, with + or - in front");
    }
    return tool_do(t, "message.flag", args, "changed message %s in %s of %s", t->args[2],
                   t->args[1], t->args[0]);
}

int
cmd_message_move(struct tool *t)
{
    json_t *args = message_args(t);

    if (args == NULL)
        return no_uid(t);
    json_object_set_new(args, "to", json_string(t->args[3]));
    return tool_do(t, "message.move", args, "moved message %s of %s from %s to %s", t->args[2],
                   t->args[0], t->args[1], t->args[3]);
}

int
cmd_message_delete(struct tool *t)
{
    json_t *uids = json_array();
    unsigned long long uid;

    for (size_t i = 2; i < t->arg_count; i++) {
        if (!span_parse_u64(span_of(t->args[i]), UINT32_MAX, &uid) || uid == 0) {
            json_decref(uids);
            return no_uid(t);
        }
        json_array_append_new(uids, json_integer((json_int_t)uid));
    }
    json_t *args =
        json_pack("{s:s, s:s, s:o}", "account", t->args[0], "mailbox", t->args[1], "uids", uids);
    return tool_do(t, "message.delete", args, "deleted %zu messages of %s of %s", t->arg_count - 2,
                   t->args[1], t->args[0]);
}
