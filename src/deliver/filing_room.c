/* SPDX-License-Identifier: MIT
 *
 * Does what scripts send fit into what may wait in an account? Where it does not, nothing is sent
 * and the script has failed: the message is kept, and its owner told.
 */
#include "filing_priv.h"

#include "doorstep/log.h"

#include "outgoing_priv.h"

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

/* What was filed stays; what would have left is left out. */
static void
refuse(struct filing_result *r)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->action_count; i++)
        if (!filing_action_leaves(&r->actions[i]))
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

/* An account that is not at hand now is not full for that. */
static bool
has_room(struct question *q, struct worker *w)
{
    const struct settings_sieve *s = &w->with.settings->sieve;
    struct outgoing_usage usage;
    struct open_account *oa;
    struct store_wait wait;
    struct outcome why;

    enum account_result result =
        account_open(w, &q->parcel->delivery.target.account, false, &oa, &wait, &why);
    bool is_there = result == ACCOUNT_OPEN ||
                    (result == ACCOUNT_LATER && !oa->loan.is_lent && oa->index != NULL);
    if (!is_there || !outgoing_look(w, oa, &usage, &why))
        usage = (struct outgoing_usage){0};
    return usage.rows + q->rows <= s->outgoing && usage.octets + q->octets <= s->outgoing_size;
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
count(struct question *q, const struct filing_result *r)
{
    uint64_t octets = message_traits(q->parcel->transaction->msg)->octets;

    for (uint32_t i = 0; i < r->action_count; i++) {
        bool leaves = filing_action_leaves(&r->actions[i]);
        q->rows += leaves;
        q->octets += leaves && filing_action_has_message(&r->actions[i]) ? octets : 0;
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
        count(&q, &filed->result);
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
