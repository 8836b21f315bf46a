/* SPDX-License-Identifier: MIT
 *
 * Inside the outbound role: it holds connections to filters for the sessions of all edges, and
 * gives messages of the store to them.
 *
 *   run.c        the role: what main says          edges.c   the doors of the edges
 *   session.c    a session and its chain           store.c   the door of the store
 *   link.c       one connection to a filter
 */
#ifndef FILTER_OUTBOUND_OUTBOUND_PRIV_H
#define FILTER_OUTBOUND_OUTBOUND_PRIV_H

#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"
#include "doorstep/filter.h"
#include "doorstep/loop.h"
#include "doorstep/message.h"
#include "doorstep/settings.h"

#include "chain_priv.h"

#define uthash_nonfatal_oom(element) ((element)->is_unlisted = true)
#include <uthash.h>

struct outbound;
struct session;
struct link;

struct edge_door { /* one edge */
    struct outbound *outbound;
    struct edge_door *next;
    struct door_keeper keeper;
    struct session *sessions; /* table by id */
};

struct store_door {
    struct outbound *outbound;
    struct door_keeper keeper;
    struct question *questions; /* table by id: messages that it asks about */
};

struct outbound {
    struct loop *loop;
    const struct settings *settings; /* in force for new sessions; older ones stay for good */
    const struct filter_hooks *hooks;
    struct door_keeper main;
    struct edge_door *edges; /* owned list */
    struct store_door store;
    struct session *by_key; /* table of all sessions that an edge has open */
    bool is_serving;
    int status;
};

/* --- edges.c --- */

void edges_add(struct outbound *o, int door_fd); /* taken */
void edges_close(struct outbound *o);
void edge_say_verdict(struct edge_door *e, uint64_t id, uint64_t ticket, bool has_lost,
                      const struct outcome *why);

/* --- store.c --- */

void store_door_init(struct outbound *o);
void store_door_open(struct outbound *o, int door_fd); /* taken; an older one is closed */
void store_door_close(struct outbound *o);

/* store_say_result() - the answer to question `id`; unknown ones are ignored. */
void store_say_result(struct outbound *o, uint64_t id, const struct filter_result *result,
                      struct message *body);

/* --- session.c --- */

/* session_open() - names: of filters. NULL without memory. */
struct session *session_open(struct edge_door *e, uint64_t id, const char *key,
                             const char *const *names, unsigned count);
struct session *session_find(struct edge_door *e, uint64_t id);
struct session *session_of_name(struct outbound *o, const char *name);
struct chain *session_chain(struct session *s);

/* session_close() - what was handed to the store is answered first. */
void session_close(struct session *s);

/* session_ask() - the store asks, as question `id`; false: it cannot be asked. */
bool session_ask(struct session *s, uint64_t id, const char *name, struct message *msg);
void sessions_free(struct edge_door *e); /* the edge is gone */

/* --- link.c --- */

/* link_open() - to filter `number` of the session's chain. NULL without memory. */
struct link *link_open(struct session *s, struct loop *loop, unsigned number);
bool link_send(struct link *l, struct span octets);
/* link_wait() - what it is waited for; the timeout begins anew when `turn` is another one. */
void link_wait(struct link *l, enum milter_wait waits, uint64_t turn);
void link_close(struct link *l); /* what is queued is still sent; the session is not called again */

/* What a link tells its session. */
void session_link_opened(struct session *s, unsigned number);
void session_link_lost(struct session *s, unsigned number, const char *cause);
void session_link_bytes(struct session *s, unsigned number, struct span octets);
void session_link_writable(struct session *s, unsigned number);

#endif
