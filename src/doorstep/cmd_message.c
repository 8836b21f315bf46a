/* SPDX-License-Identifier: MIT
 *
 * doorstep message list|cat: what lies in a mailbox, and the octets of one message.
 */
#include "tool_priv.h"

#include <stdio.h>

static const struct table_column columns[] = {
    {"uid", "UID", TABLE_TEXT, false},
    {"internal_date", "RECEIVED", TABLE_DATE, false},
    {"flags", "FLAGS", TABLE_LIST, false},
    {"octets", "SIZE", TABLE_SIZE, false},
    {"attachment", "ATTACHED", TABLE_YES, false},
    {"from", "FROM", TABLE_TEXT, true},
    {"subject", "SUBJECT", TABLE_TEXT, true},
    {0},
};

int
cmd_message_list(struct tool *t)
{
    const char *mailbox = tool_arg(t, 1) == NULL ? "INBOX" : t->args[1];
    json_t *args = json_pack("{s:s, s:s}", "account", t->args[0], "mailbox", mailbox);

    return tool_list(t, "message.list", args, columns, "no messages", NULL, NULL);
}

json_t *
message_args(const struct tool *t)
{
    unsigned long long uid;

    if (!span_parse_u64(span_of(t->args[2]), UINT32_MAX, &uid) || uid == 0)
        return NULL;
    return json_pack("{s:s, s:s, s:I}", "account", t->args[0], "mailbox", t->args[1], "uid",
                     (json_int_t)uid);
}

static bool
write_bytes(void *arg, struct span bytes)
{
    (void)arg;
    return fwrite(bytes.p, 1, bytes.n, stdout) == bytes.n;
}

/* As stored, also with --json: there is no JSON of octets. */
int
cmd_message_cat(struct tool *t)
{
    struct tool_answer answer = {.on_bytes = write_bytes};
    json_t *args = message_args(t);

    if (args == NULL)
        return tool_usage(t, "a UID is a number; 'doorstep message list' shows them");
    int code = tool_ask(t, "message.cat", args, &answer);
    json_decref(answer.ok);
    return code;
}
