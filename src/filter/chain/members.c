/* SPDX-License-Identifier: MIT
 *
 * One filter of a chain: its conversation begins when it is needed, what it says is left for the
 * chain's loop, and once it is lost it stays lost.
 */
#include "chain_state_priv.h"

#include "doorstep/log.h"
#include "doorstep/metrics.h"

/* --- what a conversation says --- */

static bool
on_send(void *arg, struct span octets)
{
    struct member *m = arg;

    return m->chain->calls->send(m->chain->arg, m->number, octets);
}

static void
on_answered(void *arg, enum milter_answer what, const struct outcome *why)
{
    struct member *m = arg;
    struct chain *c = m->chain;

    if (!c->is_waiting || c->member != m->number)
        return;
    c->answer.is_there = true;
    c->answer.what = what;
    c->answer.why = *why;
}

static const struct milter_calls milter_calls = {.send = on_send, .answered = on_answered};

/* --- for the chain --- */

unsigned
member_label(const struct member *m)
{
    if (m->settings == NULL) /* the configuration does not name it any more */
        return METRICS_OTHERS;
    return metrics_place(METRICS_NAMES_MILTERS, m->settings->name);
}

void
member_note_lost(struct member *m, const char *cause)
{
    if (m->is_lost)
        return;
    m->is_lost = m->chain->has_lost = true;
    metrics_count(METRIC_MILTER_LOST, member_label(m), 1);
    log_event(LOG_LEVEL_WARNING, "milter_lost", "milter",
              m->settings != NULL ? m->settings->name : "-", "cause", cause, NULL);
}

bool
member_must_be_asked(const struct member *m)
{
    return m->settings == NULL || m->settings->on_failure == ON_FAILURE_TEMPFAIL;
}

void
member_begin(struct member *m)
{
    struct chain *c = m->chain;

    m->milter = m->settings == NULL
                    ? NULL
                    : milter_new(&milter_calls, m, &c->macros, m->settings->quarantine);
    if (m->milter == NULL) {
        member_note_lost(m, m->settings == NULL ? "it is not configured any more" : "no memory");
        return;
    }
    c->is_waiting = c->is_opening = true;
    c->calls->connect(c->arg, m->number);
}

void
members_abort(struct chain *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->members[i].milter != NULL)
            milter_abort(c->members[i].milter);
}

void
members_quit(struct chain *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->members[i].milter != NULL)
            milter_quit(c->members[i].milter);
}

/* --- what becomes of its connection --- */

const struct settings_milter *
chain_settings(const struct chain *c, unsigned i)
{
    return c->members[i].settings;
}

unsigned
chain_label(const struct chain *c, unsigned i)
{
    return member_label(&c->members[i]);
}

void
chain_opened(struct chain *c, unsigned i)
{
    milter_open(c->members[i].milter);
    chain_run(c);
}

void
chain_lost(struct chain *c, unsigned i, const char *cause)
{
    struct member *m = &c->members[i];

    if (c->is_opening && c->member == i) { /* it was never heard of */
        struct outcome why;

        outcome_set(&why, OUTCOME_FILTER_DEFERRED, "%s", cause);
        if (!c->answer.is_there)
            on_answered(m, MILTER_IS_LOST, &why);
    }
    milter_lose(m->milter, cause);
    member_note_lost(m, cause);
    chain_run(c);
}

/* Nobody waits for it, so nobody else says that it is lost. */
static void
note_unasked(struct member *m)
{
    const struct chain *c = m->chain;
    bool is_told = c->answer.is_there && c->answer.what == MILTER_IS_LOST;

    if (milter_is_lost(m->milter) && !(is_told && c->member == m->number))
        member_note_lost(m, "it speaks without being asked");
}

void
chain_feed(struct chain *c, unsigned i, struct span octets)
{
    milter_feed(c->members[i].milter, octets);
    note_unasked(&c->members[i]);
    chain_run(c);
}

void
chain_resume(struct chain *c, unsigned i)
{
    milter_resume(c->members[i].milter);
    chain_run(c);
}

enum milter_wait
chain_waits_for(const struct chain *c, unsigned i)
{
    return milter_waits_for(c->members[i].milter);
}

uint64_t
chain_turn(const struct chain *c, unsigned i)
{
    return milter_turn(c->members[i].milter);
}
