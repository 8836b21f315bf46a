/* SPDX-License-Identifier: MIT
 *
 * Doors: frames with at most one descriptor over an AF_UNIX SOCK_SEQPACKET pair. The kernel keeps
 * packets whole and in order, so there is no stream to fall out of step with. A packet is one
 * frame, or several that were put in it one behind the other to share its system calls; one with a
 * descriptor is always alone. What frames mean is in door_frames.h and with the roles.
 */
#include "door_priv.h"

#include <stdlib.h>
#include <unistd.h>

/* Asked for; an unprivileged process gets what net.core.wmem_max allows, by default room for six
 * full frames. AF_UNIX charges the sender alone, so there is no SO_RCVBUF to set. */
#define DOOR_SOCKET_BUFFER (1024 * 1024)

bool
door_pair(int fds[2])
{
    const int size = DOOR_SOCKET_BUFFER;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        /* Only root may pass the system's maximum; what we get is enough either way. */
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
            (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    return true;
}

struct door *
door_new(int fd, size_t queue_max)
{
    struct door *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        close(fd);
        return NULL;
    }
    d->fd = fd;
    d->last = &d->first;
    d->queue_max = queue_max;
    return d;
}

void
door_free(struct door *d)
{
    if (d == NULL)
        return;
    while (d->first != NULL)
        door_drop_first(d);
    close(d->fd);
    free(d->spare);
    free(d->in);
    free(d);
}

int
door_fd(const struct door *d)
{
    return d->fd;
}

size_t
door_queued(const struct door *d)
{
    return d->queued;
}
