/* SPDX-License-Identifier: MIT
 *
 * What the daemon counts: its whole text (metrics), or how it does, anew every second (top): a few
 * numbers, each protocol, each worker's journal, and the accounts whose deliveries take longest.
 * All comes over the control socket, so no metrics address is needed.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text_priv.h"
#include "top_look_priv.h"

#define SLOW_SHOWN 10 /* accounts; JSON has all */

/* *ok, owned by the caller, has "text", and "slow", a list. */
static int
ask_numbers(struct tool *t, json_t **ok)
{
    struct tool_answer answer = {0};
    int code = tool_ask(t, "metrics", json_object(), &answer);

    *ok = answer.ok;
    if (code == EX_OK && (!json_is_string(json_object_get(*ok, "text")) ||
                          !json_is_array(json_object_get(*ok, "slow"))))
        return tool_error(EX_PROTOCOL, "the daemon sent no numbers");
    return code;
}

static const char *
text_of(const json_t *ok)
{
    return json_string_value(json_object_get(ok, "text"));
}

/* --- what is shown of two looks --- */

struct view {
    struct tool *tool;
    const struct look *before, *after;
    json_t *slow; /* borrowed */
};

static double
shown(const struct view *v, const struct look_number *n, double before, double after)
{
    double seconds = v->after->seconds - v->before->seconds;

    if (!n->is_rate)
        return after;
    return seconds > 0 ? (after - before) / seconds : 0;
}

static double
number(const struct view *v, size_t i)
{
    return shown(v, &look_numbers[i], v->before->values[i], v->after->values[i]);
}

static double
of_protocol(const struct view *v, size_t p, size_t i)
{
    return shown(v, &look_of_protocol[i], v->before->protocols[p][i], v->after->protocols[p][i]);
}

/* --- as text --- */

static void
print_protocols(const struct view *v)
{
    printf("\n%-16s", "protocol");
    for (size_t i = 0; i < LOOK_OF_PROTOCOL; i++)
        printf(" %20s", look_of_protocol[i].name);
    for (size_t p = 0; p < METRICS_PROTOCOLS_COUNT; p++) {
        printf("\n%-16s", look_protocols[p]);
        for (size_t i = 0; i < LOOK_OF_PROTOCOL; i++)
            printf(" %20.2f", of_protocol(v, p, i));
    }
    putchar('\n');
}

static void
print_workers(const struct view *v)
{
    printf("\n%-16s %20s %20s\n", "worker", "checkpoint_age", "oldest_record_age");
    for (size_t i = 0; i < v->after->worker_count; i++) {
        const struct look_worker *w = &v->after->workers[i];

        printf("%-16s %20.1f %20.1f\n", w->number, w->checkpoint_s, w->oldest_s);
    }
}

static double
milliseconds(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name)) * 1000;
}

static void
print_name(const char *name)
{
    struct buf line;

    buf_init(&line, 8192);
    if (name != NULL && text_escape(&line, span_of(name)))
        puts(buf_str(&line));
    else
        puts("?");
    buf_release(&line);
}

static void
print_slow(const struct view *v)
{
    size_t i;
    json_t *row;

    printf("\n%10s %12s %12s  %s\n", "deliveries", "longest_ms", "mean_ms", "slowest accounts");
    json_array_foreach(v->slow, i, row)
    {
        if (i == SLOW_SHOWN)
            break;
        printf("%10lld %12.1f %12.1f  ",
               (long long)json_integer_value(json_object_get(row, "deliveries")),
               milliseconds(row, "longest_seconds"), milliseconds(row, "mean_seconds"));
        print_name(json_string_value(json_object_get(row, "account")));
    }
}

static void
print_text(const struct view *v)
{
    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout); /* the screen before is written over */
    for (size_t i = 0; i < LOOK_NUMBERS; i++)
        printf("%-32s %14.2f\n", look_numbers[i].name, number(v, i));
    print_protocols(v);
    print_workers(v);
    print_slow(v);
    putchar('\n');
}

/* --- as JSON --- */

static json_t *
protocols_json(const struct view *v)
{
    json_t *all = json_object();

    for (size_t p = 0; p < METRICS_PROTOCOLS_COUNT; p++) {
        json_t *one = json_object();

        for (size_t i = 0; i < LOOK_OF_PROTOCOL; i++)
            json_object_set_new(one, look_of_protocol[i].name, json_real(of_protocol(v, p, i)));
        json_object_set_new(all, look_protocols[p], one);
    }
    return all;
}

static json_t *
workers_json(const struct view *v)
{
    json_t *all = json_object();

    for (size_t i = 0; i < v->after->worker_count; i++) {
        const struct look_worker *w = &v->after->workers[i];

        json_object_set_new(all, w->number,
                            json_pack("{s:f,s:f}", "checkpoint_age_seconds", w->checkpoint_s,
                                      "oldest_record_age_seconds", w->oldest_s));
    }
    return all;
}

static void
print_json(const struct view *v)
{
    json_t *object = json_object();

    for (size_t i = 0; i < LOOK_NUMBERS; i++)
        json_object_set_new(object, look_numbers[i].name, json_real(number(v, i)));
    json_object_set_new(object, "protocols", protocols_json(v));
    json_object_set_new(object, "workers", workers_json(v));
    json_object_set(object, "slow_accounts", v->slow);
    tool_print_json(v->tool, object);
    json_decref(object);
}

/* --- the commands --- */

static int
show(struct tool *t, const struct look *before, struct look *after)
{
    json_t *ok;
    int code = ask_numbers(t, &ok);

    if (code == EX_OK) {
        look_take(after, text_of(ok));
        const struct view v = {t, before, after, json_object_get(ok, "slow")};
        if (t->json)
            print_json(&v);
        else
            print_text(&v);
        fflush(stdout);
    }
    json_decref(ok);
    return code;
}

int
cmd_top(struct tool *t)
{
    const struct timespec pause = {.tv_sec = 1};
    struct look before, after;
    json_t *ok;
    int code = ask_numbers(t, &ok);

    if (code == EX_OK)
        look_take(&before, text_of(ok));
    json_decref(ok);
    while (code == EX_OK && !ferror(stdout)) {
        nanosleep(&pause, NULL);
        code = show(t, &before, &after);
        if (tool_option(t, "once") != NULL)
            break;
        before = after;
    }
    return code;
}

int
cmd_metrics(struct tool *t)
{
    json_t *ok;
    int code = ask_numbers(t, &ok);

    if (code == EX_OK)
        fputs(text_of(ok), stdout);
    json_decref(ok);
    return code;
}
