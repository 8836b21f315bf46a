/* SPDX-License-Identifier: MIT
 *
 * What became of handovers, told: see handover_log_priv.h.
 */
#include "handover_log_priv.h"

#include <stdio.h>
#include <string.h>

#include "doorstep/charset.h"
#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define TEXT_MAX 1000 /* octets: what fits an outcome's text */

unsigned
handover_metrics_label(const struct settings *s, int hop_place)
{
    bool is_smarthost = (size_t)hop_place == s->route_count;

    return metrics_place(METRICS_NAMES_ROUTES,
                         is_smarthost ? "smarthost" : s->routes[hop_place].name);
}

struct telling { /* about one recipient */
    const struct handover *h;
    uint32_t i;
    const char *event;
    enum metrics_ATTEMPTS result;
    struct outcome why;
};

/* "relayed to x by mx[192.0.2.1]:25: 250 2.0.0 ok", "put off: ..." */
static void
say_answer(struct telling *t, const char *what)
{
    const struct relay_answer *a = &t->h->result.answers[t->i];
    const struct relay_result *r = &t->h->result;
    struct buf text;

    handover_outcome(a, &t->why);
    buf_init(&text, TEXT_MAX);
    buf_printf(&text, "%s %s", what, handover_recipient(t->h, t->i)->address);
    if (r->host[0] != '\0')
        buf_printf(&text, " by %s", r->host);
    buf_append_str(&text, ": ");
    if (a->code != 0)
        buf_printf(&text, "%u %s%s", a->code, a->enhanced, a->enhanced[0] != '\0' ? " " : "");
    buf_append_span(&text, utf8_cut(span_of(a->text), TEXT_MAX - text.len));
    outcome_say(&t->why, "%s", buf_str(&text));
    buf_release(&text);
}

static void
judge_answer(struct telling *t)
{
    const struct handover_fate *f = &t->h->fates[t->i];

    switch (t->h->result.answers[t->i].state) {
    case RELAY_DELIVERED:
        t->event = "relayed";
        t->result = METRICS_ATTEMPT_DELIVERED;
        say_answer(t, "relayed to");
        return;
    case RELAY_FAILED:
        t->event = "relay_failed";
        t->result = METRICS_ATTEMPT_FAILED;
        say_answer(t, "refused for");
        return;
    case RELAY_DEFERRED:
        t->event = f->is_over ? "relay_expired" : "relay_deferred";
        t->result = f->is_over ? METRICS_ATTEMPT_EXPIRED : METRICS_ATTEMPT_DEFERRED;
        say_answer(t, f->is_over ? "given up for" : "deferred for");
        return;
    }
}

/* false: there is nothing to tell. */
static bool
judge(struct telling *t)
{
    const struct handover_fate *f = &t->h->fates[t->i];

    switch (t->h->end) {
    case HANDOVER_ANSWERED:
    case HANDOVER_LOST:
        judge_answer(t);
        return true;
    case HANDOVER_OVERDUE:
        if (f->is_over)
            judge_answer(t);
        return f->is_over;
    case HANDOVER_PUT_OFF:
        t->event = "relay_put_off";
        t->result = METRICS_ATTEMPT_PUT_OFF;
        outcome_set(&t->why, OUTCOME_ACCOUNT_RATE, NULL);
        outcome_say(&t->why, "%s", HANDOVER_TOO_MUCH);
        return true;
    case HANDOVER_DROPPED:
        t->event = "relay_dropped";
        t->result = METRICS_ATTEMPT_DROPPED;
        outcome_set(&t->why, OUTCOME_DISCARDED, NULL);
        outcome_say(&t->why, "dropped: its account, or all together, sent too much within an hour");
        return true;
    case HANDOVER_NOT_TRIED:
        return false;
    }
    return false;
}

static void
tell_log(const struct settings *s, const struct telling *t)
{
    const struct queue_recipient *r = handover_recipient(t->h, t->i);
    const struct queue_item *item = &t->h->taken->item;
    const struct handover_fate *f = &t->h->fates[t->i];
    bool is_sent = t->h->hop_place >= 0;

    log_event(t->why.kind == OUTCOME_RELAYED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, t->event, "id",
              item->delivery_id, "item", log_num(item->id), "kind", item->kind, "from",
              item->reverse_path, "to", r->address, "account", item->account, "route",
              !is_sent                                    ? NULL
              : (size_t)t->h->hop_place == s->route_count ? "smarthost"
                                                          : s->routes[t->h->hop_place].name,
              "host", is_sent ? t->h->result.host : NULL, "tls", is_sent ? t->h->result.tls : NULL,
              "attempt", log_num(r->attempts + is_sent), "next",
              f->is_over ? NULL : log_num((long long)(f->next_attempt - clock_wall().tv_sec)),
              "reply", outcome_text(&t->why), NULL);
}

static void
tell_delivery_log(struct delivery_log *log, const struct telling *t)
{
    const struct queue_item *item = &t->h->taken->item;
    const struct delivery_event e = {
        .id = item->delivery_id,
        .from = item->reverse_path,
        .to = handover_recipient(t->h, t->i)->address,
        .account = item->account,
        .relayed = item->kind,
        .host = t->h->result.host,
        .tls_version = t->h->result.tls,
        .octets = item->head.n + item->octets,
        .duration_ms = t->h->began_us == 0 ? 0 : (clock_us() - t->h->began_us) / 1000,
        .why = &t->why,
    };

    delivery_log_append(log, &e);
}

void
handover_log(const struct settings *s, struct delivery_log *log, const struct handover *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct telling t = {.h = h, .i = i};

        if (h->fates[i].is_reported)
            metrics_count(METRIC_RELAY_REPORTS, METRICS_NO_LABEL, 1);
        if (!judge(&t))
            continue;
        metrics_count(METRIC_RELAY_ATTEMPTS, t.result, 1);
        if (h->hop_place >= 0)
            metrics_count(METRIC_RELAY_SENT, handover_metrics_label(s, h->hop_place), 1);
        tell_log(s, &t);
        tell_delivery_log(log, &t);
    }
}
