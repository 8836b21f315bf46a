/* SPDX-License-Identifier: MIT
 *
 * Messages to the service manager: sd_notify(3)'s documented protocol, a datagram of NAME=VALUE
 * lines to the socket that NOTIFY_SOCKET names. Without that variable nothing is sent.
 */
#ifndef DOORSTEPD_NOTIFY_PRIV_H
#define DOORSTEPD_NOTIFY_PRIV_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* owned; -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_length;
    uint64_t watchdog_ms; /* send WATCHDOG=1 this often; 0: not asked for */
};

/* notify_open() - from the environment, whose variables are removed: roles must not speak for main.
 */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* notify_send() - lines without the last newline, "READY=1\nSTATUS=...". Failure is not an error.
 */
void notify_send(const struct notify *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
