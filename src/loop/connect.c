/* SPDX-License-Identifier: MIT
 *
 * Connecting to somebody without waiting: the addresses that a name has are tried in turn, each for
 * a bounded time. The sockets that come out of it become conns of their owners.
 */
#include "doorstep/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/clock.h"

#define AGAIN_MS 50 /* a unix socket whose backlog is full */

struct loop_connect {
    struct loop *loop;
    struct loop_addresses to;
    unsigned present;     /* of them */
    uint64_t timeout_ms;  /* for each */
    uint64_t deadline_ms; /* of the present one */
    int fd;               /* owned; -1: none */
    struct loop_watch *watch;
    struct loop_timer *timer;
    void (*fn)(void *arg, const struct loop_connected *end);
    void *arg;
};

static void
close_socket(struct loop_connect *c)
{
    loop_timer_stop(c->timer);
    loop_watch_free(c->watch);
    c->watch = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void
loop_connect_cancel(struct loop_connect *c)
{
    if (c == NULL)
        return;
    close_socket(c);
    loop_timer_free(c->timer);
    free(c);
}

static void
try_soon(struct loop_connect *c)
{
    c->deadline_ms = clock_ms() + c->timeout_ms;
    loop_timer_start(c->timer, 0);
}

static void
tell(struct loop_connect *c, int fd, const char *problem)
{
    const struct loop_address last = c->to.list[c->present];
    void (*fn)(void *arg, const struct loop_connected *end) = c->fn;
    void *arg = c->arg;

    loop_connect_cancel(c);
    fn(arg, &(struct loop_connected){.fd = fd, .address = &last, .problem = problem});
}

static void
connected(struct loop_connect *c)
{
    int fd = c->fd;

    c->fd = -1; /* its owner's from now on */
    if (c->to.list[c->present].ip.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    tell(c, fd, NULL);
}

/* The problem stays when no address is left. The next one is tried from the loop, as the first one
 * was. */
static void
refused(struct loop_connect *c, const char *problem)
{
    close_socket(c);
    if (c->present + 1 == c->to.count) {
        tell(c, -1, problem);
        return;
    }
    c->present++;
    try_soon(c);
}

static void
on_writable(void *arg, unsigned events)
{
    struct loop_connect *c = arg;
    int error = 0;

    (void)events;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) != 0)
        error = errno;
    if (error == 0)
        connected(c);
    else
        refused(c, strerror(error));
}

static void
wait_for_peer(struct loop_connect *c)
{
    c->watch = loop_watch_new(c->loop, c->fd, LOOP_WRITE, on_writable, c);
    if (c->watch == NULL)
        refused(c, "no memory for a connection");
    else
        loop_timer_start(c->timer, c->timeout_ms);
}

static void
try_present(struct loop_connect *c)
{
    const struct loop_address *a = &c->to.list[c->present];

    c->fd = socket(a->ip.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&a->ip, a->length) == 0) {
        connected(c);
    } else if (c->fd >= 0 && errno == EINPROGRESS) {
        wait_for_peer(c);
    } else if (c->fd >= 0 && errno == EAGAIN && clock_ms() < c->deadline_ms) {
        close_socket(c);
        loop_timer_start(c->timer, AGAIN_MS);
    } else {
        refused(c, strerror(errno));
    }
}

static void
on_timer(void *arg)
{
    struct loop_connect *c = arg;

    if (c->watch != NULL)
        refused(c, "it cannot be connected to in time");
    else
        try_present(c);
}

struct loop_connect *
loop_connect_new(struct loop *l, const struct loop_addresses *to, uint64_t timeout_ms,
                 void (*fn)(void *arg, const struct loop_connected *end), void *arg)
{
    struct loop_connect *c = malloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    *c = (struct loop_connect){
        .loop = l, .to = *to, .timeout_ms = timeout_ms, .fd = -1, .fn = fn, .arg = arg};
    c->timer = loop_timer_new(l, on_timer, c);
    if (c->timer == NULL) {
        free(c);
        return NULL;
    }
    try_soon(c);
    return c;
}

struct loop_address
loop_address_of_path(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct loop_address a = {.length = sizeof(un)};

    memcpy(un.sun_path, path, strlen(path));
    memcpy(&a.ip, &un, sizeof(un));
    return a;
}
