/* SPDX-License-Identifier: MIT
 *
 * Peer addresses: as text and back, and the networks that the configuration names.
 */
#include "peer_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

size_t
peer_octets(const struct sockaddr_storage *peer, uint8_t out[16])
{
    if (peer->ss_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)peer)->sin_addr, 4);
        return 4;
    }
    if (peer->ss_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)peer)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(six)) {
            memcpy(out, six->s6_addr + 12, 4);
            return 4;
        }
        memcpy(out, six, 16);
        return 16;
    }
    return 0;
}

void
peer_print(const struct sockaddr_storage *peer, char out[PEER_TEXT_SIZE])
{
    uint8_t octets[16];
    char text[INET6_ADDRSTRLEN] = "";
    size_t n = peer_octets(peer, octets);

    if (n > 0)
        inet_ntop(n == 4 ? AF_INET : AF_INET6, octets, text, sizeof(text));
    snprintf(out, PEER_TEXT_SIZE, "%s%s", n == 16 ? "IPv6:" : "", text);
}

void
peer_print_port(const struct sockaddr_storage *peer, char out[PEER_PORT_SIZE])
{
    unsigned port = 0;

    if (peer->ss_family == AF_INET)
        port = ntohs(((const struct sockaddr_in *)peer)->sin_port);
    else if (peer->ss_family == AF_INET6)
        port = ntohs(((const struct sockaddr_in6 *)peer)->sin6_port);
    out[0] = '\0';
    if (port != 0)
        snprintf(out, PEER_PORT_SIZE, "%u", port & 0xffff);
}

static bool
in_network(const uint8_t *octets, size_t n, const struct settings_network *network)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;

    if ((network->family == AF_INET ? 4 : 16) != n || network->bits > n * 8)
        return false;
    if (memcmp(octets, network->bytes, whole) != 0)
        return false;
    return rest == 0 || ((octets[whole] ^ network->bytes[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool
peer_is_in(const struct sockaddr_storage *peer, const struct settings_network *networks,
           size_t count)
{
    uint8_t octets[16];
    size_t n = peer_octets(peer, octets);

    if (n == 0)
        return peer->ss_family == AF_UNIX;
    for (size_t i = 0; i < count; i++) {
        if (in_network(octets, n, &networks[i]))
            return true;
    }
    return false;
}

bool
peer_uid(int fd, uint32_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer))
        return false;
    *uid = (uint32_t)peer.uid;
    return true;
}

bool
peer_is_trusted(const struct sockaddr_storage *peer, const struct settings_listen *listen)
{
    return peer_is_in(peer, listen->trusted, listen->trusted_count);
}

bool
peer_read(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    const char *colon = strchr(text, ':'); /* behind "IPv6" */

    memset(out, 0, sizeof(*out));
    out->ss_family = colon == NULL ? AF_INET : AF_INET6;
    if (colon == NULL)
        return inet_pton(AF_INET, text, &four->sin_addr) == 1;
    return inet_pton(AF_INET6, colon + 1, &six->sin6_addr) == 1;
}
