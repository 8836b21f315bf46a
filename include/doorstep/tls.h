/* SPDX-License-Identifier: MIT
 *
 * TLS of a service as everybody but its own files sees it: what it is made of, and what became
 * known of a connection. OpenSSL is included by src/loop/tls*.c alone; conn_start_tls() of loop.h
 * joins a context to a connection.
 */
#ifndef DOORSTEP_TLS_H
#define DOORSTEP_TLS_H

#include <stdbool.h>
#include <stddef.h>

/* One connection's TLS, known when the handshake is done. No text is NULL; those of the client are
 * printable ASCII without CR, LF and other control octets, cut to a bounded length. */
struct tls_facts {
    const char *version;     /* "TLSv1.2", "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256" */
    unsigned bits;           /* of its key */
    bool is_resumed;         /* by a ticket */
    bool has_binding;        /* conn_tls_binding() has one for SCRAM-SHA-256-PLUS */
    const char *server_name; /* that the client asked for (SNI), or "" */
    /* The client's certificate: all "" and false without one. */
    bool is_client_verified;        /* it is good, by client_ca of the listener */
    const char *client_problem;     /* why it is not, "" when it is */
    const char *client_subject;     /* "CN=mta.example.org,O=Example" (RFC 4514) */
    const char *client_issuer;      /* the same for who signed it */
    const char *client_common_name; /* CN of the subject */
    const char *client_email;       /* first rfc822Name, or emailAddress of the subject */
    const char *client_fingerprint; /* SHA-256 of the certificate, 64 lower case hex digits */
};

#endif
