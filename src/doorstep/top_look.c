/* SPDX-License-Identifier: MIT
 *
 * One look at the daemon: see top_look_priv.h. Each line of OpenMetrics, `name{labels} value`, is
 * held against a table.
 */
#include "top_look_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct look_number look_numbers[LOOK_NUMBERS] = {
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

#define PROTOCOL_TEXT(id, text) text,
const char *const look_protocols[METRICS_PROTOCOLS_COUNT] = {METRICS_PROTOCOLS(PROTOCOL_TEXT)};

const struct look_number look_of_protocol[LOOK_OF_PROTOCOL] = {
    {"sessions", "doorstep_sessions_open{", "", false},
    {"sessions_per_second", "doorstep_sessions_total{", "", true},
    {"messages_per_second", "doorstep_messages_total{", "", true},
    {"octets_per_second", "doorstep_received_bytes_total{", "", true},
};

static bool
is_about(const char *line, const struct look_number *n)
{
    return strncmp(line, n->prefix, strlen(n->prefix)) == 0 && strstr(line, n->label) != NULL;
}

/* What the line's label `name` says; false: it has none, or none that fits. */
static bool
label_of(const char *line, const char *name, char *value, size_t size)
{
    char begin[32];
    const char *from, *to;

    snprintf(begin, sizeof begin, ",%s=\"", name);
    from = strstr(line, begin);
    from = from == NULL ? NULL : from + strlen(begin);
    to = from == NULL ? NULL : strchr(from, '"');
    if (to == NULL || (size_t)(to - from) >= size)
        return false;
    memcpy(value, from, (size_t)(to - from));
    value[to - from] = '\0';
    return true;
}

static void
add_protocol(struct look *look, const char *line, double value)
{
    char text[32];

    if (!label_of(line, "protocol", text, sizeof text))
        return;
    for (size_t p = 0; p < METRICS_PROTOCOLS_COUNT; p++)
        for (size_t i = 0; strcmp(text, look_protocols[p]) == 0 && i < LOOK_OF_PROTOCOL; i++)
            if (is_about(line, &look_of_protocol[i]))
                look->protocols[p][i] += value;
}

static struct look_worker *
worker(struct look *look, const char *number)
{
    for (size_t i = 0; i < look->worker_count; i++)
        if (strcmp(look->workers[i].number, number) == 0)
            return &look->workers[i];
    if (look->worker_count == LOOK_WORKERS)
        return NULL;
    snprintf(look->workers[look->worker_count].number, LOOK_WORKER_SIZE, "%s", number);
    return &look->workers[look->worker_count++];
}

/* Moments since 1970, as ages. 0: there is none. */
static void
add_worker(struct look *look, const char *line, double value)
{
    static const struct look_number last = {"", "doorstep_checkpoint_last_timestamp_seconds{", "",
                                            false},
                                    oldest = {"", "doorstep_journal_oldest_timestamp_seconds{", "",
                                              false};
    char number[LOOK_WORKER_SIZE];
    struct look_worker *w;
    struct timespec now;
    double age;

    if ((!is_about(line, &last) && !is_about(line, &oldest)) ||
        !label_of(line, "worker", number, sizeof number) || (w = worker(look, number)) == NULL)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    age = value > 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9 - value : 0;
    *(is_about(line, &last) ? &w->checkpoint_s : &w->oldest_s) = age > 0 ? age : 0;
}

static void
add_line(struct look *look, const char *line)
{
    const char *at = strrchr(line, ' ');
    double value = at == NULL ? 0 : strtod(at, NULL);

    for (size_t i = 0; at != NULL && i < LOOK_NUMBERS; i++)
        if (is_about(line, &look_numbers[i]))
            look->values[i] += value;
    if (at != NULL)
        add_protocol(look, line, value);
    if (at != NULL)
        add_worker(look, line, value);
}

void
look_take(struct look *look, const char *text)
{
    struct timespec t;
    char line[512];

    memset(look, 0, sizeof(*look));
    clock_gettime(CLOCK_MONOTONIC, &t);
    look->seconds = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        snprintf(line, sizeof line, "%.*s", n < sizeof line ? (int)n : 0, text);
        add_line(look, line);
        text += n + (text[n] == '\n');
    }
}
