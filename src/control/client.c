/* SPDX-License-Identifier: MIT
 *
 * The client half of the control socket: connect, ask, read replies one at a time. Blocking, with
 * a deadline for each reply. Called by the operator's tool.
 */
#include "control_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/clock.h"

#define READ_SIZE ((size_t)64 << 10)

struct control_client {
    int fd;
    struct buf in;    /* replies not yet taken; the line in use lies before `start` */
    size_t start;     /* of the next reply */
    size_t scanned;   /* no newline between start and here */
    struct buf bytes; /* the decoded piece of the last reply */
    json_t *root;     /* owned: of the last reply */
};

struct control_client *
control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    buf_init(&c->in, CONTROL_REPLY_MAX + READ_SIZE);
    buf_init(&c->bytes, CONTROL_REPLY_MAX);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof(address.sun_path))
        errno = ENAMETOOLONG;
    else if (c->fd >= 0) {
        memcpy(address.sun_path, path, strlen(path));
        if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return c;
    }
    int error = errno;
    control_disconnect(c);
    errno = error;
    return NULL;
}

void
control_disconnect(struct control_client *c)
{
    if (c == NULL)
        return;
    if (c->fd >= 0)
        close(c->fd);
    json_decref(c->root);
    buf_release(&c->in);
    buf_release(&c->bytes);
    free(c);
}

/* A server that hung up may have said why: that is for control_next() to find. */
static bool
send_all(int fd, struct span s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        s = span_skip(s, n > 0 ? (size_t)n : 0);
    }
    return true;
}

bool
control_send(struct control_client *c, const char *op, json_t *args)
{
    struct buf line;
    bool sent = false;

    buf_init(&line, CONTROL_REQUEST_MAX);
    if (control_print_call(&line, op, args))
        sent = send_all(c->fd, buf_span(&line));
    else
        errno = EMSGSIZE;
    json_decref(args);
    buf_release(&line);
    return sent;
}

static bool
wait_readable(int fd, uint64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t now = clock_ms();
        uint64_t left = deadline == 0 ? 60000 : deadline > now ? deadline - now : 0;
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (deadline != 0 && clock_ms() >= deadline) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

/* Append what the socket has. */
static bool
read_some(struct control_client *c, uint64_t deadline)
{
    if (!wait_readable(c->fd, deadline))
        return false;
    if (!buf_reserve(&c->in, READ_SIZE)) {
        errno = c->in.len > CONTROL_REPLY_MAX ? EPROTO : ENOMEM;
        return false;
    }
    ssize_t n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
    if (n > 0)
        c->in.len += (size_t)n;
    if (n == 0)
        errno = ECONNRESET;
    return n > 0 || (n < 0 && errno == EINTR);
}

static bool
take_line(struct control_client *c, struct span *line)
{
    size_t unseen = c->in.len - c->scanned;
    const char *newline = unseen > 0 ? memchr(c->in.data + c->scanned, '\n', unseen) : NULL;

    c->scanned = c->in.len;
    if (newline == NULL)
        return false;
    size_t end = (size_t)(newline - c->in.data);
    *line = (struct span){c->in.data + c->start, end - c->start};
    c->start = c->scanned = end + 1;
    return true;
}

bool
control_next(struct control_client *c, uint64_t timeout_ms, struct control_reply *reply)
{
    uint64_t deadline = timeout_ms == 0 ? 0 : clock_ms() + timeout_ms;
    struct span line;

    json_decref(c->root);
    c->root = NULL;
    while (!take_line(c, &line)) {
        buf_consume(&c->in, c->start);
        c->scanned -= c->start;
        c->start = 0;
        if (!read_some(c, deadline))
            return false;
    }
    if (control_reply_parse(line, reply, &c->root, &c->bytes))
        return true;
    errno = EPROTO;
    return false;
}
