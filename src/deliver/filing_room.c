/* SPDX-License-Identifier: MIT
 *
 * Does what scripts send fit into what may wait of an account? Where it does not, nothing is sent
 * and the script has failed: the message is kept, and its owner told.
 */
#include "filing_priv.h"

#include <stdio.h>

#include "doorstep/log.h"
#include "doorstep/relay_queue.h"

struct question { /* in the transaction's arena */
    struct job job;
    struct parcel *parcel;
    uint64_t rows, octets; /* that would come */
    bool has_room;
};

static void
one_done(struct transaction *t)
{
    if (--t->filing->checking == 0)
        t->filing->checked(t, t->filing->is_filed);
}

/* What was filed stays; what would have left is left out, and copies of it. */
static void
refuse(struct filing_result *r)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->action_count; i++)
        if (!filing_action_leaves(&r->actions[i]) && !r->actions[i].is_sent)
            r->actions[kept++] = r->actions[i];
    r->action_count = kept;
    r->status = FILING_FAILED;
    r->layer = FILING_PERSONAL;
    r->error = "too much of what scripts have sent waits already";
}

static void
on_looked(void *arg)
{
    struct question *q = arg;
    struct parcel *p = q->parcel;

    if (!q->has_room)
        refuse(&p->transaction->filing->filed[p->run].result);
    one_done(p->transaction);
}

/* What waits in the queue, and what deliveries that have been answered will put there. A queue that
 * cannot be read now is not full for that. */
static bool
has_room(const struct question *q, struct worker *w)
{
    const struct settings_sieve *s = &w->with.settings->sieve;
    const struct account *a = &q->parcel->delivery.target.account;
    uint64_t rows = 0, octets = 0, coming_rows, coming_octets;
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    struct outcome why;

    snprintf(key, sizeof key, "%s@%s", a->user, a->domain);
    if (!queue_usage(w->with.queue, key, &rows, &octets, &why))
        log_event(LOG_LEVEL_WARNING, "queue_not_read", "cause", why.cause, NULL);
    account_sends(w, a, &coming_rows, &coming_octets);
    return rows + coming_rows + q->rows <= s->outgoing &&
           octets + coming_octets + q->octets <= s->outgoing_size;
}

static void
run_question(struct job *job, void *worker)
{
    struct question *q = (struct question *)job;
    struct worker *w = worker;

    q->has_room = has_room(q, w);
    loop_post(w->with.loop, on_looked, q);
}

static void
count(struct question *q, const struct sorters_filed *filed)
{
    for (uint32_t i = 0; i < filed->result.action_count; i++) {
        const struct filing_action *a = &filed->result.actions[i];
        const struct message *msg =
            a->edition == 0 ? q->parcel->transaction->msg : filed->editions[a->edition - 1];
        bool leaves = filing_action_leaves(a);
        q->rows += leaves;
        q->octets += leaves ? message_traits(msg)->octets : 0;
    }
}

static void
ask(struct parcel *p)
{
    struct transaction *t = p->transaction;
    const struct sorters_filed *filed = &t->filing->filed[p->run];
    const struct account *a = &p->delivery.target.account;
    struct question q = {.job.run = run_question, .parcel = p};

    if (!filed->is_killed)
        count(&q, filed);
    struct question *asked = q.rows == 0 ? NULL : arena_alloc(&t->arena, sizeof *asked);
    if (asked == NULL)
        return;
    *asked = q;
    t->filing->checking++;
    workers_post(t->deliver->workers, a->user, a->domain, &asked->job);
}

void
filing_check_room(struct transaction *t, bool is_filed, filing_fn fn)
{
    struct filing *f = t->filing;

    f->is_filed = is_filed;
    f->checked = fn;
    f->checking = 1;
    for (struct parcel *p = t->parcels; is_filed && f->filed != NULL && p != NULL; p = p->hh.next)
        if (p->has_run)
            ask(p);
    one_done(t);
}
