/* SPDX-License-Identifier: MIT
 *
 * Who is at the other end of a socket.
 */
#ifndef DOORSTEP_SMTP_PEER_PRIV_H
#define DOORSTEP_SMTP_PEER_PRIV_H

#include <netinet/in.h>

#include "doorstep/settings.h"

#define PEER_TEXT_SIZE (sizeof("IPv6:") + INET6_ADDRSTRLEN)

/* peer_print() - "192.0.2.1", "IPv6:2001:db8::1" (an IPv4 address mapped into IPv6 is printed as
 * IPv4), "" for a unix socket. */
void peer_print(const struct sockaddr_storage *peer, char out[PEER_TEXT_SIZE]);

#define PEER_PORT_SIZE sizeof("65535")

/* peer_print_port() - "" for a unix socket. */
void peer_print_port(const struct sockaddr_storage *peer, char out[PEER_PORT_SIZE]);
/* peer_uid() - of the process that connected to a unix socket; false: it cannot be told. */
bool peer_uid(int fd, uint32_t *uid);

/* peer_is_trusted() - a unix socket, or in one of the listener's trusted networks. */
bool peer_is_trusted(const struct sockaddr_storage *peer, const struct settings_listen *listen);

#endif
