/* SPDX-License-Identifier: MIT
 *
 * A session's filters: see chain_priv.h. Here is the one loop that moves the request under way, and
 * what each answer of a filter means for it.
 */
#include "chain_state_priv.h"

#include <stdlib.h>

#include "doorstep/metrics.h"

/* --- stages --- */

static bool
is_refusal(const struct outcome *o)
{
    return !outcome_is_success(o);
}

static void
end_event(struct chain *c, const struct outcome *why)
{
    const struct request *r = STAILQ_FIRST(&c->requests);
    bool is_late = r->event.is_late;
    uint64_t ticket = r->ticket;
    struct outcome copy = *why;

    if (is_refusal(why) && r->event.stage == FILTER_CONNECT)
        c->connection = copy;
    else if (is_refusal(why) && is_late)
        c->held = copy;
    request_pop(c);
    if (!is_late && ticket != 0)
        c->calls->verdict(c->arg, ticket, c->has_lost, &copy);
}

static void
begin_event(struct chain *c)
{
    const struct filter_event *e = &STAILQ_FIRST(&c->requests)->event;

    c->is_under_way = true;
    for (uint32_t i = 0; i < e->macro_count; i++)
        macros_set(&c->macros, span_of(e->macros[i].name), span_of(e->macros[i].value));
    if (e->stage == FILTER_MAIL) {
        c->is_discarded = false;
        outcome_set(&c->held, OUTCOME_OK, NULL);
    }
    if (is_refusal(&c->connection))
        end_event(c, &c->connection);
    else if (is_refusal(&c->held))
        end_event(c, &c->held);
    else if (c->is_discarded)
        end_event(c, &c->held); /* a success */
}

/* --- answers --- */

static void
lose_member(struct chain *c, const struct outcome *why)
{
    struct member *m = &c->members[c->member];
    struct outcome deferred;

    message_drop_copy(c);
    member_note_lost(m, why->cause);
    c->member++;
    metrics_count(METRIC_MILTER_FAILURES,
                  member_must_be_asked(m) ? METRICS_POLICY_TEMPFAIL : METRICS_POLICY_ACCEPT, 1);
    if (!member_must_be_asked(m))
        return;
    outcome_set(&deferred, OUTCOME_FILTER_DEFERRED, "%s", why->cause);
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        message_end(c, FILTER_LOST, &deferred);
    else
        end_event(c, &deferred);
}

static void
take_refusal(struct chain *c, const struct outcome *why)
{
    bool is_for_good = outcome_code(why) >= 500;

    metrics_count(is_for_good ? METRIC_MILTER_REFUSED : METRIC_MILTER_DEFERRED,
                  member_label(&c->members[c->member]), 1);
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        message_end(c, FILTER_REFUSE, why);
    else
        end_event(c, why);
}

static void
take_discard(struct chain *c, const struct outcome *why)
{
    metrics_count(METRIC_MILTER_DISCARDED, member_label(&c->members[c->member]), 1);
    c->is_discarded = true;
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        message_end(c, FILTER_DISCARD, why);
    else
        end_event(c, why);
}

/* An agreement is an answer too: then the member is asked what it was opened for. */
static void
take_consent(struct chain *c, bool was_agreement)
{
    message_keep_copy(c);
    c->member += !was_agreement;
}

static void
take_answer(struct chain *c)
{
    struct outcome why = c->answer.why;
    bool was_agreement = c->is_opening;

    c->answer.is_there = c->is_waiting = c->is_opening = false;
    if (c->answer.what != MILTER_GO_ON)
        message_drop_copy(c);
    switch (c->answer.what) {
    case MILTER_GO_ON:
        take_consent(c, was_agreement);
        return;
    case MILTER_REFUSES:
        take_refusal(c, &why);
        return;
    case MILTER_DISCARDS:
        take_discard(c, &why);
        return;
    case MILTER_IS_LOST:
        lose_member(c, &why);
        return;
    }
}

/* --- the loop --- */

static void
lose_without_asking(struct chain *c, const char *cause)
{
    struct outcome why;

    outcome_set(&why, OUTCOME_FILTER_DEFERRED, "%s", cause);
    lose_member(c, &why);
}

/* One step of the request with the member whose turn it is. */
static void
step_member(struct chain *c)
{
    struct request *r = STAILQ_FIRST(&c->requests);
    struct member *m = &c->members[c->member];

    if (m->is_lost || (m->milter != NULL && !milter_is_idle(m->milter))) {
        lose_without_asking(c, "it was lost before");
    } else if (m->milter == NULL) {
        member_begin(m);
    } else if (r->kind == REQUEST_HANDED) {
        if (!message_ask(c, m))
            lose_without_asking(c, "no memory for a message");
    } else {
        c->is_waiting = true;
        milter_ask(m->milter, &r->event);
    }
}

static void
carry_out_abort(struct chain *c)
{
    members_abort(c);
    request_pop(c);
}

static void
end_of_members(struct chain *c)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_OK, NULL);
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        message_end_well(c);
    else
        end_event(c, &ok);
}

static void
carry_out_close(struct chain *c)
{
    members_quit(c);
    request_pop(c);
    message_lose(c, "its session is over");
    c->calls->closed(c->arg);
}

static void
step_question(struct chain *c, struct request *r)
{
    if (!c->is_under_way && r->kind == REQUEST_HANDED)
        message_begin(c);
    else if (!c->is_under_way)
        begin_event(c);
    else if (c->member < c->count)
        step_member(c);
    else
        end_of_members(c);
}

static bool
step_request(struct chain *c, struct request *r)
{
    bool is_early = r->kind == REQUEST_HANDED && !message_is_asked(c, r);

    if (r->kind == REQUEST_ABORT || (is_early && request_is_given_up(r)))
        carry_out_abort(c);
    else if (is_early)
        return false; /* the store has not asked yet */
    else if (r->kind == REQUEST_CLOSE)
        carry_out_close(c);
    else
        step_question(c, r);
    return true;
}

/* false: something is waited for, or nothing is left. */
static bool
step(struct chain *c)
{
    if (c->answer.is_there)
        take_answer(c);
    else if (STAILQ_EMPTY(&c->requests) || c->is_waiting)
        return false;
    else
        return step_request(c, STAILQ_FIRST(&c->requests));
    return true;
}

void
chain_run(struct chain *c)
{
    if (c->is_running)
        return;
    c->is_running = true;
    while (step(c))
        ;
    c->is_running = false;
    for (unsigned i = 0; i < c->count; i++)
        if (c->members[i].milter != NULL)
            c->calls->waits(c->arg, i);
}

/* --- begin and end --- */

struct chain *
chain_new(const struct chain_calls *calls, void *arg, const struct settings *s,
          const char *const *names, unsigned count)
{
    struct chain *c = count <= FILTER_NAMES_MAX ? calloc(1, sizeof(*c)) : NULL;

    if (c == NULL)
        return NULL;
    c->calls = calls;
    c->arg = arg;
    c->settings = s;
    c->count = count;
    for (unsigned i = 0; i < count; i++)
        c->members[i] = (struct member){c, i, settings_find_milter(s, names[i]), NULL, false};
    STAILQ_INIT(&c->requests);
    outcome_set(&c->connection, OUTCOME_OK, NULL);
    outcome_set(&c->held, OUTCOME_OK, NULL);
    return c;
}

void
chain_free(struct chain *c)
{
    if (c == NULL)
        return;
    message_lose(c, "its session is over");
    while (!STAILQ_EMPTY(&c->requests))
        request_pop(c);
    message_drop_drafts(c);
    for (unsigned i = 0; i < c->count; i++)
        milter_free(c->members[i].milter);
    macros_release(&c->macros);
    free(c);
}
