/* SPDX-License-Identifier: MIT
 *
 * Inside the relay role: jobs come from the store, wait at the route that they name, and are
 * carried by one of its links.
 *
 *   run.c      the role, and what main says      door.c    the store: jobs in, results out
 *   routes.c   all routes, their secrets         pool.c    one route: what waits, and its links
 *   link.c     one connection: its addresses, up to the moment when it stands
 *   talk.c     the conversation on it: the client, its clock, TLS
 */
#ifndef RELAY_SENDER_SENDER_PRIV_H
#define RELAY_SENDER_SENDER_PRIV_H

#include <sys/queue.h>

#include "doorstep/door_keeper.h"
#include "doorstep/loop.h"
#include "doorstep/relay_client.h"
#include "doorstep/relay_sender.h"
#include "doorstep/table.h"

struct sender;
struct route;
struct link;

struct job { /* a transaction that the store wants */
    struct sender *sender;
    uint64_t id;
    TAILQ_ENTRY(job) waiting; /* at its route, while it has no link */
    struct route *route;      /* borrowed; NULL: its frames are not all there */
    struct link *link;        /* borrowed; NULL: it waits */
    bool is_again;            /* its first connection was stale */
    struct buf packed;        /* owned, until it is whole */
    struct arena arena;       /* what wire points to */
    struct relay_job wire;
    int fd; /* owned; the message */
    UT_hash_handle hh;
};

TAILQ_HEAD(job_list, job);
TAILQ_HEAD(link_list, link);

struct route {
    struct sender *sender;                 /* borrowed */
    const struct settings_route *settings; /* borrowed */
    const char *password;                  /* owned; "" without one */
    struct tls_context *tls;               /* owned; NULL where there is none */
    struct tls_sessions *sessions;         /* owned; what its next hop lets us resume */
    struct job_list waiting;
    struct link_list links;
    unsigned link_count;
    unsigned established; /* links that have come to their first job */
    struct loop_lookup *lookup;
    struct loop_addresses addresses; /* of the next hop, when they were looked up */
    uint64_t addresses_until_ms;     /* 0: they were not */
    uint64_t hold_until_ms;          /* no further link before: the last one was refused */
    struct loop_timer *hold;         /* owned; to go on then */
    struct loop_chore work;          /* due when links and jobs may have to meet */
};

struct store_door {
    struct door_keeper keeper;
    struct job *jobs; /* table by id */
};

struct sender {
    struct loop *loop;
    const struct settings *settings; /* borrowed */
    struct relay_logins *logins;     /* borrowed */
    struct door_keeper main;
    struct store_door store;
    struct route *routes; /* owned; the smarthost, where there is one, is among them */
    size_t route_count;
};

/* --- run.c --- */

_Noreturn void sender_end(struct sender *s, int status, const char *reason);

/* --- door.c --- */

bool sender_door_open(struct sender *s, int fd); /* taken */

/* job_done() - the store hears of it; frees the job. */
void job_done(struct job *j, const struct relay_result *result);
/* job_fail() - the same with one answer for all recipients. */
void job_fail(struct job *j, const char *host, const struct relay_answer *why);

/* --- routes.c --- */

/* routes_open() - all routes of the settings with what main has read for them; fd is borrowed.
 * false, logged: it cannot be used. */
bool routes_open(struct sender *s, int fd);
struct route *routes_find(const struct sender *s, const char *name); /* NULL: there is none */

/* --- pool.c --- */

/* route_init() - false without memory. */
bool route_init(struct route *r, struct sender *s, const struct settings_route *settings);
void route_add(struct route *r, struct job *j); /* behind those that wait */
void route_forget(struct job *j);               /* it waits for nothing any more, or is cut off */

/* What links tell. */
struct job *route_next_job(struct route *r); /* taken from those that wait; NULL: none */
void route_ready(struct route *r);           /* one more link got through */
void route_retry(struct job *j);             /* its connection was stale: another one, at once */

/* route_look_up() - sender_link_addresses() of all links that wait for them, later. false: no
 * memory. */
bool route_look_up(struct route *r);

/* route_link_ended() - l is about to go. why: it never came to a job, NULL: it did. */
void route_link_ended(struct link *l, const struct relay_answer *why);

/* --- link.c --- */

enum link_state { LINK_LOOKING_UP, LINK_CONNECTING, LINK_TALKING, LINK_ENDED };

struct link {
    TAILQ_ENTRY(link) all; /* of its route */
    struct route *route;   /* borrowed */
    enum link_state state;
    bool is_established;          /* it has come to a job, or could have */
    bool is_in_handshake;         /* of TLS */
    struct loop_timer *look_up;   /* owned; the time for it */
    struct loop_connect *connect; /* NULL: not under way */
    struct conn *conn;
    struct relay_client *client; /* owned */
    struct relay_client_config config;
    char host[320];    /* "mx.example.net[192.0.2.1]:25" */
    struct job *job;   /* borrowed; under way */
    uint64_t messages; /* that it has begun to carry */
    bool has_clock;    /* it was set, for these: */
    enum relay_wait waits;
    uint64_t turn; /* of the client */
};

/* sender_link_open() - the route hears no more of it before this has returned. is_plain: without
 * TLS, whatever is offered. NULL without memory. */
struct link *sender_link_open(struct route *r, bool is_plain);
void sender_link_addresses(struct link *l); /* the route knows them now, or why it does not */
bool sender_link_is_idle(const struct link *l);
void sender_link_work(struct link *l); /* there may be a job for it */
void sender_link_cut(struct link *l);  /* at once, without a word: its job is nobody's any more */

/* sender_link_end() - no job is carried any more. why: it never came to one; NULL: it did. Its
 * memory goes when the connection has. */
void sender_link_end(struct link *l, const struct relay_answer *why);
void sender_link_free(struct link *l); /* behind sender_link_end(), when the connection has gone */

/* --- talk.c --- */

/* talk_begin() - fd is connected; taken. false without memory. */
bool talk_begin(struct link *l, int fd);
void talk_work(struct link *l); /* while idle: the next job, or the end */

#endif
