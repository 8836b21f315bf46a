/* SPDX-License-Identifier: MIT
 *
 * Which roles there are, and how each is started: what it is sent, and who follows it. role_doors.c
 * has the doors between them, role_events.c what they say and what follows from their end.
 */
#include "roles_priv.h"

#include <unistd.h>

#include "pages_priv.h"

struct role *
roles_store(struct daemon *d)
{
    return supervise_find(d, ROLE_STORE, 0);
}

/* --- who is there, and who is wanted --- */

bool
role_has_process(const struct role *r)
{
    return r != NULL && r->pid > 0;
}

bool
roles_want_outbound(const struct daemon *d)
{
    for (size_t i = 0; i < d->settings->listen_count; i++)
        if (d->settings->listens[i].milter_count > 0)
            return true;
    return false;
}

/* Nobody can log in anywhere, and nothing is started for that. */
bool
roles_need_auth(const struct daemon *d)
{
    for (size_t i = 0; i < d->settings->listen_count && !d->is_offline; i++) {
        if (settings_listen_has_logins(&d->settings->listens[i]))
            return true;
    }
    return false;
}

/* The tool's tasks need no programs. */
uint32_t
roles_runner_count(const struct daemon *d)
{
    return d->is_offline ? 0 : settings_runner_count(d->settings);
}

bool
roles_want_relay(const struct daemon *d)
{
    return !d->is_offline && d->relay_files.fd >= 0;
}

bool
roles_want_passthrough(const struct daemon *d)
{
    return !d->is_offline && d->settings->filter_count > 0;
}

/* --- starting --- */

static const struct identity *
identity_of(const struct role *r)
{
    const struct daemon *d = r->daemon;

    if (!d->is_root)
        return NULL;
    if (r->kind == ROLE_RUNNER)
        return &d->runner_users[r->slot];
    return r->kind == ROLE_STORE ? &d->store_user : &d->sandbox_user;
}

static bool
serves(const struct role *r)
{
    return role_has_process(r) && r->state == ROLE_SERVING;
}

/* Listeners come only once the store has replayed: until then clients wait in the backlog. */
static void
open_edge(struct role *edge)
{
    const struct settings *s = edge->daemon->settings;

    for (size_t i = 0; i < s->listen_count; i++) {
        for (size_t k = 0; k < s->listens[i].address_count; k++)
            role_send_listener(edge, (uint32_t)i, &s->listens[i].address[k]);
    }
    role_send_go(edge);
}

/* No mail is taken before those are there who decide about it. */
static bool
may_open(struct daemon *d)
{
    return serves(roles_store(d)) &&
           (!roles_want_outbound(d) || serves(supervise_find(d, ROLE_OUTBOUND, 0)));
}

void
roles_open_edges(struct daemon *d)
{
    for (struct role *edge = d->roles; may_open(d) && edge != NULL; edge = edge->next) {
        if (edge->kind == ROLE_EDGE && role_has_process(edge) && !edge->has_go)
            open_edge(edge);
    }
}

static void
start_edge(struct role *edge)
{
    struct role *store = roles_store(edge->daemon);

    if (!supervise_spawn(edge, identity_of(edge)))
        return;
    role_send_settings(edge);
    roles_send_tls(edge);
    if (role_has_process(store) && store->state != ROLE_LEAVING)
        role_connect_edge(edge);
    role_connect_outbound(edge);
    if (may_open(edge->daemon))
        open_edge(edge);
}

/* Where filters give messages back. */
static void
send_returns(struct role *passthrough)
{
    const struct settings *s = passthrough->daemon->settings;

    for (size_t i = 0; i < s->filter_count; i++)
        role_send_listener(passthrough, (uint32_t)i, &s->filters[i].back);
}

static void
start_helper(struct role *helper)
{
    struct role *store = roles_store(helper->daemon);

    if (!role_has_process(store))
        return; /* a store's start starts its helpers */
    if (helper->store_end < 0)
        role_connect_helper(helper);
    if (helper->store_end < 0 || !supervise_spawn(helper, identity_of(helper)))
        return;
    role_send_settings(helper);
    if (helper->kind == ROLE_RELAY)
        supervise_send(helper, MAIN_RELAY_SECRETS, 0, SPAN_NONE, helper->daemon->relay_files.fd);
    if (helper->kind == ROLE_PASSTHROUGH)
        send_returns(helper);
    supervise_send(helper, MAIN_STORE_DOOR, 0, SPAN_NONE, helper->store_end);
    close(helper->store_end);
    helper->store_end = -1;
    role_send_go(helper);
}

/* One for a new store: the process of that slot still serves the old one's door. */
static void
renew_helper(struct daemon *d, enum role_kind kind, uint32_t slot)
{
    struct role *helper = supervise_find(d, kind, slot);

    if (helper == NULL)
        helper = supervise_add(d, kind, slot);
    if (helper == NULL)
        return;
    role_connect_helper(helper);
    if (role_has_process(helper)) {
        supervise_kill(helper); /* comes back when it is reaped */
        return;
    }
    loop_timer_stop(helper->timer);
    start_helper(helper);
}

static void
start_store(struct role *store)
{
    struct daemon *d = store->daemon;

    if (!supervise_spawn(store, identity_of(store)))
        return;
    store->generation = d->generation;
    role_send_settings(store);
    pages_send_all(store);
    if (d->relay_files.srs.len > 0)
        supervise_send(store, MAIN_SRS_SECRETS, 0, buf_span(&d->relay_files.srs), -1);
    supervise_send(store, MAIN_CONTROL, 0, SPAN_NONE, d->state.control_fd);
    for (uint32_t slot = 0; slot < d->settings->sorters; slot++)
        renew_helper(d, ROLE_SORTER, slot);
    if (roles_need_auth(d))
        renew_helper(d, ROLE_AUTH, 0);
    if (roles_want_relay(d))
        renew_helper(d, ROLE_RELAY, 0);
    for (uint32_t slot = 0; slot < roles_runner_count(d); slot++)
        renew_helper(d, ROLE_RUNNER, slot);
    if (roles_want_passthrough(d))
        renew_helper(d, ROLE_PASSTHROUGH, 0);
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        if (r->kind == ROLE_EDGE && role_has_process(r))
            role_connect_edge(r);
    }
    role_connect_outbound(store);
    role_send_go(store);
}

static void
start_metrics(struct role *metrics)
{
    const struct settings_metrics *s = &metrics->daemon->settings->metrics;

    if (!supervise_spawn(metrics, identity_of(metrics)))
        return;
    role_send_settings(metrics);
    for (size_t i = 0; i < s->address_count; i++)
        role_send_listener(metrics, (uint32_t)i, &s->address[i]);
    pages_send_all(metrics);
    role_send_go(metrics);
}

void
roles_renew_metrics(struct daemon *d)
{
    struct role *metrics = supervise_find(d, ROLE_METRICS, 0);

    if (metrics != NULL && role_has_process(metrics)) {
        supervise_kill(metrics); /* comes back when it is reaped, if it is wanted still */
        return;
    }
    if (d->settings->metrics.address_count == 0) {
        if (metrics != NULL)
            supervise_remove(metrics);
        return;
    }
    if (metrics == NULL)
        metrics = supervise_add(d, ROLE_METRICS, 0);
    if (metrics != NULL)
        loop_timer_start(metrics->timer, 0);
}

static void
start_outbound(struct role *outbound)
{
    if (!supervise_spawn(outbound, identity_of(outbound)))
        return;
    role_send_settings(outbound);
    for (struct role *r = outbound->daemon->roles; r != NULL; r = r->next) {
        if (r->kind == ROLE_EDGE || (r->kind == ROLE_STORE && r->state != ROLE_LEAVING))
            role_connect_outbound(r);
    }
    role_send_go(outbound);
}

/* One that runs keeps its sessions and gets the new settings; one that nobody needs any more stays
 * for those that began before. */
void
roles_renew_outbound(struct daemon *d)
{
    struct role *outbound = supervise_find(d, ROLE_OUTBOUND, 0);

    if (role_has_process(outbound)) {
        role_send_settings(outbound);
        return;
    }
    if (!roles_want_outbound(d)) {
        if (outbound != NULL)
            supervise_remove(outbound);
        return;
    }
    if (outbound == NULL)
        outbound = supervise_add(d, ROLE_OUTBOUND, 0);
    if (outbound != NULL)
        start_outbound(outbound);
}

void
roles_start(struct role *r)
{
    switch (r->kind) {
    case ROLE_EDGE:
        start_edge(r);
        break;
    case ROLE_STORE:
        start_store(r);
        break;
    case ROLE_SORTER:
    case ROLE_AUTH:
    case ROLE_RELAY:
    case ROLE_RUNNER:
    case ROLE_PASSTHROUGH:
        start_helper(r);
        break;
    case ROLE_METRICS:
        start_metrics(r);
        break;
    case ROLE_OUTBOUND:
        start_outbound(r);
        break;
    case ROLE_HAND:
        break; /* never again: the store asks for another one */
    }
}

void
roles_add_edges(struct daemon *d)
{
    uint32_t slot = 0;

    for (uint64_t i = 0; i < d->settings->edges; i++) {
        while (supervise_find(d, ROLE_EDGE, slot) != NULL)
            slot++;
        struct role *edge = supervise_add(d, ROLE_EDGE, slot);

        if (edge != NULL)
            start_edge(edge);
    }
}
