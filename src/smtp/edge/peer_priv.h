/* SPDX-License-Identifier: MIT
 *
 * Who is at the other end of a socket.
 */
#ifndef DOORSTEP_SMTP_PEER_PRIV_H
#define DOORSTEP_SMTP_PEER_PRIV_H

#include <netinet/in.h>

#include "doorstep/settings.h"

#define PEER_PORT_SIZE sizeof("65535")
#define PEER_TEXT_SIZE (sizeof("IPv6:") + INET6_ADDRSTRLEN)

/* peer_print() - "192.0.2.1", "IPv6:2001:db8::1" (an IPv4 address mapped into IPv6 is printed as
 * IPv4), "" for a unix socket. */
void peer_print(const struct sockaddr_storage *peer, char out[PEER_TEXT_SIZE]);

/* peer_print_port() - "56324"; "" for a unix socket. */
void peer_print_port(const struct sockaddr_storage *peer, char out[PEER_PORT_SIZE]);
/* peer_uid() - of the process that connected to a unix socket; false: it cannot be told. */
bool peer_uid(int fd, uint32_t *uid);

/* peer_read() - what peer_print() printed for an IP address; false: that it is not. The port is 0.
 */
bool peer_read(const char *text, struct sockaddr_storage *out);

/* peer_octets() - the address in network order, IPv4 also where it was mapped into IPv6: 4 or 16
 * octets, 0 for a unix socket. */
size_t peer_octets(const struct sockaddr_storage *peer, uint8_t out[16]);

/* peer_is_in() - a unix socket, or in one of the networks. */
bool peer_is_in(const struct sockaddr_storage *peer, const struct settings_network *networks,
                size_t count);

/* peer_is_trusted() - peer_is_in() of the listener's trusted networks. */
bool peer_is_trusted(const struct sockaddr_storage *peer, const struct settings_listen *listen);

#endif
