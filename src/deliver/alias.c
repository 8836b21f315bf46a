/* SPDX-License-Identifier: MIT
 *
 * What does an alias lead to? An MTA asks (listen socketmap), so that it can send on what is
 * elsewhere; the rest comes back to us, an account at a time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "doorstep/door_frames.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/rcpt.h"

#include "deliver_priv.h"

_Static_assert(2 * ACCOUNT_TARGETS_MAX <= RCPT_ALIAS_TARGETS_MAX, "an edge takes that many");

#define LOCAL_SIZE (ACCOUNT_USER_SIZE + ACCOUNT_DETAIL_SIZE)

struct question {
    struct edge *edge; /* a reference */
    uint64_t id;
    struct arena arena; /* the address */
    struct address alias;
};

struct answer {
    struct outcome why;
    struct buf addresses; /* packed */
    uint32_t count;
};

static void
send_answer(struct edge *e, uint64_t id, const struct answer *a)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    outcome_pack(&a->why, &p);
    pack_u32(&p, a->count);
    if (!p.full && buf_append_span(&body, buf_span(&a->addresses))) {
        edge_send(e, STORE_ALIAS, id, buf_span(&body));
    } else {
        struct answer failure = {.count = 0};

        outcome_set(&failure.why, OUTCOME_SYSTEM, "an alias leads to too much for one frame");
        send_answer(e, id, &failure);
    }
    buf_release(&body);
}

/* As any address that comes from outside: printed and read again, because what a database holds is
 * not what its reader promises. false: it is none, or there is no room. */
static bool
add_address(struct answer *a, const char *local, const char *domain)
{
    const struct address raw = {.local = local, .domain = domain};
    struct address address;
    size_t before = a->addresses.len;
    struct arena arena;
    struct buf text;
    struct pack p;
    bool done;

    buf_init(&text, ADDRESS_PATH_MAX);
    arena_init(&arena, 2 * ADDRESS_PATH_MAX);
    pack_init(&p, &a->addresses);
    done = address_print(&raw, &text) && address_parse_mailbox(buf_span(&text), ADDRESS_ALLOW_UTF8,
                                                               &arena, &address) == ADDRESS_OK;
    if (done)
        address_pack(&address, &p);
    done = done && !p.full;
    if (done)
        a->count++;
    else
        a->addresses.len = before;
    arena_release(&arena);
    buf_release(&text);
    return done;
}

/* An account's address, with the detail where that fits: user+detail@domain. */
static bool
add_account(struct answer *a, const struct deliver *d, const struct account_target *t)
{
    const struct settings_domain *domain = settings_find_domain(d->settings, t->account.domain);
    char local[LOCAL_SIZE];

    if (domain != NULL && domain->recipient_delimiter[0] != '\0' && t->detail[0] != '\0') {
        snprintf(local, sizeof(local), "%s%c%s", t->account.user, domain->recipient_delimiter[0],
                 t->detail);
        if (add_address(a, local, t->account.domain))
            return true;
    }
    return add_address(a, t->account.user, t->account.domain);
}

static void
list_targets(struct answer *a, const struct deliver *d, const struct account_targets *targets)
{
    bool done = true;

    for (size_t i = 0; done && i < targets->count; i++)
        done = add_account(a, d, &targets->list[i]);
    for (size_t i = 0; done && i < targets->elsewhere_count; i++)
        done = add_address(a, targets->elsewhere[i].local, targets->elsewhere[i].domain);
    if (done) {
        outcome_set(&a->why, OUTCOME_OK, NULL);
    } else {
        outcome_set(&a->why, OUTCOME_SYSTEM,
                    "an alias leads to what is no address, or to too many");
        log_event(LOG_LEVEL_WARNING, "alias_not_expanded", "cause", a->why.cause, NULL);
        a->count = 0;
        buf_reset(&a->addresses);
    }
}

static void
answer(struct question *q, const struct answer *a)
{
    struct deliver *d = q->edge->deliver;

    send_answer(q->edge, q->id, a);
    q->edge->lookups--;
    edge_unref(q->edge);
    arena_release(&q->arena);
    free(q);
    deliver_done_running(d);
}

static void
on_resolved(void *arg, const struct account_targets *targets, const struct outcome *why)
{
    struct question *q = arg;
    struct answer a = {.count = 0};

    buf_init(&a.addresses, DOOR_BODY_MAX);
    if (targets->is_alias && targets->count + targets->elsewhere_count > 0)
        list_targets(&a, q->edge->deliver, targets);
    else if (outcome_is_temporary(why))
        a.why = *why;
    else
        outcome_set(&a.why, OUTCOME_NOT_FOUND, NULL);
    answer(q, &a);
    buf_release(&a.addresses);
}

static void
refuse_at_once(struct edge *e, uint64_t id)
{
    struct answer a = {.count = 0};

    limit_hit(METRICS_LIMIT_LOOKUPS, NULL, NULL);
    outcome_set(&a.why, OUTCOME_OVERLOAD, NULL);
    send_answer(e, id, &a);
}

static bool
read_question(struct question *q, struct span body)
{
    struct unpack u;

    unpack_init(&u, body);
    return address_unpack(&q->alias, &q->arena, &u) && unpack_done(&u);
}

bool
alias_ask(struct edge *e, uint64_t id, struct span body)
{
    struct question *q;

    if (e->lookups >= e->deliver->settings->limits.lookups) {
        refuse_at_once(e, id);
        return true;
    }
    q = calloc(1, sizeof *q);
    if (q == NULL)
        return false;
    q->id = id;
    arena_init(&q->arena, DOOR_BODY_MAX);
    if (!read_question(q, body)) {
        arena_release(&q->arena);
        free(q);
        return false;
    }
    q->edge = e;
    e->references++;
    e->lookups++;
    e->deliver->running++; /* a drain waits for the answer */
    directory_resolve(e->deliver->directory, &q->alias, on_resolved, q);
    return true;
}
