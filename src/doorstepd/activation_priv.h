/* SPDX-License-Identifier: MIT
 *
 * Sockets that the service manager has opened for us (sd_listen_fds(3): LISTEN_PID and LISTEN_FDS,
 * descriptors from 3 on), matched to the configuration by address.
 */
#ifndef DOORSTEPD_ACTIVATION_PRIV_H
#define DOORSTEPD_ACTIVATION_PRIV_H

#include <stddef.h>
#include <sys/socket.h>

#define ACTIVATION_MAX 64

struct activation {
    int fds[ACTIVATION_MAX]; /* owned; -1 where taken */
    size_t count;
};

/* activation_open() - from the environment, whose variables are removed. None given: count is 0. */
void activation_open(struct activation *a);

/* activation_take() - a listening socket with this address, now the caller's, or -1. */
int activation_take(struct activation *a, const struct sockaddr_storage *address);

/* activation_close() - what nobody took is closed, with a warning each. */
void activation_close(struct activation *a);

#endif
