/* SPDX-License-Identifier: MIT
 *
 * Socket activation by hand, as notify.c: two variables and a loop.
 */
#include "activation_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/span.h"

#define FIRST_FD 3

void
activation_open(struct activation *a)
{
    unsigned long long pid, count;

    a->count = 0;
    if (span_parse_u64(span_of(getenv("LISTEN_PID")), INT32_MAX, &pid) && (pid_t)pid == getpid() &&
        span_parse_u64(span_of(getenv("LISTEN_FDS")), ACTIVATION_MAX, &count)) {
        for (; a->count < count; a->count++) {
            int fd = FIRST_FD + (int)a->count;

            a->fds[a->count] = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

static bool
is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;

        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;

        return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
               memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
    }
    return a->ss_family == AF_UNIX &&
           strcmp(((const struct sockaddr_un *)(const void *)a)->sun_path,
                  ((const struct sockaddr_un *)(const void *)b)->sun_path) == 0;
}

static bool
is_listening_stream(int fd)
{
    int type = 0, listens = 0;
    socklen_t length = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0;
}

int
activation_take(struct activation *a, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < a->count; i++) {
        struct sockaddr_storage own;
        socklen_t length = sizeof(own);
        int fd = a->fds[i];

        memset(&own, 0, sizeof(own));
        if (fd < 0 || getsockname(fd, (struct sockaddr *)&own, &length) != 0 ||
            !is_same_address(&own, address) || !is_listening_stream(fd) ||
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
            continue;
        a->fds[i] = -1;
        return fd;
    }
    return -1;
}

void
activation_close(struct activation *a)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->fds[i] < 0)
            continue;
        log_event(LOG_LEVEL_WARNING, "activation", "descriptor", log_num(a->fds[i]), "error",
                  "no listen section has this socket's address", NULL);
        close(a->fds[i]);
    }
    a->count = 0;
}
