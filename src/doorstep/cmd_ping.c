/* SPDX-License-Identifier: MIT
 *
 * doorstep ping: is the daemon ready? For people, for health checks, and for scripts that wait.
 */
#include "tool_priv.h"

#include <stdio.h>

#include "doorstep/clock.h"
#include "text_priv.h"

enum { PAUSE_MS = 50 };

static void
print_ready(const struct tool *t, json_t *ok)
{
    char uptime[TEXT_NUMBER_SIZE];
    bool ready = json_is_true(json_object_get(ok, "ready"));
    const char *version = json_string_value(json_object_get(ok, "version"));
    json_int_t ms = json_integer_value(json_object_get(ok, "uptime_ms"));

    if (t->json) {
        tool_print_json(t, ok);
        return;
    }
    bool replaying = json_is_true(json_object_get(ok, "replaying"));
    printf("%s: doorstepd %s, up %s, edges %lld, sorters %lld\n",
           ready       ? "ready"
           : replaying ? "replaying"
                       : "starting",
           version == NULL ? "?" : version, text_duration(uptime, ms < 0 ? 0 : (uint64_t)ms),
           (long long)json_integer_value(json_object_get(ok, "edges")),
           (long long)json_integer_value(json_object_get(ok, "sorters")));
}

/* One try; what it says is printed only when it is the last. */
static int
ping_once(struct tool *t, bool last)
{
    struct tool_answer answer = {0};
    int code = tool_connect(t, last ? TOOL_CONNECT_OR_SAY : TOOL_CONNECT_OR_NOT);

    if (code == EX_OK)
        code = tool_ask(t, "ping", json_object(), &answer);
    if (code == EX_OK && !json_is_true(json_object_get(answer.ok, "ready")))
        code = EX_TEMPFAIL;
    if (answer.ok != NULL && (last || code == EX_OK))
        print_ready(t, answer.ok);
    json_decref(answer.ok);
    return code;
}

int
cmd_ping(struct tool *t)
{
    const char *wait = tool_option(t, "wait");
    uint64_t seconds = 0;

    if (wait != NULL && (!text_parse_duration(wait, &seconds) || seconds > 86400))
        return tool_usage(t, "--wait takes a time up to a day: 10s, 1min");
    uint64_t deadline = clock_ms() + seconds * 1000;
    for (;;) {
        bool last = clock_ms() >= deadline;
        int code = ping_once(t, last);
        if (last || code == EX_OK || code == EX_CONFIG || code == EX_NOPERM)
            return code;
        tool_disconnect(t);
        pause_ms(PAUSE_MS);
    }
}
