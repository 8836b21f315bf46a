/* SPDX-License-Identifier: MIT
 *
 * The sockets that main has bound. They outlive every edge and every reload that keeps their
 * address, so no connection is refused while a role is replaced.
 */
#ifndef DOORSTEPD_LISTEN_PRIV_H
#define DOORSTEPD_LISTEN_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "doorstep/buf.h"
#include "doorstep/settings.h"

#include "activation_priv.h"

struct listen_socket {
    struct listen_socket *next;
    struct sockaddr_storage address; /* as configured; unix: with the path */
    socklen_t length;
    int fd;         /* owned; listening */
    bool is_given;  /* by the service manager: its path is not ours to remove */
    bool is_wanted; /* by the configuration in force */
};

struct listen_set {
    struct listen_socket *sockets; /* owned list */
};

/* listen_open() - bind what the settings want and the set lacks, taking sockets that the service
 * manager has given first. An address family that the host lacks is left out with a warning. False,
 * logged: an address cannot be had; the set is as before. */
bool listen_open(struct listen_set *set, const struct settings *s, struct activation *given);

/* listen_find() - the socket of a configured address; NULL when it was left out. */
const struct listen_socket *listen_find(const struct listen_set *set,
                                        const struct settings_address *a);

/* listen_close_unwanted() - close what the last listen_open() did not ask for. */
void listen_close_unwanted(struct listen_set *set);
void listen_close(struct listen_set *set); /* all; unix sockets of ours are removed */

/* listen_print() - all addresses, with the port that the kernel chose for port 0, separated by
 * spaces. */
void listen_print(const struct listen_set *set, struct buf *out);

#endif
