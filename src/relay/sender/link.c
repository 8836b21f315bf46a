/* SPDX-License-Identifier: MIT
 *
 * One connection to a next hop, up to the moment when it stands: the addresses of a name are tried
 * in turn, each for a bounded time. From then on talk.c has it.
 */
#include "sender_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/clock.h"

static void try_next(struct link *l);

/* --- ends --- */

static void
stop_connecting(struct link *l)
{
    loop_timer_stop(l->timer);
    loop_watch_free(l->watch);
    l->watch = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

void
sender_link_free(struct link *l)
{
    stop_connecting(l);
    loop_chore_cancel(l->route->sender->loop, &l->begin);
    loop_timer_free(l->timer);
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
    snprintf(l->host, sizeof(l->host), "%s[%s]:%u", hop->host, number, hop->port);
}

static void
connected(struct link *l)
{
    const struct settings_next_hop *hop = &l->route->settings->next_hop;

    loop_timer_stop(l->timer);
    loop_watch_free(l->watch);
    l->watch = NULL;
    if (!hop->is_unix)
        (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (!talk_begin(l))
        fail(l, "4.3.0", "no memory for a connection");
}

/* The cause stays when no address is left. */
static void
refused(struct link *l, const char *cause)
{
    stop_connecting(l);
    if (l->next_address < l->address_count)
        try_next(l);
    else
        fail(l, "4.4.1", cause);
}

static void
on_writable_socket(void *arg, unsigned events)
{
    struct link *l = arg;
    int error = 0;

    (void)events;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) != 0)
        error = errno;
    if (error == 0)
        connected(l);
    else
        refused(l, strerror(error));
}

static void
try_next(struct link *l)
{
    const struct loop_address *a = &l->addresses[l->next_address++];

    name_host(l, a);
    l->fd = socket(a->ip.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        refused(l, strerror(errno));
    } else if (connect(l->fd, (const struct sockaddr *)&a->ip, a->length) == 0) {
        connected(l);
    } else if (errno != EINPROGRESS) {
        refused(l, strerror(errno));
    } else {
        l->watch = loop_watch_new(l->route->sender->loop, l->fd, LOOP_WRITE, on_writable_socket, l);
        loop_timer_start(l->timer, l->route->settings->connect_timeout);
        if (l->watch == NULL)
            refused(l, "no memory for a connection");
    }
}

static void
on_timer(void *arg)
{
    struct link *l = arg;

    if (l->state == LINK_LOOKING_UP)
        fail(l, "4.4.3", "its name is not looked up in time");
    else
        refused(l, "it cannot be connected to in time");
}

/* --- addresses --- */

static void
use_number(struct link *l)
{
    const struct settings_next_hop *hop = &l->route->settings->next_hop;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(hop->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(hop->port)};
    struct loop_address *a = &l->addresses[l->address_count++];

    if (inet_pton(AF_INET, hop->host, &four.sin_addr) == 1) {
        memcpy(&a->ip, &four, sizeof(four));
        a->length = sizeof(four);
    } else {
        inet_pton(AF_INET6, hop->host, &six.sin6_addr); /* the configuration has looked at it */
        memcpy(&a->ip, &six, sizeof(six));
        a->length = sizeof(six);
    }
}

static void
use_path(struct link *l)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct loop_address *a = &l->addresses[l->address_count++];

    strcpy(path.sun_path, l->route->settings->next_hop.path); /* its length was checked, too */
    memcpy(&a->ip, &path, sizeof(path));
    a->length = sizeof(path);
}

void
sender_link_addresses(struct link *l)
{
    const struct loop_addresses *found = &l->route->addresses;
    char cause[128];

    loop_timer_stop(l->timer);
    if (found->count == 0) {
        snprintf(cause, sizeof(cause), "its name is not found: %s", found->problem);
        fail(l, "4.4.3", cause);
        return;
    }
    memcpy(l->addresses, found->list, found->count * sizeof(found->list[0]));
    l->address_count = found->count;
    l->state = LINK_CONNECTING;
    try_next(l);
}

static void
look_up(struct link *l)
{
    l->state = LINK_LOOKING_UP;
    if (l->route->addresses_until_ms > clock_ms()) {
        sender_link_addresses(l);
        return;
    }
    loop_timer_start(l->timer, l->route->settings->connect_timeout);
    if (!route_look_up(l->route))
        fail(l, "4.3.0", "no memory for a look-up");
}

static void
begin(void *arg)
{
    struct link *l = arg;
    const struct settings_next_hop *hop = &l->route->settings->next_hop;

    if (!hop->is_unix && !hop->is_number) {
        look_up(l);
        return;
    }
    if (hop->is_unix)
        use_path(l);
    else
        use_number(l);
    try_next(l);
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
    l->state = LINK_CONNECTING;
    l->fd = -1;
    l->timer = loop_timer_new(r->sender->loop, on_timer, l);
    if (l->timer == NULL) {
        free(l);
        return NULL;
    }
    configure(l, is_plain);
    snprintf(l->host, sizeof(l->host), "%s", r->settings->next_hop.text);
    loop_chore_init(&l->begin, begin, l);
    loop_chore_add(r->sender->loop, &l->begin);
    return l;
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
