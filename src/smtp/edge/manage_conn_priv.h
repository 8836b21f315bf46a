/* SPDX-License-Identifier: MIT
 *
 * Connections of people who keep their Sieve scripts (listen managesieve): manage_conn.c moves
 * octets, time and TLS, manage_session.c does what the session (managesieve.h) asks for.
 */
#ifndef DOORSTEP_SMTP_MANAGE_CONN_PRIV_H
#define DOORSTEP_SMTP_MANAGE_CONN_PRIV_H

#include "doorstep/managesieve.h"
#include "edge_priv.h"
#include "peer_priv.h"

struct manage_conn {
    struct edge *edge;                    /* borrowed */
    const struct settings_listen *listen; /* borrowed */
    LIST_ENTRY(manage_conn) link;
    struct conn *conn;
    struct managesieve *session; /* owned; NULL until an implicit TLS has begun */
    struct door_client client;
    char id[ID_SIZE];
    struct sockaddr_storage address;
    char peer[PEER_TEXT_SIZE];
    bool is_unix;
    uint32_t uid;            /* of a unix socket's peer */
    char *certificate;       /* owned; the account that a verified one names, or NULL */
    struct network *network; /* that counts it; NULL: none does */
    bool is_exempt;          /* from limits by network */
    bool is_full;            /* of output the client does not read */
    bool is_reading;
    bool has_ended; /* the client sends no more */
    struct {
        bool is_running, is_counted;
        uint64_t began_us;
    } handshake;
    enum sasl_mechanism mechanism; /* of the log-in under way */
    struct buf final;              /* what SCRAM said last, kept until it has succeeded */
    uint64_t began_us;
    struct {                 /* what the deadline is of */
        uint64_t since_ms;   /* this wait */
        uint64_t steps;      /* at its begin */
        bool waits, is_full; /* likewise */
        enum metrics_LIMITS limit;
    } pace;
};

/* --- manage_conn.c --- */

/* manage_conn_open() - take an accepted socket. Past the limits it hears BYE. */
void manage_conn_open(struct edge *e, const struct settings_listen *listen, int fd,
                      const struct sockaddr_storage *peer);

/* manage_conns_drain() - BYE to each, behind the answer that it is owed; manage_conns_stop() - now.
 */
void manage_conns_drain(struct edge *e);
void manage_conns_stop(struct edge *e);

/* manage_conn_update() - after everything that may have moved the session: input on or off, the
 * right deadline. */
void manage_conn_update(struct manage_conn *c);

/* manage_conn_start_tls() - the next octets are TLS. */
void manage_conn_start_tls(struct manage_conn *c);

/* --- manage_session.c --- */

/* What the door of the store calls. */
extern const struct door_client_calls manage_door_calls;

/* manage_session_new() - greets. facts: of TLS that has begun, or NULL. NULL without memory. */
struct managesieve *manage_session_new(struct manage_conn *c, const struct tls_facts *facts);

#endif
