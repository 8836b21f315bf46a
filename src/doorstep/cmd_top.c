/* SPDX-License-Identifier: MIT
 *
 * What the daemon counts: its whole text (metrics), or the few numbers that tell how it does, anew
 * every second (top). The numbers come as OpenMetrics text over the control socket, so no metrics
 * address is needed.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct number {
    const char *name;   /* as shown, and as in JSON */
    const char *prefix; /* of the sample's line */
    const char *label;  /* what stands in it too; or "" */
    bool is_rate;       /* shown per second */
};

static const struct number numbers[] = {
    {"sessions", "doorstep_sessions_open{", "", false},
    {"transactions", "doorstep_transactions_open{", "", false},
    {"waiting_for_sorter", "doorstep_queued{", "queue=\"sort\"", false},
    {"waiting_for_worker", "doorstep_queued{", "queue=\"workers\"", false},
    {"waiting_for_account", "doorstep_queued{", "queue=\"aside\"", false},
    {"waiting_for_index", "doorstep_queued{", "queue=\"index\"", false},
    {"messages_per_second", "doorstep_messages_total{", "", true},
    {"delivered_per_second", "doorstep_delivered_total{", "", true},
    {"rcpt_per_second", "doorstep_rcpt_total{", "", true},
    {"octets_per_second", "doorstep_received_bytes_total{", "", true},
    {"journal_syncs_per_second", "doorstep_journal_sync_duration_seconds_count{", "", true},
    {"journal_busy_seconds_per_second", "doorstep_journal_sync_duration_seconds_sum{", "", true},
    {"journal_octets_per_second", "doorstep_journal_written_bytes_total{", "", true},
    {"checkpoints_failed", "doorstep_checkpoints_total{", "result=\"failed\"", false},
    {"limits_hit_per_second", "doorstep_limits_hit_total{", "", true},
    {"filtered_per_second", "doorstep_filtered_total{", "", true},
    {"unfiltered", "doorstep_milter_failures_total{", "", false},
    {"processes_died", "doorstep_role_deaths_total{", "", false},
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

struct look {
    double values[NUMBERS];
    double seconds; /* when */
};

static double
now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A line is `name{labels} value`. */
static void
add_line(struct look *look, const char *line)
{
    const char *value = strrchr(line, ' ');

    for (size_t i = 0; value != NULL && i < NUMBERS; i++)
        if (strncmp(line, numbers[i].prefix, strlen(numbers[i].prefix)) == 0 &&
            strstr(line, numbers[i].label) != NULL)
            look->values[i] += strtod(value, NULL);
}

static int
ask_text(struct tool *t, char **text)
{
    struct tool_answer answer = {0};
    int code = tool_ask(t, "metrics", json_object(), &answer);
    const char *found = json_string_value(json_object_get(answer.ok, "text"));

    *text = found == NULL ? NULL : strdup(found);
    json_decref(answer.ok);
    if (code == EX_OK && *text == NULL)
        return tool_error(EX_PROTOCOL, "the daemon sent no numbers");
    return code;
}

static int
take_look(struct tool *t, struct look *look)
{
    char *text, *rest, *line;
    int code = ask_text(t, &text);

    memset(look, 0, sizeof(*look));
    look->seconds = now_seconds();
    for (rest = text; code == EX_OK && (line = strsep(&rest, "\n")) != NULL;)
        add_line(look, line);
    free(text);
    return code;
}

static double
shown(const struct look *before, const struct look *after, size_t i)
{
    double seconds = after->seconds - before->seconds;

    if (!numbers[i].is_rate)
        return after->values[i];
    return seconds > 0 ? (after->values[i] - before->values[i]) / seconds : 0;
}

static void
print_look(const struct tool *t, const struct look *before, const struct look *after)
{
    json_t *object = t->json ? json_object() : NULL;

    for (size_t i = 0; i < NUMBERS; i++) {
        if (object != NULL)
            json_object_set_new(object, numbers[i].name, json_real(shown(before, after, i)));
        else
            printf("%-32s %14.2f\n", numbers[i].name, shown(before, after, i));
    }
    if (object != NULL)
        tool_print_json(t, object);
    else
        putchar('\n');
    json_decref(object);
    fflush(stdout);
}

/* One screen behind the other: any terminal can do that, and a file too. */
int
cmd_top(struct tool *t)
{
    const struct timespec pause = {.tv_sec = 1};
    struct look before, after;
    int code = take_look(t, &before);

    while (code == EX_OK && !ferror(stdout)) {
        nanosleep(&pause, NULL);
        code = take_look(t, &after);
        if (code == EX_OK)
            print_look(t, &before, &after);
        if (tool_option(t, "once") != NULL)
            break;
        before = after;
    }
    return code;
}

int
cmd_metrics(struct tool *t)
{
    char *text;
    int code = ask_text(t, &text);

    if (code == EX_OK)
        fputs(text, stdout);
    free(text);
    return code;
}
