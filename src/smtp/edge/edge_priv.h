/* SPDX-License-Identifier: MIT
 *
 * Inside the edge role: the role itself (edge.c), its connections (edge_accept.c, edge_conn.c;
 * where an MTA only asks, lookup_conn.c; where a person keeps scripts, manage_conn.c) and its side
 * of the door to the store (door_store.c).
 */
#ifndef DOORSTEP_SMTP_EDGE_PRIV_H
#define DOORSTEP_SMTP_EDGE_PRIV_H

#include <sys/queue.h>

#include "door_store_priv.h"
#include "filter_link_priv.h"
#include "doorstep/loop.h"
#include "doorstep/metrics_labels.h"
#include "doorstep/settings.h"
#include "network_priv.h"

struct edge_conn;
struct edge_tls;

LIST_HEAD(edge_conn_list, edge_conn);
TAILQ_HEAD(edge_conn_queue, edge_conn);

struct edge_handshakes { /* of TLS: edge_handshake.c */
    struct edge_conn_queue running, waiting;
    uint64_t count; /* running */
};

struct edge { /* what all connections share */
    struct loop *loop;
    const struct settings *settings; /* NULL until main sent them */
    struct door_store *store;
    struct filter_link *filters;
    struct edge_tls *tls;      /* owned; NULL: no listener has a certificate */
    struct networks *networks; /* from MAIN_GO on */
    struct edge_conn_list conns;
    LIST_HEAD(, lookup_conn) lookups;
    LIST_HEAD(, manage_conn) managers;
    struct buf sieve_extensions; /* what they are told; empty until the first of them */
    struct buf list_schemes;     /* the same, of RFC 6134 */
    size_t conn_count;
    struct edge_handshakes handshakes;
    bool is_busy; /* so many that timeouts are short */
    bool is_draining;
    void (*on_empty)(struct edge *e); /* the last connection is gone */
};

/* admission_has_room() - for one more connection? */
bool admission_has_room(const struct edge *e, bool is_unix);

/* admission_is_busy() - are so many connections open that timeouts are short? */
bool admission_is_busy(const struct edge *e);

/* admission_refuse() - 421 and close; takes fd. limit: the one that it is too many for. */
void admission_refuse(int fd, enum metrics_LIMITS limit, const char *peer);

/* admission_refusal() - what it hears. */
struct span admission_refusal(enum metrics_LIMITS limit);

/* edge_tls_take() - MAIN_TLS: contexts of all listeners that the memfd (borrowed) has a service
 * for; connections that have begun keep theirs. false: it is none, or no memory. */
bool edge_tls_take(struct edge *e, int fd);
/* edge_tls_take_keys() - MAIN_TICKET_KEYS. */
bool edge_tls_take_keys(struct edge *e, struct span body);
/* edge_tls_context() - of a listener; NULL: it has none. Borrowed until the next edge_tls_take().
 */
struct tls_context *edge_tls_context(const struct edge *e, const struct settings_listen *listen);
void edge_tls_free(struct edge *e);

/* Handshakes of connections that do not wait for their turn: room is asked for first. */
bool edge_handshakes_have_room(const struct edge *e);
void edge_handshakes_enter(struct edge *e);
void edge_handshakes_leave(struct edge *e);

/* What became known by one: a line in the log, whom a good certificate names (owned by the caller;
 * NULL: nobody), and the metrics. */
void edge_handshake_log(const char *id, const struct tls_facts *facts, const char *by);
char *edge_handshake_name(const struct tls_facts *facts);
void edge_handshake_count(const struct tls_facts *facts, uint64_t began_us);

/* edge_handshake_identify() - what TLS knows of a client that logs in: the binding for
 * SCRAM-SHA-256-PLUS, and for EXTERNAL whom its certificate names (or NULL). */
void edge_handshake_identify(struct conn *conn, const char *certificate,
                             struct auth_client *client);

/* edge_has_system_accounts() - whose uid may stand for an account. */
bool edge_has_system_accounts(const struct settings *s);

/* edge_conn_open() - take an accepted socket and greet it. Past the limits it gets 421 and is
 * closed. */
void edge_conn_open(struct edge *e, const struct settings_listen *listen, int fd,
                    const struct sockaddr_storage *peer);

/* edge_conns_drain() - 421 to all that are idle, to the others behind their message. */
void edge_conns_drain(struct edge *e);

/* edge_conns_stop() - 421 to all, now. */
void edge_conns_stop(struct edge *e);

#endif
