/* SPDX-License-Identifier: MIT
 *
 * The store role's dispatcher: what its files share. Everything here belongs to the loop's thread,
 * except what is said to be thread-safe.
 */
#ifndef DELIVER_DELIVER_PRIV_H
#define DELIVER_DELIVER_PRIV_H

#include "doorstep/control.h"
#include "doorstep/deliver.h"
#include "doorstep/door_keeper.h"
#include "doorstep/loop.h"
#include "doorstep/metrics_book.h"
#include "doorstep/relay_queue.h"
#include "doorstep/table.h"

#include "active_priv.h"
#include "asks_priv.h"
#include "batch_priv.h"
#include "delivery_log_priv.h"
#include "directory_priv.h"
#include "disk_priv.h"
#include "filters_priv.h"
#include "hands_priv.h"
#include "logins_priv.h"
#include "runners_priv.h"
#include "rates_priv.h"
#include "recovery_priv.h"
#include "relay_link_priv.h"
#include "scheduler_priv.h"
#include "senders_priv.h"
#include "slow_priv.h"
#include "sorters_priv.h"
#include "usage_priv.h"
#include "worker_priv.h"

struct transaction;

struct counters { /* `doorstep stats` */
    uint64_t transactions;
    uint64_t delivered; /* accounts that got a message */
    uint64_t duplicates;
    uint64_t temporary; /* answers, by their class */
    uint64_t permanent;
    uint64_t rcpt_accepted;
    uint64_t rcpt_refused;
    uint64_t octets;
    uint64_t unsorted; /* messages whose facts stayed unknown */
};

#define EDGE_QUEUE_MAX (8u << 20) /* octets of answers that an edge may leave unread */

struct edge { /* one edge's door */
    struct deliver *deliver;
    struct edge *next, *prev;
    uint32_t slot;
    struct door_keeper keeper;
    struct transaction *receiving;  /* uthash by id: whose end of data has not come */
    struct script_session *scripts; /* uthash by id: who has logged in to his scripts */
    uint64_t lookups;               /* recipients that it asked about and has no answer to */
    unsigned references;            /* requests under way that will answer it */
};

struct deliver {
    const struct settings *settings;
    struct loop *loop;
    struct door_keeper main;
    struct loop_timer *drain_timer;
    struct edge *edges;
    struct directory *directory;
    struct hands *hands;
    struct sorters *sorters;
    struct logins *logins;
    int auth_fd;             /* its door, until there are logins */
    struct filters *filters; /* milters */
    struct runners *runners;
    struct filters *passthrough; /* content filters that give messages back */
    struct syncer *syncer;
    struct queue *queue;         /* of what leaves again */
    struct relay_link *relay;    /* the door to who sends it */
    struct scheduler *scheduler; /* what is sent when; NULL until the replay is over */
    struct asks *asks;           /* of homes elsewhere; NULL with it */
    struct workers *workers;
    struct usage *usage;
    struct active *active;
    struct global_scripts *global_scripts;
    struct rates *rates;
    struct slow slow;       /* whose deliveries take longest */
    struct senders senders; /* of what is sent on */
    struct disk *disk;
    struct job_thread *clerk; /* what may take its time: passwords, the delivery log */
    struct delivery_log *log;
    struct metrics_book *metrics; /* of all roles, for the tool */
    struct control *control;
    struct held_request *held; /* the tool's, until the replay is over; tool/operations.c */
    int control_fd;            /* until the loop starts to serve it */
    int lock_fd;               /* state_dir/store.lock: one store at a time */
    unsigned running;   /* look-ups of recipients, transactions from their begin on, and the tool's
                         * operations */
    uint64_t memory;    /* octets set aside for messages in memory */
    uint64_t envelopes; /* octets of envelopes, as they came */
    uint64_t started_ms;
    bool is_offline;                  /* no edges: the tool asked for a daemon for one task */
    bool is_serving;                  /* the journals of the last run are carried out */
    struct recovery *recovery;        /* until then */
    struct recovery_report recovered; /* and what it found */
    bool is_draining;
    int exit_status;
    struct counters counters;
};

/* --- run.c --- */

/* deliver_end() - the loop stops, and the role ends with this status; work that is under way is cut
 * off where it may be. */
void deliver_end(struct deliver *d, int status);

/* --- main_door.c --- */

/* deliver_open_doors() - main's door (taken, also where it fails), and the places of those that
 * main will give. false: no memory. */
bool deliver_open_doors(struct deliver *d, struct door *main_door);

/* deliver_tell_main() - false: main is gone, or does not read. */
bool deliver_tell_main(struct deliver *d, uint16_t type, uint64_t id, struct span body);

/* deliver_kill_edge() - ask main to end the edge in this slot and to start another; so for the auth
 * role. */
void deliver_kill_edge(struct deliver *d, uint32_t slot);
void deliver_kill_auth(void *deliver);

/* --- start.c --- */

/* deliver_start() - MAIN_GO: opens everything and carries out the last run's journals; main hears
 * when it is done. Where it fails the role ends. is_offline: for one task of the tool's. */
void deliver_start(struct deliver *d, bool is_offline);

/* --- drain.c --- */

/* deliver_drain() - MAIN_DRAIN: nothing new from the tool, and the role ends when nothing is under
 * way any more, or in ms. */
void deliver_drain(struct deliver *d, uint32_t ms);

/* deliver_done_running() - one thing less is under way. */
void deliver_done_running(struct deliver *d);

/* deliver_end_when_drained() - draining, nothing under way and every answer sent: the role ends. */
void deliver_end_when_drained(struct deliver *d);

/* --- edges.c --- */

/* edge_add() - serve the door (taken) of an edge; an older one in that slot stays until it closes.
 */
void edge_add(struct deliver *d, uint32_t slot, int door_fd);
void edges_free(struct deliver *d);
/* edges_serve() - from now on they are heard. */
void edges_serve(struct deliver *d);
/* edges_tell_disk() - STORE_DISK to all. */
void edges_tell_disk(struct deliver *d);
bool edges_have_unsent(const struct deliver *d);
/* edge_is_here() - false: it is gone, and hears no answers. */
bool edge_is_here(const struct edge *e);
void edge_unref(struct edge *e);
/* edge_send() - a frame to the edge, at the end of the turn; nothing happens when it is gone. An
 * edge that does not read is dropped. */
void edge_send(struct edge *e, uint16_t type, uint64_t id, struct span body);

/* rcpt_ask() - EDGE_RCPT: who is that, and is there room? Answers STORE_RCPT. false: the frame is
 * broken. */
bool rcpt_ask(struct edge *e, uint64_t id, struct span body);

/* alias_ask() - EDGE_ALIAS: what does it lead to? Answers STORE_ALIAS. false: the frame is broken.
 */
bool alias_ask(struct edge *e, uint64_t id, struct span body);

/* Transactions, from EDGE_DATA_BEGIN to the last STORE_ANSWER. false: the frame is broken. */
bool transaction_begin(struct edge *e, uint64_t id, struct span body);
bool transaction_data(struct edge *e, uint64_t id, struct span octets);
bool transaction_envelope(struct edge *e, uint64_t id, struct span piece);
bool transaction_end(struct edge *e, uint64_t id, struct span body);
bool transaction_abort(struct edge *e, uint64_t id);
void transactions_abort_all(struct edge *e);

/* operation_handle() - the control socket's requests; tool/operations.c. */
void operation_handle(void *deliver, struct control_request *r);

/* operations_serve() - what was asked during the replay: now, or never when that failed. */
void operations_serve(struct deliver *d);

#endif
