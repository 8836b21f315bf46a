/* SPDX-License-Identifier: MIT
 *
 * doorstep trace: where did this mail go? Answered from the delivery log.
 */
#include "tool_priv.h"

#include <time.h>

#include "text_priv.h"

static const struct table_column columns[] = {
    {"time", "TIME", TABLE_DATE, false},
    {"from", "FROM", TABLE_TEXT, true},
    {"to", "TO", TABLE_TEXT, true},
    {"outcome", "OUTCOME", TABLE_TEXT, false},
    {"mailbox", "MAILBOX", TABLE_TEXT, true},
    {"uid", "UID", TABLE_TEXT, false},
    {"octets", "SIZE", TABLE_SIZE, false},
    {"id", "ID", TABLE_TEXT, false},
    {"queue_id", "QUEUE", TABLE_TEXT, true},
    {"client", "CLIENT", TABLE_TEXT, true},
    {"client_name", "NAME", TABLE_TEXT, true},
    {"login", "LOGIN", TABLE_TEXT, true},
    {"text", "TEXT", TABLE_TEXT, true},
    {0},
};

/* "2h" counts back from now; a time stands for itself. */
static bool
parse_since(const char *s, char *out)
{
    uint64_t seconds;
    time_t when, now = time(NULL);

    if (text_parse_duration(s, &seconds))
        when = seconds > (uint64_t)now ? 0 : now - (time_t)seconds;
    else if (!text_parse_rfc3339(s, &when))
        return false;
    text_print_rfc3339(out, when);
    return true;
}

int
cmd_trace(struct tool *t)
{
    const char *since = tool_option(t, "since");
    char when[TEXT_NUMBER_SIZE];
    size_t count = 0;

    if (since != NULL && !parse_since(since, when))
        return tool_usage(t, "--since takes 2h, 3d or a time like 2026-01-31T00:00:00Z");
    json_t *args =
        json_pack("{s:s, s:s*}", "term", t->args[0], "since", since == NULL ? NULL : when);
    int code = tool_list(t, "trace", args, columns,
                         "nothing found; 'delivery_log_keep' says how "
                         "long deliveries are remembered",
                         &count, NULL);
    return code == EX_OK && count == 0 ? TOOL_FAILED : code;
}
