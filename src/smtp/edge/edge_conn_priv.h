/* SPDX-License-Identifier: MIT
 *
 * Inside a connection of the edge: what its files share. edge_accept.c makes one, edge_conn.c moves
 * its octets and its time, edge_session.c does what its session asks for, edge_answers.c brings
 * back what the store and the filters say, edge_handshake.c begins TLS.
 */
#ifndef DOORSTEP_EDGE_CONN_PRIV_H
#define DOORSTEP_EDGE_CONN_PRIV_H

#include "doorstep/smtp_session.h"
#include "edge_priv.h"
#include "pace_priv.h"
#include "peer_priv.h"
#include "proxied_priv.h"

struct edge_conn {
    struct edge *edge;                    /* borrowed */
    const struct settings_listen *listen; /* borrowed */
    LIST_ENTRY(edge_conn) link;
    struct conn *conn;
    struct smtp_session *session; /* owned; NULL until a PROXY header is whole */
    struct buf header;            /* of PROXY, so far */
    struct door_client client;
    struct filter_client *filters; /* owned, or NULL */
    char id[ID_SIZE];
    struct sockaddr_storage address; /* of the client, as far as it is known */
    char peer[PEER_TEXT_SIZE];       /* as text */
    struct {                         /* for the filters */
        char peer_port[PEER_PORT_SIZE];
        char address[PEER_TEXT_SIZE];
        char port[PEER_PORT_SIZE];
    } names;
    bool is_unix;            /* and no proxy's */
    struct proxied *proxied; /* owned; TLS that a proxy ended, or NULL */
    uint32_t uid;            /* of a unix socket's peer */
    char *certificate;       /* owned; the account that a verified one names, or NULL */
    struct network *network; /* that counts it; NULL: none does */
    struct pace pace;
    bool is_exempt; /* from limits by network, and never in a hurry */
    bool is_full;   /* of output the client does not read */
    bool is_reading;
    bool has_ended; /* the client sends no more */
    struct {        /* TLS begins: its timeout runs, and nothing else moves that */
        enum { HANDSHAKE_NONE, HANDSHAKE_WAITS, HANDSHAKE_RUNS } state;
        bool is_counted; /* it is in one of the edge's queues */
        TAILQ_ENTRY(edge_conn) link;
        uint64_t began_us;
    } handshake;
    unsigned protocol; /* label of its metrics */
    uint64_t began_us;
};

/* --- edge_conn.c --- */

/* What the loop calls. */
extern const struct conn_handlers edge_conn_handlers;

/* edge_conn_update() - after everything that may have moved the session: input on or off, the right
 * deadline. */
void edge_conn_update(struct edge_conn *c);

/* edge_conns_add() / edge_conns_remove() - a connection of any kind is there, or gone: they are
 * counted, and timeouts follow their number. Behind the last one e->on_empty is called. */
void edge_conns_add(struct edge *e);
void edge_conns_remove(struct edge *e);

/* --- edge_accept.c --- */

/* edge_accept_header() - octets of a PROXY header, or behind it: the session begins when it is
 * whole. */
void edge_accept_header(struct edge_conn *c, struct span bytes);

/* edge_accept_rest() - what came behind the header, and waited for a handshake perhaps. */
void edge_accept_rest(struct edge_conn *c);

/* edge_accept_is_exempt() - from limits by network, as far as its address is known now. */
bool edge_accept_is_exempt(const struct edge_conn *c);

/* --- edge_session.c --- */

/* edge_session_new() - for a client that is known now; NULL without memory. */
struct smtp_session *edge_session_new(struct edge_conn *c);

/* --- edge_answers.c --- */

/* What the door of the store calls. */
extern const struct door_client_calls edge_answers_calls;

/* edge_answers_filter() - the filters' answer; the session may be waiting for it inside its own
 * call. arg: the connection. */
void edge_answers_filter(void *arg, uint64_t ticket, const struct outcome *o);

/* --- edge_handshake.c --- */

bool edge_handshake_is_possible(const struct edge_conn *c);

/* edge_handshake_begin() - the next octets are TLS; past limits.handshakes they stay unread until
 * another handshake has ended. */
void edge_handshake_begin(struct edge_conn *c);

/* edge_handshake_done() - TLS has begun. arg: the connection. */
void edge_handshake_done(void *arg, const struct tls_facts *facts);

/* edge_handshake_note() - what is known of TLS, ours or a proxy's, for the log and for AUTH. */
void edge_handshake_note(struct edge_conn *c, const struct tls_facts *facts);

/* edge_handshake_leave() - the connection ends, or has its TLS; others may be next. */
void edge_handshake_leave(struct edge_conn *c);

/* edge_handshake_timeout() - its time is over; the connection ends. */
void edge_handshake_timeout(struct edge_conn *c);

#endif
