/* SPDX-License-Identifier: MIT
 *
 * The PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): what a proxy says in
 * front of a connection about the client behind it. A pure parser; who may send a header, and how
 * long that may take, is the business of its caller.
 */
#ifndef DOORSTEP_SMTP_PROXY_PRIV_H
#define DOORSTEP_SMTP_PROXY_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "doorstep/span.h"

/* Octets of the longest header that is read: 107 in version 1, in version 2 the fixed part and what
 * its length announces. */
#define PROXY_HEADER_MAX 4096
#define PROXY_TEXT_SIZE 257 /* a host name, a certificate's name */
#define PROXY_ID_SIZE 257   /* 128 octets in hex */

enum proxy_result {
    PROXY_MORE, /* so far it may be one */
    PROXY_DONE,
    PROXY_BAD /* it is none, or is broken: close the connection */
};

struct proxy_header {
    bool has_client; /* false: LOCAL, UNKNOWN, or a client on a unix socket of the proxy's host: the
                      * connection stands for itself */
    struct sockaddr_storage source; /* when has_client: AF_INET or AF_INET6 */
    struct sockaddr_storage destination;
    bool is_tls;                     /* between client and proxy */
    bool is_client_verified;         /* it showed a certificate, which the proxy found good */
    char tls_version[32];            /* "TLSv1.3", or "" */
    char tls_cipher[64];             /* or "" */
    char client_cn[PROXY_TEXT_SIZE]; /* of the client's certificate, or "" */
    char alpn[PROXY_TEXT_SIZE];      /* the protocol that TLS agreed on, or "" */
    char authority[PROXY_TEXT_SIZE]; /* the server name that the client asked for, or "" */
    char unique_id[PROXY_ID_SIZE];   /* as it is where that is printable, else in hex; or "" */
};

/* proxy_parse() - the header at the begin of `in`. PROXY_DONE: *used octets are the header's. */
enum proxy_result proxy_parse(struct span in, struct proxy_header *h, size_t *used);

#endif
