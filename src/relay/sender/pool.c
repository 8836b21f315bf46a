/* SPDX-License-Identifier: MIT
 *
 * One route: jobs that wait, and the links that carry them. A link is opened for a job, but
 * whichever is free first takes it. A next hop that lets us in no more while some links work is
 * left alone for a while: what waits, waits for those.
 */
#include "sender_priv.h"

#include <stdlib.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

#define HOLD_MS 10000      /* without further links, when one was refused and others work */
#define ADDRESSES_MS 60000 /* that a look-up is good for */

static void route_work(void *arg);

bool
route_init(struct route *r, struct sender *s, const struct settings_route *settings)
{
    *r = (struct route){.sender = s, .settings = settings, .password = ""};
    TAILQ_INIT(&r->waiting);
    TAILQ_INIT(&r->links);
    loop_chore_init(&r->work, route_work, r);
    r->hold = loop_timer_new(s->loop, route_work, r);
    r->sessions = tls_sessions_new();
    return r->hold != NULL && r->sessions != NULL;
}

/* --- jobs --- */

void
route_add(struct route *r, struct job *j)
{
    j->route = r;
    TAILQ_INSERT_TAIL(&r->waiting, j, waiting);
    loop_chore_add(r->sender->loop, &r->work);
}

void
route_forget(struct job *j)
{
    if (j->route == NULL)
        return;
    if (j->link != NULL)
        sender_link_cut(j->link);
    else
        TAILQ_REMOVE(&j->route->waiting, j, waiting);
}

void
route_retry(struct job *j)
{
    j->link = NULL;
    j->is_again = true;
    TAILQ_INSERT_HEAD(&j->route->waiting, j, waiting);
    loop_chore_add(j->sender->loop, &j->route->work);
}

struct job *
route_next_job(struct route *r)
{
    struct job *j = TAILQ_FIRST(&r->waiting);

    if (j != NULL)
        TAILQ_REMOVE(&r->waiting, j, waiting);
    return j;
}

static void
fail_first(struct route *r, const char *host, const struct relay_answer *why)
{
    struct job *j = route_next_job(r);

    if (j != NULL)
        job_fail(j, host, why);
}

/* --- links and jobs meet --- */

static struct link *
idle_link(const struct route *r)
{
    struct link *l;

    TAILQ_FOREACH(l, &r->links, all)
    {
        if (sender_link_is_idle(l))
            return l;
    }
    return NULL;
}

static unsigned
count_waiting(const struct route *r)
{
    const struct job *j;
    unsigned count = 0;

    TAILQ_FOREACH(j, &r->waiting, waiting)
    count++;
    return count;
}

static bool
add_link(struct route *r, bool is_plain)
{
    struct link *l = sender_link_open(r, is_plain);

    if (l == NULL)
        return false;
    TAILQ_INSERT_TAIL(&r->links, l, all);
    r->link_count++;
    return true;
}

static void
add_links(struct route *r)
{
    const struct relay_answer why = {
        .state = RELAY_DEFERRED, .enhanced = "4.3.0", .text = "no memory for a connection"};
    unsigned waiting = count_waiting(r), coming = r->link_count - r->established;

    for (; coming < waiting && r->link_count < r->settings->connections; coming++) {
        if (add_link(r, false))
            continue;
        if (r->link_count == 0)
            fail_first(r, "", &why);
        return;
    }
}

static void
route_work(void *arg)
{
    struct route *r = arg;
    struct link *l;

    while (!TAILQ_EMPTY(&r->waiting) && (l = idle_link(r)) != NULL)
        sender_link_work(l);
    if (clock_ms() >= r->hold_until_ms)
        add_links(r);
    else if (!TAILQ_EMPTY(&r->waiting))
        loop_timer_start(r->hold, r->hold_until_ms - clock_ms());
}

/* --- what links tell --- */

void
route_ready(struct route *r)
{
    r->established++;
    r->hold_until_ms = 0;
}

/* Where TLS that nobody asked for cannot be had, there is a connection without it (RFC 7435
 * section 3). */
static bool
goes_on_in_plain(const struct link *l)
{
    return l->is_in_handshake && l->config.tls == RELAY_TLS_OPPORTUNISTIC;
}

/* With no other link on its way, what waits would wait for nothing. */
static void
fail_waiting(struct route *r, const struct link *l, const struct relay_answer *why)
{
    if (r->established > 0) {
        r->hold_until_ms = clock_ms() + HOLD_MS;
        return;
    }
    fail_first(r, l->host, why);
    while (r->link_count == 0 && !TAILQ_EMPTY(&r->waiting))
        fail_first(r, l->host, why);
}

void
route_link_ended(struct link *l, const struct relay_answer *why)
{
    struct route *r = l->route;

    TAILQ_REMOVE(&r->links, l, all);
    r->link_count--;
    if (l->is_established)
        r->established--;
    if (why != NULL && !(goes_on_in_plain(l) && add_link(r, true)))
        fail_waiting(r, l, why);
    loop_chore_add(r->sender->loop, &r->work);
}

/* --- addresses --- */

/* One question at a time, whoever waits for the answer: a name server that is silent shall not keep
 * all threads from the names of other routes. */
static void
on_looked_up(void *arg, const struct loop_addresses *found)
{
    struct route *r = arg;
    struct link *l, *next;

    r->lookup = NULL;
    r->addresses = *found;
    r->addresses_until_ms = found->count > 0 ? clock_ms() + ADDRESSES_MS : 0;
    for (l = TAILQ_FIRST(&r->links); l != NULL; l = next) {
        next = TAILQ_NEXT(l, all);
        if (l->state == LINK_LOOKING_UP)
            sender_link_addresses(l);
    }
}

bool
route_look_up(struct route *r)
{
    const struct settings_next_hop *hop = &r->settings->next_hop;

    if (r->lookup == NULL)
        r->lookup = loop_lookup_new(r->sender->loop, hop->host, hop->port, on_looked_up, r);
    return r->lookup != NULL;
}
