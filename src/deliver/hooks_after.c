/* SPDX-License-Identifier: MIT
 *
 * Programs and content filters behind Sieve: once for each account whose copy goes somewhere, with
 * the mailbox that it goes to. What one makes of the message, all copies in that account have that
 * were the same as the first.
 */
#include "hooks_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"

struct look { /* in the arena: at one parcel */
    struct transaction *t;
    struct parcel *p;
    uint32_t filter; /* number of the next one */
};

static void next_filter(struct look *l);

/* false: all have looked at it. */
static bool
next_hook(const struct look *l, struct hook *hook)
{
    const struct settings *s = l->t->deliver->settings;
    const struct settings_domain *d = settings_find_domain(s, l->p->delivery.target.account.domain);

    if (l->filter < s->filters_after_count)
        return hook_find(hook, s, s->filters_after[l->filter]);
    if (d == NULL || l->filter - s->filters_after_count >= d->filters_after_count)
        return false;
    return hook_find(hook, s, d->filters_after[l->filter - s->filters_after_count]);
}

static void
one_done(struct transaction *t)
{
    if (--t->filtering == 0)
        transaction_ready(t);
}

static void
settle(struct look *l, const struct hook *hook, const struct outcome *why)
{
    l->p->delivery.why = *why;
    l->p->is_settled = true;
    hooks_log(l->t, hook, why);
    one_done(l->t);
}

/* ---- what it has made ---- */

static bool
needs_spool(const struct transaction *t, const struct message *m)
{
    return message_fd(m) >= 0 ||
           message_traits(m)->octets > checkpoint_inline_max(t->deliver->settings);
}

/* A source of its own: another name, facts that are found at the next look. */
static const struct delivery_source *
keep_made(struct transaction *t, const struct delivery_source *before, struct message *m)
{
    static const struct facts no_facts = {.flags = FACTS_UNKNOWN};
    struct made_message *made = arena_alloc(&t->arena, sizeof *made);

    if (made == NULL) {
        message_unref(m);
        return NULL;
    }
    *made = (struct made_message){.next = t->made, .msg = m, .source = *before};
    t->made = made;
    made->source.msg = m;
    made->source.facts = &no_facts;
    made->source.packed_facts = SPAN_NONE;
    id_make(made->source.id);
    made->source.spool =
        needs_spool(t, m) ? spool_file_new(t->deliver->settings->state_dir, made->source.id) : NULL;
    return needs_spool(t, m) && made->source.spool == NULL ? NULL : &made->source;
}

static bool
change(struct look *l, const struct filter_result *r, int body_fd, struct outcome *why)
{
    struct delivery *first = &l->p->delivery;
    const struct delivery_source *before = first->source, *source;
    struct message *m = transaction_changed_message(l->t, r, body_fd, before->msg, why);

    if (m == NULL)
        return false;
    source = keep_made(l->t, before, m);
    if (source == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory for a message");
    for (uint32_t i = 0; i <= first->copy_count; i++) {
        struct delivery *d = delivery_member(first, i);
        if (d->source == before)
            d->source = source;
    }
    return true;
}

static bool
apply(struct look *l, const struct filter_result *r, const char *mailbox, int body_fd,
      struct outcome *why)
{
    struct delivery *first = &l->p->delivery;

    if (mailbox[0] != '\0') {
        first->into = mailbox;
        first->may_create = true;
    }
    for (uint32_t i = 0; i <= first->copy_count && r->flags[0] != '\0'; i++)
        hooks_add_flags(l->t, delivery_member(first, i), r->flags);
    return !r->is_changed || change(l, r, body_fd, why);
}

/* ---- asking ---- */

static void
on_answer(void *arg, const struct filter_result *r, int body_fd)
{
    struct look *l = arg;
    const char *mailbox = r->verdict == FILTER_PASS ? hooks_mailbox(l->t, r) : "";
    struct outcome why = r->why;
    struct hook hook;

    next_hook(l, &hook);
    l->filter++;
    if (mailbox == NULL && hook.on_failure == PROGRAM_TEMPFAIL)
        outcome_set(&why, OUTCOME_FILTER_DEFERRED, "program '%s' wants it in no mailbox",
                    hook.name);
    else if (r->verdict == FILTER_PASS &&
             (mailbox == NULL || apply(l, r, mailbox, body_fd, &why))) {
        next_filter(l);
        return;
    } else if (r->verdict == FILTER_DISCARD)
        outcome_set(&why, OUTCOME_DISCARDED, "%s '%s' discards it", hook.kind, hook.name);
    settle(l, &hook, &why);
}

static void
next_filter(struct look *l)
{
    struct program_job job = {.use = PROGRAM_AS_FILTER, .file = ""};
    struct hook hook;

    if (!next_hook(l, &hook)) {
        one_done(l->t);
        return;
    }
    hooks_fill_job(l->t, l->p, &job);
    job.values[PROGRAM_MAILBOX] = delivery_mailbox(&l->p->delivery);
    hook_ask(l->t->deliver, &hook, &job, l->p->delivery.source->msg, &l->t->arena, on_answer, l);
}

static void
look(struct transaction *t, struct parcel *p)
{
    struct look *l = arena_alloc(&t->arena, sizeof *l);

    for (uint32_t i = 0; i <= p->delivery.copy_count && t->flags != NULL; i++)
        hooks_add_flags(t, delivery_member(&p->delivery, i), t->flags);
    if (l == NULL) {
        outcome_set(&p->delivery.why, OUTCOME_OVERLOAD, "no memory for a filter");
        p->is_settled = true;
        return;
    }
    *l = (struct look){t, p, 0};
    t->filtering++;
    next_filter(l);
}

void
hooks_after(struct transaction *t)
{
    t->filtering = 1;
    for (struct parcel *p = t->parcels; p != NULL; p = p->hh.next)
        if (!p->is_settled && !p->delivery.effects_only)
            look(t, p);
    one_done(t);
}
