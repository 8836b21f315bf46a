/* SPDX-License-Identifier: MIT
 *
 * One connection to a next hop, up to the moment when it stands: whose addresses they are, and what
 * it is called in answers. From then on talk.c has it.
 */
#include "sender_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"

#define NO_MEMORY "no memory for a connection"

void
sender_link_free(struct link *l)
{
    loop_connect_cancel(l->connect);
    loop_timer_free(l->look_up);
    relay_client_free(l->client);
    free(l);
}

void
sender_link_end(struct link *l, const struct relay_answer *why)
{
    l->state = LINK_ENDED;
    route_link_ended(l, why);
}

static void
fail(struct link *l, const char *enhanced, const char *cause)
{
    struct relay_answer why = {.state = RELAY_DEFERRED, .text = cause};

    snprintf(why.enhanced, sizeof(why.enhanced), "%s", enhanced);
    sender_link_end(l, &why);
    sender_link_free(l);
}

/* --- connecting --- */

static void
name_host(struct link *l, const struct loop_address *a)
{
    const struct settings_next_hop *hop = &l->route->settings->next_hop;
    char number[INET6_ADDRSTRLEN] = "";

    if (hop->is_unix) {
        snprintf(l->host, sizeof(l->host), "%s", hop->text);
        return;
    }
    if (a->ip.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->ip)->sin_addr, number, sizeof(number));
    else
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->ip)->sin6_addr, number,
                  sizeof(number));
    snprintf(l->host, sizeof(l->host), "%s[%s]:%u", hop->is_number ? "" : hop->host, number,
             hop->port);
}

static void
on_connected(void *arg, const struct loop_connected *end)
{
    struct link *l = arg;

    l->connect = NULL;
    name_host(l, end->address);
    if (end->fd < 0)
        fail(l, "4.4.1", end->problem);
    else if (!talk_begin(l, end->fd))
        fail(l, "4.3.0", NO_MEMORY);
}

static bool
connect_to(struct link *l, const struct loop_addresses *to)
{
    const struct route *r = l->route;

    l->state = LINK_CONNECTING;
    l->connect =
        loop_connect_new(r->sender->loop, to, r->settings->connect_timeout, on_connected, l);
    return l->connect != NULL;
}

/* --- addresses --- */

static struct loop_address
address_of_number(const struct settings_next_hop *hop)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(hop->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(hop->port)};
    struct loop_address a = {.length = sizeof(four)};

    if (inet_pton(AF_INET, hop->host, &four.sin_addr) == 1) {
        memcpy(&a.ip, &four, sizeof(four));
    } else {
        inet_pton(AF_INET6, hop->host, &six.sin6_addr); /* the configuration has looked at it */
        memcpy(&a.ip, &six, sizeof(six));
        a.length = sizeof(six);
    }
    return a;
}

static void
on_looking_too_long(void *arg)
{
    fail(arg, "4.4.3", "its name is not looked up in time");
}

void
sender_link_addresses(struct link *l)
{
    const struct loop_addresses *found = &l->route->addresses;
    char cause[128];

    loop_timer_stop(l->look_up);
    if (found->count == 0) {
        snprintf(cause, sizeof(cause), "its name is not found: %s", found->problem);
        fail(l, "4.4.3", cause);
    } else if (!connect_to(l, found)) {
        fail(l, "4.3.0", NO_MEMORY);
    }
}

static bool
look_up(struct link *l)
{
    l->state = LINK_LOOKING_UP;
    loop_timer_start(l->look_up, l->route->settings->connect_timeout);
    return route_look_up(l->route);
}

static bool
begin(struct link *l)
{
    const struct settings_next_hop *hop = &l->route->settings->next_hop;
    struct loop_addresses one = {.count = 1};

    if (!hop->is_unix && !hop->is_number)
        return l->route->addresses_until_ms > clock_ms() ? connect_to(l, &l->route->addresses)
                                                         : look_up(l);
    one.list[0] = hop->is_unix ? loop_address_of_path(hop->path) : address_of_number(hop);
    return connect_to(l, &one);
}

/* --- for the pool --- */

static void
configure(struct link *l, bool is_plain)
{
    const struct settings_route *s = l->route->settings;

    l->config = (struct relay_client_config){
        .is_lmtp = s->protocol == RELAY_LMTP,
        .is_here = settings_is_here(&s->next_hop),
        .tls = is_plain || s->next_hop.is_unix ? RELAY_TLS_NONE : s->tls,
        .hostname = l->route->sender->settings->hostname,
        .host = l->host,
        .user = s->user,
        .password = l->route->password,
        .logins = l->route->sender->logins,
    };
}

struct link *
sender_link_open(struct route *r, bool is_plain)
{
    struct link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->route = r;
    snprintf(l->host, sizeof(l->host), "%s", r->settings->next_hop.text);
    configure(l, is_plain);
    l->look_up = loop_timer_new(r->sender->loop, on_looking_too_long, l);
    if (l->look_up != NULL && begin(l))
        return l;
    sender_link_free(l);
    return NULL;
}

bool
sender_link_is_idle(const struct link *l)
{
    return l->state == LINK_TALKING && l->job == NULL &&
           relay_client_waits_for(l->client) == RELAY_WAITS_FOR_JOB;
}

void
sender_link_work(struct link *l)
{
    talk_work(l);
}

void
sender_link_cut(struct link *l)
{
    l->job = NULL;
    sender_link_end(l, NULL);
    conn_close(l->conn, false, "cancelled");
}
