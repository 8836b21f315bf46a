/* SPDX-License-Identifier: MIT
 *
 * Accounts that are at home elsewhere: see forward_priv.h. Recipients that share a route and a
 * message go in one transaction. A reply that never comes is 451 for the client, which tries again;
 * what it sends then a home that is a Doorstep knows again by what stands below our Received field
 * (ledger_prepare()).
 */
#include "forward_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "handover_priv.h"
#include "live_priv.h"
#include "trace_priv.h"

struct forwarded {        /* one transaction with the far side */
    struct live_job live; /* first */
    struct transaction *transaction;
    const struct settings_route *route;
    struct arena arena;
    struct relay_recipient *recipients;
    struct parcel **parcels; /* in the same order */
    uint32_t count;
    const char *from; /* in the arena, once it goes */
};

#define ARENA_MAX (4u << 20)

const struct settings_route *
forward_route(const struct settings *s, const struct account *a, struct outcome *why)
{
    const struct settings_route *route = settings_find_route(s, a->forward);

    if (route == NULL)
        outcome_set(why, OUTCOME_SYSTEM, "no route \"%s\" to the home of %s@%s", a->forward,
                    a->user, a->domain);
    return route;
}

bool
forward_is(const struct parcel *p)
{
    return p->delivery.target.account.forward[0] != '\0';
}

/* ---- answers ---- */

/* result: NULL where the home was not asked, or the answer was lost. */
static void
set_answer(struct parcel *p, const struct relay_answer *a, const struct relay_result *result)
{
    metrics_count(METRIC_RELAY_FORWARDED, handover_home(a), 1);
    handover_outcome(a, &p->delivery.why);
    memcpy(p->delivery.id, p->delivery.source->id, sizeof p->delivery.id);
    p->host = result == NULL ? NULL : arena_copy(&p->transaction->arena, span_of(result->host));
}

/* It may be the message that the home does not want; the next RCPT asks whether it is the account.
 */
static void
forget_answer(const struct forwarded *f, uint32_t i)
{
    struct asks *asks = f->transaction->deliver->asks;

    if (asks != NULL && f->from != NULL)
        asks_forget(asks, f->route, f->from, f->recipients[i].address);
}

static void
end(struct forwarded *f, const struct relay_result *result, const struct relay_answer *why)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const struct relay_answer *answer = result == NULL ? why : &result->answers[i];

        if (answer->state == RELAY_FAILED)
            forget_answer(f, i);
        set_answer(f->parcels[i], answer, result);
        f->parcels[i]->delivery.done(&f->parcels[i]->delivery);
    }
    arena_release(&f->arena);
    free(f);
}

static void
on_done(struct live_job *j, const struct relay_result *result, const struct relay_answer *why)
{
    end((struct forwarded *)j, result, why);
}

static void
on_unsent(void *arg)
{
    static const struct relay_answer why = {
        .state = RELAY_DEFERRED, .enhanced = "4.3.0", .text = "it cannot be handed on now"};

    end(arg, NULL, &why);
}

/* ---- sending ---- */

bool
forward_print(const struct settings *s, const struct account_target *t, struct buf *out)
{
    const struct settings_domain *d = settings_find_domain(s, t->account.domain);
    char local[ACCOUNT_USER_SIZE + ACCOUNT_DETAIL_SIZE + 2];
    const struct address address = {.local = local, .domain = t->account.domain};

    if (t->detail[0] != '\0' && d != NULL && d->recipient_delimiter[0] != '\0')
        snprintf(local, sizeof local, "%s%c%s", t->account.user, d->recipient_delimiter[0],
                 t->detail);
    else
        snprintf(local, sizeof local, "%s", t->account.user);
    return address_print(&address, out);
}

static const char *
print_recipient(struct forwarded *f, const struct parcel *p)
{
    const char *copy = NULL;
    struct buf text;

    buf_init(&text, ADDRESS_PATH_MAX);
    if (forward_print(f->transaction->deliver->settings, &p->delivery.target, &text))
        copy = arena_copy(&f->arena, buf_span(&text));
    buf_release(&text);
    return copy;
}

static bool
add(struct forwarded *f, struct parcel *p)
{
    const struct envelope_recipient *r =
        &p->delivery.source->envelope->recipients[p->delivery.recipient];
    const char *address = print_recipient(f, p);

    f->parcels[f->count] = p;
    f->recipients[f->count++] = (struct relay_recipient){address, r->notify, r->orcpt};
    return address != NULL;
}

static const char *
print_head(struct forwarded *f)
{
    const struct delivery_source *source = f->parcels[0]->delivery.source;
    const struct trace_options options = {
        .hostname = f->transaction->deliver->settings->hostname,
        .id = source->id,
        .when = source->received,
        .is_front = source->from_queue,
    };
    const char *copy = NULL;
    struct buf head;

    buf_init(&head, TRACE_MAX);
    if (trace_build_passage(&options, source->envelope,
                            &source->envelope->recipients[f->parcels[0]->delivery.recipient],
                            &head))
        copy = arena_copy(&f->arena, buf_span(&head));
    buf_release(&head);
    return copy;
}

static bool
fill(struct live_job *j, struct relay_job *out, int *fd)
{
    struct forwarded *f = (struct forwarded *)j;
    const struct delivery_source *source = f->parcels[0]->delivery.source;
    const struct envelope *e = source->envelope;
    const char *head = print_head(f);
    struct outcome ignored;

    f->from = address_text(&e->reverse_path, &f->arena);
    *out = (struct relay_job){
        .route = f->route->name,
        .reverse_path = f->from,
        .envid = e->envid,
        .ret = e->ret,
        .body = e->body,
        .smtputf8 = e->smtputf8,
        .require_tls = e->require_tls,
        .by = "",
        .recipients = f->recipients,
        .recipient_count = f->count,
        .octets = message_traits(source->msg)->octets,
    };
    if (head == NULL || f->from == NULL)
        return false;
    out->head = span_of(head);
    *fd = taken_open_message(source->msg, &ignored);
    return *fd >= 0;
}

/* It waits for a free connection no longer than for one that is being made. */
static void
send_out(struct forwarded *f)
{
    static const struct live_job_calls calls = {fill, on_done};
    struct deliver *d = f->transaction->deliver;

    if (d->scheduler != NULL)
        live_job_send(d->scheduler, &f->live, f->route, f->route->connect_timeout, &calls);
    else
        loop_post(d->loop, on_unsent, f);
}

static struct forwarded *
forwarded_new(struct transaction *t, const struct settings_route *route, uint32_t room)
{
    struct forwarded *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    *f = (struct forwarded){.transaction = t, .route = route};
    arena_init(&f->arena, ARENA_MAX);
    f->recipients = arena_alloc(&f->arena, room * sizeof *f->recipients);
    f->parcels = arena_alloc(&f->arena, room * sizeof(struct parcel *));
    if (f->recipients != NULL && f->parcels != NULL)
        return f;
    arena_release(&f->arena);
    free(f);
    return NULL;
}

static bool
goes_with(const struct forwarded *f, const struct parcel *p)
{
    return !p->is_forwarded && !p->is_settled &&
           p->delivery.source == f->parcels[0]->delivery.source &&
           strcmp(p->delivery.target.account.forward, f->route->name) == 0;
}

static void
on_unposted(void *arg)
{
    struct parcel *p = arg;

    p->delivery.done(&p->delivery);
}

/* This one, and what goes with it. */
static void
post_with(struct transaction *t, struct parcel *first, const struct settings_route *route)
{
    const uint32_t room = route->recipients < RELAY_RECIPIENTS_MAX ? (uint32_t)route->recipients
                                                                   : RELAY_RECIPIENTS_MAX;
    struct forwarded *f = forwarded_new(t, route, room);
    bool ok = f != NULL && add(f, first);

    first->is_forwarded = true;
    for (struct parcel *p = first->hh.next; ok && p != NULL && f->count < room; p = p->hh.next)
        if (goes_with(f, p)) {
            p->is_forwarded = true;
            ok = add(f, p);
        }
    if (f == NULL) {
        outcome_set(&first->delivery.why, OUTCOME_OVERLOAD, "no memory to hand it on");
        loop_post(t->deliver->loop, on_unposted, first);
    } else if (!ok) {
        loop_post(t->deliver->loop, on_unsent, f);
    } else {
        send_out(f);
    }
}

static void
post(struct transaction *part, struct parcel *p)
{
    struct deliver *d = part->deliver;
    const struct settings_route *route =
        forward_route(d->settings, &p->delivery.target.account, &p->delivery.why);

    if (route != NULL) {
        post_with(part, p, route);
        return;
    }
    p->is_forwarded = true; /* as far as it gets */
    log_event(LOG_LEVEL_WARNING, "not_delivered", "session", p->delivery.source->envelope->session,
              "id", p->delivery.source->id, "account", p->delivery.target.account.user, "cause",
              p->delivery.why.cause, NULL);
    loop_post(d->loop, on_unposted, p);
}

void
forward_post(struct transaction *part)
{
    for (struct parcel *p = part->parcels; p != NULL; p = p->hh.next)
        if (forward_is(p) && !p->is_settled && !p->is_forwarded)
            post(part, p);
}
