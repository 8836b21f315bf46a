/* SPDX-License-Identifier: MIT
 *
 * RCPT: the edge asks who that is. Unknown, full or disabled is said here, not after DATA. Nothing
 * is created, and only what is in memory is looked at, but for the first time. For an account that
 * is at home elsewhere its home is asked. An MTA that asks before it accepts gets the same answers.
 */
#include <stdlib.h>
#include <string.h>

#include "doorstep/door_frames.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "doorstep/rcpt.h"

#include "deliver_priv.h"
#include "forward_priv.h"

struct rcpt {
    struct edge *edge; /* a reference */
    uint64_t id;
    enum rcpt_asker asker;
    struct arena arena; /* the addresses */
    struct address to, from;
    uint64_t size;
    unsigned waiting;    /* targets not looked at yet, and one for the loop over them */
    bool has_room;       /* one target at least would take it */
    struct outcome why;  /* when none would */
    bool is_deferred;    /* the home of one takes nothing now: it could not be handed on, */
    struct outcome home; /* for this reason */
};

struct target_question {
    struct rcpt *rcpt;
    uint64_t quota, quota_messages;
    bool quota_hard;
};

static void
log_refusal(const struct rcpt *r, const struct outcome *why)
{
    struct buf from, to;

    buf_init(&from, ADDRESS_PATH_MAX);
    buf_init(&to, ADDRESS_PATH_MAX);
    address_print(&r->from, &from);
    address_print(&r->to, &to);
    struct delivery_event e = {
        .from = buf_str(&from), .to = buf_str(&to), .why = why, .octets = r->size};
    delivery_log_append(r->edge->deliver->log, &e);
    if (*why->cause != '\0') /* a permanent one is everyday business: addresses that nobody has */
        log_event(outcome_is_permanent(why) ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "rcpt_refused",
                  "to", buf_str(&to), "cause", why->cause, NULL);
    buf_release(&from);
    buf_release(&to);
}

static void
send_answer(struct edge *e, uint64_t id, const struct outcome *why)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    outcome_pack(why, &p);
    edge_send(e, STORE_RCPT, id, buf_span(&body));
    buf_release(&body);
}

/* An MTA that asks will say RCPT for whom it accepts; whom it refuses is heard of here alone. */
static void
note_answer(const struct rcpt *r, const struct outcome *why)
{
    struct counters *count = &r->edge->deliver->counters;

    if (r->asker == RCPT_ASKED_BY_MAP)
        return;
    if (!outcome_is_success(why))
        log_refusal(r, why);
    if (r->asker == RCPT_ASKED_BY_MTA)
        return;
    metrics_count(METRIC_RCPT, why->kind, 1);
    count->rcpt_accepted += outcome_is_success(why);
    count->rcpt_refused += !outcome_is_success(why);
}

static void
rcpt_answer(struct rcpt *r, const struct outcome *why)
{
    struct deliver *d = r->edge->deliver;

    note_answer(r, why);
    send_answer(r->edge, r->id, why);
    r->edge->lookups--;
    edge_unref(r->edge);
    arena_release(&r->arena);
    free(r);
    deliver_done_running(d);
}

static void
one_less(struct rcpt *r)
{
    struct outcome ok;

    if (--r->waiting > 0)
        return;
    outcome_set(&ok, OUTCOME_RCPT_OK, NULL);
    if (r->is_deferred)
        rcpt_answer(r, &r->home);
    else
        rcpt_answer(r, r->has_room ? &ok : &r->why);
}

/* ---- accounts that are at home elsewhere ---- */

/* "Full", which is no matter to a map. */
static bool
is_about_room(const struct outcome *why)
{
    return outcome_code(why) == 552 || strcmp(outcome_enhanced(why) + 1, ".2.2") == 0;
}

/* What is deferred for one account now would be for the whole message later (RFC 5321 has one
 * answer for a recipient): the client does better to wait with this one alone. */
static void
on_home(void *arg, const struct outcome *why)
{
    struct rcpt *r = arg;

    if (outcome_is_success(why) || (r->asker == RCPT_ASKED_BY_MAP && is_about_room(why))) {
        r->has_room = true;
    } else if (outcome_is_temporary(why)) {
        r->is_deferred = true;
        r->home = *why;
    } else {
        r->why = *why;
    }
    one_less(r);
}

static void
ask_home(struct rcpt *r, const struct account_target *t)
{
    struct deliver *d = r->edge->deliver;
    const struct settings_route *route = forward_route(d->settings, &t->account, &r->why);
    struct buf to;

    if (route == NULL)
        return;
    if (!route->ask_recipients || d->asks == NULL) {
        r->has_room = true; /* it is told at the end of the message */
        return;
    }
    buf_init(&to, ADDRESS_PATH_MAX);
    r->waiting++;
    forward_print(d->settings, t, &to);
    asks_ask(d->asks, route, &r->from, buf_str(&to), r->size, on_home, r);
    buf_release(&to);
}

/* ---- accounts that are here ---- */

static void
on_usage(void *arg, bool known, uint64_t octets, uint64_t messages)
{
    struct target_question *q = arg;
    struct rcpt *r = q->rcpt;

    if (!known)
        outcome_set(&r->why, OUTCOME_SYSTEM, "cannot tell how full the mailbox is");
    else if (messages < q->quota_messages && octets < q->quota && r->size <= q->quota - octets)
        r->has_room = true;
    else
        outcome_set(&r->why, q->quota_hard ? OUTCOME_OVER_QUOTA_HARD : OUTCOME_OVER_QUOTA, NULL);
    free(q);
    one_less(r);
}

static void
ask_usage(struct rcpt *r, const struct account *a)
{
    struct deliver *d = r->edge->deliver;
    const struct settings_domain *domain = settings_find_domain(d->settings, a->domain);

    if (a->quota == UINT64_MAX && a->quota_messages == UINT64_MAX) {
        r->has_room = true;
        return;
    }
    struct target_question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        outcome_set(&r->why, OUTCOME_SYSTEM, "no memory");
        return;
    }
    *q = (struct target_question){r, a->quota, a->quota_messages,
                                  domain != NULL && domain->quota_hard};
    r->waiting++;
    usage_ask(d->usage, a, on_usage, q);
}

/* A map is told who exists: how full a mailbox is, is no matter there. */
static void
ask_target(struct rcpt *r, const struct account_target *t)
{
    const bool is_map = r->asker == RCPT_ASKED_BY_MAP;

    if (!is_map && !rates_have(r->edge->deliver->rates, &t->account, r->size))
        outcome_set(&r->why, OUTCOME_ACCOUNT_RATE, NULL);
    else if (t->account.forward[0] != '\0')
        ask_home(r, t);
    else if (is_map)
        r->has_room = true;
    else
        ask_usage(r, &t->account);
}

static bool
is_of_session(enum rcpt_asker asker)
{
    return asker == RCPT_ASKED_BY_CLIENT || asker == RCPT_ASKED_BY_NEIGHBOUR;
}

static void
on_resolved(void *arg, const struct account_targets *targets, const struct outcome *why)
{
    struct rcpt *r = arg;
    bool is_taken = targets->elsewhere_count > 0 && !is_of_session(r->asker);
    struct outcome ok;

    if (is_taken) {
        outcome_set(&ok, OUTCOME_RCPT_OK, NULL);
        rcpt_answer(r, &ok);
        return;
    }
    if (!outcome_is_success(why)) {
        rcpt_answer(r, why);
        return;
    }
    r->waiting = 1;
    for (size_t i = 0; i < targets->count; i++)
        ask_target(r, &targets->list[i]);
    one_less(r);
}

/* An address of SRS takes what is reported to the sender behind it, and nothing else: 550 5.7.1. An
 * MTA that asks by a table does not say who sends. */
static bool
answer_rewritten(struct rcpt *r)
{
    const struct deliver *d = r->edge->deliver;
    struct address behind;
    struct outcome why;

    if (!senders_is_rewritten(&d->senders, &r->to))
        return false;
    bool is_ours = senders_behind(&d->senders, &r->to, &r->arena, &behind);
    bool is_report = r->from.is_null || r->asker == RCPT_ASKED_BY_MAP;
    outcome_set(&why, is_ours && is_report ? OUTCOME_RCPT_OK : OUTCOME_NOT_OURS, NULL);
    if (!is_ours)
        outcome_say(&why, "not an address that was given out here, or too old");
    else if (!is_report)
        outcome_say(&why, "that address takes reports alone");
    rcpt_answer(r, &why);
    return true;
}

static bool
read_question(struct rcpt *r, struct span body)
{
    struct unpack u;

    unpack_init(&u, body);
    r->asker = unpack_u8(&u);
    bool ok = r->asker < RCPT_ASKERS && address_unpack(&r->to, &r->arena, &u) &&
              address_unpack(&r->from, &r->arena, &u);
    r->size = unpack_u64(&u);
    return ok && unpack_done(&u);
}

/* An edge asks for as many as its clients may at a time; more is refused before it costs memory. */
/* A quarter of the places is not for clients from the network: a flood of theirs keeps neither the
 * MTA on a unix socket nor one that asks before it accepts from its answers. */
static uint64_t
places_for(const struct edge *e, struct span body)
{
    uint64_t places = e->deliver->settings->limits.lookups;
    bool is_from_afar = body.n > 0 && body.p[0] == RCPT_ASKED_BY_CLIENT;

    return is_from_afar ? places - places / 4 : places;
}

static bool
refuse_at_once(struct edge *e, uint64_t id)
{
    struct outcome why;

    limit_hit(METRICS_LIMIT_LOOKUPS, NULL, NULL);
    e->deliver->counters.rcpt_refused++;
    outcome_set(&why, OUTCOME_OVERLOAD, NULL);
    send_answer(e, id, &why);
    return true;
}

bool
rcpt_ask(struct edge *e, uint64_t id, struct span body)
{
    struct rcpt *r;

    if (e->lookups >= places_for(e, body))
        return refuse_at_once(e, id);
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->id = id;
    arena_init(&r->arena, DOOR_BODY_MAX * 2);
    if (!read_question(r, body)) {
        arena_release(&r->arena);
        free(r);
        return false;
    }
    r->edge = e;
    e->references++;
    e->lookups++;
    e->deliver->running++; /* a drain waits for the answer */
    if (!answer_rewritten(r))
        directory_resolve(e->deliver->directory, &r->to, on_resolved, r);
    return true;
}
