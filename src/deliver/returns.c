/* SPDX-License-Identifier: MIT
 *
 * What goes back: see returns_priv.h. Rendered and queued by a worker's thread, which may wait for
 * the disk; the transaction stands still meanwhile.
 *
 * After a crash between the deliveries and the queue nothing was answered: the message comes again,
 * whoever has it is known, and who refused it refuses again. After one between the queue and the
 * answer it comes again too, and what it would queue is known by its name.
 */
#include "returns_job_priv.h"

#include <stdlib.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define RETURNS_ARENA_MAX (64u << 20)

/* ---- who hears of what ---- */

bool
returns_can_report(const struct transaction *t)
{
    return !t->envelope.reverse_path.is_null && settings_has_relay(t->deliver->settings);
}

static bool
asks_for_success(const struct transaction *t)
{
    for (uint32_t i = 0; i < t->asked; i++)
        if ((t->envelope.recipients[i].notify & NOTIFY_SUCCESS) != 0)
            return true;
    return false;
}

static bool
wants_failures(const struct recipient *r)
{
    return dsn_wanted("?", r->transaction->envelope.recipients[r->number].notify, DSN_FAILED);
}

/* Before delivery, too: what a script says is known then. */
static bool
has_unsayable(const struct recipient *r)
{
    bool found = false;

    for (const struct link *l = r->links; l != NULL && !found; l = l->next_of_recipient)
        found = l->parcel->is_unsayable && outcome_is_permanent(&l->parcel->delivery.why);
    return found && returns_can_report(r->transaction) && wants_failures(r);
}

bool
returns_are_unsayable(const struct recipient *r)
{
    return outcome_is_permanent(&r->why) && has_unsayable(r);
}

bool
returns_speak_for(const struct recipient *r)
{
    bool is_smtp = r->transaction->envelope.protocol != PROTOCOL_LMTP;

    return returns_can_report(r->transaction) && outcome_is_permanent(&r->why) &&
           (is_smtp || has_unsayable(r));
}

bool
returns_owed(const struct recipient *r)
{
    bool is_refused = false;

    for (const struct link *l = r->links; l != NULL && !is_refused; l = l->next_of_recipient)
        is_refused = outcome_is_permanent(&l->parcel->delivery.why);
    return returns_speak_for(r) ||
           (is_refused && outcome_is_success(&r->why) && returns_can_report(r->transaction));
}

/* An alias that leads to several (RFC 3461 5.2.7.3): one answer, and one may refuse it. */
static bool
is_expanded(const struct recipient *r)
{
    return r->links != NULL && r->links->next_of_recipient != NULL;
}

bool
returns_expected(const struct transaction *t)
{
    bool is_expected = returns_can_report(t) && asks_for_success(t);

    for (uint32_t i = 0; i < t->asked && !is_expected; i++) {
        const struct recipient *r = &t->recipients[i];
        is_expected =
            r->behind != NULL || has_unsayable(r) || (is_expanded(r) && returns_can_report(t));
    }
    return is_expected;
}

static bool
add_reported(struct returns *back, const struct recipient *r, struct dsn_recipient d)
{
    const struct envelope_recipient *to = &back->transaction->envelope.recipients[r->number];

    d.address = address_text(&to->address, &back->arena);
    d.orcpt = to->orcpt;
    d.remote = "";
    d.last_attempt = back->transaction->source.received.tv_sec;
    back->reported[back->reported_count++] = d;
    return d.address != NULL;
}

/* ---- what was delivered ---- */

static bool
choose_success(struct returns *back, const struct recipient *r)
{
    const struct envelope_recipient *to = &back->transaction->envelope.recipients[r->number];
    enum dsn_action action = is_expanded(r) ? DSN_EXPANDED : DSN_DELIVERED;

    return !outcome_is_success(&r->why) || !dsn_wanted("?", to->notify, action) ||
           add_reported(back, r,
                        (struct dsn_recipient){.action = action, .enhanced = "2.1.5", .text = ""});
}

/* ---- what was refused ---- */

/* A script's own words, whatever alphabet they have. */
static bool
add_failed(struct returns *back, const struct recipient *r, const struct outcome *why,
           const char *reason)
{
    const struct dsn_recipient d = {
        .action = DSN_FAILED,
        .code = (uint16_t)outcome_code(why),
        .enhanced = outcome_enhanced(why),
        .text = reason != NULL ? reason : outcome_text(why),
    };

    return add_reported(back, r, d);
}

/* Once, for who stands behind two recipients. */
static void
add_refusal(struct returns *back, const struct recipient *r, const struct parcel *p)
{
    for (uint32_t i = 0; i < back->refusal_count; i++)
        if (back->refusals[i].parcel == p)
            return;
    back->refusals[back->refusal_count++] = (struct refusal){r, p};
}

/* One line of the report stands for all behind an alias that refused it without a `reject`. */
static bool
choose_refused(struct returns *back, const struct recipient *r)
{
    const struct parcel *failed = NULL;

    for (const struct link *l = r->links; l != NULL; l = l->next_of_recipient) {
        const struct parcel *p = l->parcel;
        if (!outcome_is_permanent(&p->delivery.why))
            continue;
        if (p->is_disposed)
            add_refusal(back, r, p);
        else
            failed = p;
    }
    if (failed != NULL)
        return add_failed(back, r, &failed->delivery.why, failed->reason);
    return r->links != NULL || add_failed(back, r, &r->why, NULL);
}

static bool
choose_failure(struct returns *back, const struct recipient *r)
{
    if (!returns_owed(r))
        return true;
    if (wants_failures(r))
        return choose_refused(back, r);
    log_event(LOG_LEVEL_INFO, "refusal_not_told", "id", back->transaction->source.id, "cause",
              "the sender wants no report", NULL);
    return true;
}

/* ---- all of it ---- */

static size_t
count_links(const struct transaction *t)
{
    size_t count = 0;

    for (uint32_t i = 0; i < t->asked; i++)
        for (const struct link *l = t->recipients[i].links; l != NULL; l = l->next_of_recipient)
            count++;
    return count;
}

static bool
make_lists(struct returns *back)
{
    const struct transaction *t = back->transaction;

    back->reported = arena_alloc(&back->arena, 2 * (size_t)t->asked * sizeof *back->reported);
    back->refusals = arena_alloc(&back->arena, (count_links(t) + 1) * sizeof *back->refusals);
    back->forwarded = arena_alloc(&back->arena, t->asked * sizeof *back->forwarded);
    return back->reported != NULL && back->refusals != NULL && back->forwarded != NULL;
}

static bool
choose(struct returns *back)
{
    struct transaction *t = back->transaction;
    bool ok = make_lists(back);

    for (uint32_t i = 0; ok && i < t->asked; i++) {
        struct recipient *r = &t->recipients[i];
        if (r->behind != NULL)
            back->forwarded[back->forwarded_count++] = r;
        else if (returns_can_report(t))
            ok = choose_success(back, r) && choose_failure(back, r);
    }
    return ok;
}

/* ---- the job ---- */

static void
on_queued(void *arg)
{
    struct returns *back = arg;
    struct transaction *t = back->transaction;
    const struct outcome why = back->why;
    returns_fn fn = back->fn;

    if (outcome_is_success(&why))
        metrics_count(METRIC_RELAY_REPORTS, METRICS_NO_LABEL,
                      back->reported_count + back->refusal_count);
    log_event(outcome_is_success(&why) ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              outcome_is_success(&why) ? "returned" : "cannot_return", "id", t->source.id,
              "reported", log_num(back->reported_count), "refused", log_num(back->refusal_count),
              "forwarded", log_num(back->forwarded_count), "cause", why.cause, NULL);
    arena_release(&back->arena);
    free(back);
    fn(t, &why);
}

static bool
queue_all(struct returns *back)
{
    uint32_t count = 0, max = back->forwarded_count + back->refusal_count + 1;
    struct queue_item *items = arena_alloc(&back->arena, max * sizeof *items);
    bool ok = items != NULL || returns_no_memory(back);

    if (ok && back->reported_count > 0)
        ok = returns_make_report(back, &items[count++]);
    for (uint32_t i = 0; ok && i < back->refusal_count; i++)
        ok = returns_make_refusal(back, &back->refusals[i], &items[count++]);
    for (uint32_t i = 0; ok && i < back->forwarded_count; i++)
        ok = returns_make_forward(back, back->forwarded[i], &items[count++]);
    return ok && queue_add(back->queue, items, count, &back->why) &&
           queue_sync(back->queue, &back->why);
}

static void
run(struct job *job, void *worker)
{
    struct returns *back = (struct returns *)job;
    const struct worker *w = worker;

    back->queue = w->with.queue;
    if (queue_all(back))
        outcome_set(&back->why, OUTCOME_OK, NULL);
    else if (!outcome_is_temporary(&back->why))
        back->why.kind = OUTCOME_SYSTEM; /* what is wrong with the queue refuses nobody's mail */
    loop_post(w->with.loop, on_queued, back);
}

static struct returns *
returns_new(struct transaction *t, returns_fn fn)
{
    struct returns *back = calloc(1, sizeof *back);

    if (back == NULL)
        return NULL;
    back->job.run = run;
    back->transaction = t;
    back->fn = fn;
    arena_init(&back->arena, RETURNS_ARENA_MAX);
    if (choose(back))
        return back;
    arena_release(&back->arena);
    free(back);
    return NULL;
}

bool
returns_send(struct transaction *t, returns_fn fn)
{
    struct returns *back = returns_new(t, fn);
    struct workers *ws = t->deliver->workers;
    struct outcome why;

    if (back == NULL) {
        outcome_set(&why, OUTCOME_OVERLOAD, "no memory for what goes back");
        fn(t, &why);
        return true;
    }
    if (back->reported_count + back->refusal_count + back->forwarded_count > 0) {
        workers_post_to(ws, (unsigned)(t->id % workers_count(ws)), &back->job);
        return true;
    }
    arena_release(&back->arena);
    free(back);
    return false;
}
