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
#include <stdint.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/pack.h"
#include "doorstep/span.h"

/* --- certificates and their keys --- */

#define TLS_PAIRS_MAX 64  /* of a service */
#define TLS_CHAIN_MAX 16  /* certificates behind the first of a file */
#define TLS_NAME_SIZE 256 /* of a service's name, with its NUL */
#define TLS_PEM_MAX 65536 /* octets of one file */
#define TLS_AUTHORITIES_PEM_MAX 1048576

struct tls_pair {            /* PEM texts, borrowed */
    struct span certificate; /* and behind it those that lead to its root */
    struct span key;
};

/* tls_pair_check() - can they be used, today? *not_after gets the end of the certificate's life.
 * false: why says what is wrong, as the second half of a sentence. */
bool tls_pair_check(const struct tls_pair *pair, time_t *not_after, struct buf *why);

/* tls_authorities_check() - the same for a file of authorities. */
bool tls_authorities_check(struct span pem, struct buf *why);

/* --- a service --- */

/* Secrets that tickets are sealed with. The first seals; the others open tickets of before. They
 * are the same in all edges, and each service derives its own from them. */
#define TLS_TICKET_KEYS 3
#define TLS_TICKET_KEY_SIZE 32
#define TLS_TICKET_LIFE 7200 /* seconds that a ticket is good for, while its key is there */

struct tls_ticket_keys {
    unsigned count;
    uint8_t key[TLS_TICKET_KEYS][TLS_TICKET_KEY_SIZE];
};

struct tls_service {              /* all borrowed for the call */
    const char *name;             /* tickets of one name are nothing to another */
    const struct tls_pair *pairs; /* the first is for clients that name no server we have */
    size_t pair_count;
    struct span client_ca; /* PEM; SPAN_NONE: clients are not asked for certificates */
};

/* tls_service_pack() / tls_service_unpack() - how main hands one to an edge: pairs (of the caller,
 * TLS_PAIRS_MAX of them) and texts are borrowed from the input. Trouble shows in u->broken. */
void tls_service_pack(const struct tls_service *service, struct pack *p);
void tls_service_unpack(struct tls_service *service, char name[TLS_NAME_SIZE],
                        struct tls_pair *pairs, struct unpack *u);

void tls_ticket_keys_pack(const struct tls_ticket_keys *keys, struct pack *p);
void tls_ticket_keys_unpack(struct tls_ticket_keys *keys, struct unpack *u);

struct tls_context;

/* tls_context_new() - what conn_start_tls() needs, with one reference. NULL: why says it. */
struct tls_context *tls_context_new(const struct tls_service *service, struct buf *why);
/* tls_context_free() - give the reference back; connections keep theirs. NULL is allowed. */
void tls_context_free(struct tls_context *x);

/* tls_context_keep() - one more reference. */
struct tls_context *tls_context_keep(struct tls_context *x);

/* tls_context_set_keys() - from now on; until then no tickets are given. Copied. */
void tls_context_set_keys(struct tls_context *x, const struct tls_ticket_keys *keys);

/* --- the other side: connections of ours to other services --- */

/* tls_client_context_new() - what conn_start_tls_client() needs, with one reference. authorities:
 * PEM of those that are believed, SPAN_NONE for none. NULL: why says it. */
struct tls_context *tls_client_context_new(struct span authorities, struct buf *why);

/* tls_sessions_new() - what one target's server lets us resume, in memory; for connections of one
 * thread, which must be gone before tls_sessions_free(). NULL without memory. */
struct tls_sessions;
struct tls_sessions *tls_sessions_new(void);
void tls_sessions_free(struct tls_sessions *s); /* NULL is allowed */

struct tls_target {   /* whom a connection is meant for */
    const char *name; /* the certificate has to have it; a domain in A-labels, or an address */
    bool is_number;   /* an address: no server is named in the handshake (RFC 6066 section 3) */
    bool is_strict;   /* ciphers and keys as our own services have them; otherwise whatever TLS 1.2
                         still has: better than none (RFC 7435) */
    struct tls_sessions *sessions; /* borrowed; NULL: none is resumed */
};

/* --- a connection --- */

/* Channel bindings (RFC 5929, RFC 9266). tls-unique is none: TLS 1.3 has it not. */
enum tls_binding { TLS_BINDING_EXPORTER, TLS_BINDING_SERVER_END_POINT };
#define TLS_BINDING_MAX 64 /* octets */

/* One connection's TLS, known when the handshake is done. No text is NULL; those of the client are
 * printable ASCII without CR, LF and other control octets, cut to a bounded length. */
struct tls_facts {
    const char *version;     /* "TLSv1.2", "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256" */
    unsigned bits;           /* of its key */
    bool is_resumed;         /* by a ticket; a server's certificate was looked at before */
    bool has_binding;        /* conn_tls_binding() has an exporter, for SCRAM-SHA-256-PLUS */
    const char *server_name; /* that the client asked for (SNI), or "" */
    /* A connection of ours: false and "" in one to us. Nothing fails for it, the owner decides. */
    bool is_server_verified;    /* the certificate is good, and of the target's name */
    const char *server_problem; /* why it is not, "" when it is */
    /* The client's certificate: all "" and false without one. */
    bool is_client_verified;        /* it is good, by client_ca of the listener */
    const char *client_problem;     /* why it is not, "" when it is */
    const char *client_subject;     /* "CN=mta.example.org,O=Example" (RFC 4514) */
    const char *client_issuer;      /* the same for who signed it */
    const char *client_issuer_name; /* CN of that one */
    const char *client_common_name; /* CN of the subject */
    const char *client_email;       /* first rfc822Name, or emailAddress of the subject */
    const char *client_fingerprint; /* SHA-256 of the certificate, 64 lower case hex digits */
};

#endif
