/* SPDX-License-Identifier: MIT
 *
 * What is asked about the daemon itself, answered at once, even while it is replaying; and what its
 * delivery log says of a message.
 */
#include <string.h>

#include "operation_priv.h"

#define TRACE_ROWS_MAX 10000

/* --- at once --- */

void
operation_ping(struct deliver *d, struct control_request *r)
{
    unsigned edges = 0;

    for (struct edge *e = d->edges; e != NULL; e = e->next)
        edges++;
    control_done(r, json_pack("{s:s, s:b, s:b, s:i, s:i, s:I}", "version", DOORSTEP_VERSION,
                              "ready", d->is_serving && (d->is_offline || edges > 0), "replaying",
                              !d->is_serving, "edges", (int)edges, "sorters",
                              (int)sorters_count(d->sorters), "uptime_ms",
                              (json_int_t)(clock_ms() - d->started_ms)));
}

void
operation_stats(struct deliver *d, struct control_request *r)
{
    const struct counters *c = &d->counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"transactions", c->transactions},
        {"delivered", c->delivered},
        {"duplicates", c->duplicates},
        {"temporary_failures", c->temporary},
        {"permanent_failures", c->permanent},
        {"recipients_accepted", c->rcpt_accepted},
        {"recipients_refused", c->rcpt_refused},
        {"octets", c->octets},
        {"messages_unsorted", c->unsorted},
        {"transactions_running", d->running},
        {"octets_in_memory", d->memory},
        {"kept", workers_kept(d->workers)},
        {"uptime_ms", clock_ms() - d->started_ms},
    };
    json_t *counters = json_object(), *roles = json_array();
    unsigned edges = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_object_set_new(counters, rows[i].name, json_integer((json_int_t)rows[i].value));
    for (struct edge *e = d->edges; e != NULL; e = e->next)
        edges++;
    json_array_append_new(roles, json_pack("{s:s, s:i}", "role", "edge", "count", (int)edges));
    json_array_append_new(roles, json_pack("{s:s, s:i, s:i}", "role", "store", "count", 1,
                                           "workers", (int)workers_count(d->workers)));
    json_array_append_new(
        roles, json_pack("{s:s, s:i}", "role", "sorter", "count", (int)sorters_count(d->sorters)));
    control_done(r, json_pack("{s:o, s:o}", "counters", counters, "roles", roles));
}

/* The accounts whose deliveries took longest lately. */
static json_t *
list_slow(struct deliver *d)
{
    struct slow_account rows[2 * SLOW_ACCOUNTS];
    size_t count = slow_list(&d->slow, clock_ms(), rows);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s,s:I,s:f,s:f}", "account", rows[i].name, "deliveries",
                                        (json_int_t)rows[i].deliveries, "mean_seconds",
                                        (double)rows[i].total_us / (double)rows[i].deliveries / 1e6,
                                        "longest_seconds", (double)rows[i].longest_us / 1e6));
    return list;
}

void
operation_metrics(struct deliver *d, struct control_request *r)
{
    struct buf text;

    buf_init(&text, METRICS_TEXT_MAX);
    json_t *ok = metrics_print(d->metrics, &text)
                     ? json_pack("{s:s,s:o}", "text", buf_str(&text), "slow", list_slow(d))
                     : NULL;
    if (ok != NULL)
        control_done(r, ok);
    else
        operation_refuse(r, OUTCOME_SYSTEM, "no memory");
    buf_release(&text);
}

/* --- the delivery log --- */

static bool
on_line(void *arg, json_t *line)
{
    struct operation *op = arg;
    const char *since = json_string_value(json_object_get(op->args, "since"));
    const char *time = json_string_value(json_object_get(line, "time"));

    if (since != NULL && time != NULL && strcmp(time, since) < 0)
        return true;
    operation_row(op, json_incref(line));
    return !op->failed && json_array_size(op->rows) < TRACE_ROWS_MAX;
}

void
operation_trace(struct operation *op, struct worker *w)
{
    const char *term = operation_text(op, "term");

    (void)w;
    delivery_log_write(op->deliver->log); /* what was answered a moment ago is found too */
    if (term != NULL &&
        !delivery_log_search(op->deliver->settings->state_dir, term, on_line, op, &op->why))
        op->failed = true;
}
