/* SPDX-License-Identifier: MIT
 *
 * Inside the edge's side of the store's door: what is asked (door_requests.c), how (door_store.c),
 * and the door itself (door_link.c).
 */
#ifndef DOORSTEP_SMTP_DOOR_LINK_PRIV_H
#define DOORSTEP_SMTP_DOOR_LINK_PRIV_H

#include "door_store_priv.h"
#include "doorstep/buf.h"
#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"

/* Without memory for the table a request is not added; see door_request_add(). */
#define uthash_nonfatal_oom(request) ((request)->is_unlisted = true)
#include "doorstep/table.h"

#define DOOR_LINK_QUEUE_MAX (16u << 20) /* octets unsent; nothing more is sent */

struct door_request {
    uint64_t id;
    struct door_client *client;
    uint64_t rcpt_id; /* of a question */
    uint16_t type;    /* of a question: EDGE_RCPT or EDGE_ALIAS */
    char *body;       /* owned; of a question; NULL: this is a message or a log-in */
    size_t body_length;
    uint32_t answers_missing; /* of a message that has ended */
    bool has_ended;
    bool is_auth;      /* a log-in, neither question nor message */
    bool is_scripts;   /* to scripts: it stays when it has succeeded */
    bool is_asking;    /* for a script */
    struct buf answer; /* so far */
    bool is_lost;      /* lost() will be called */
    bool is_unlisted;  /* the table had no memory for it */
    LIST_ENTRY(door_request) of_client;
    UT_hash_handle hh; /* by id */
};

struct door_store {
    struct door_keeper keeper; /* without a door the store is away */
    struct loop_timer *away;   /* runs while questions wait for a store */
    struct loop_timer *soon;   /* tells clients what was lost inside one of their own calls */
    bool is_long_away;         /* questions wait no more */
    bool is_disk_full;         /* says the store */
    bool is_congested;         /* too much waits unsent: the senders are paused */
    uint64_t last_id;
    struct door_request *requests;    /* table */
    LIST_HEAD(, door_client) senders; /* those in the middle of a message */
    struct buf piece;                 /* content of one message, gathered */
    uint64_t piece_id;
};

/* --- door_requests.c --- */

/* door_request_add() - with a new id, among the client's; NULL without memory. */
struct door_request *door_request_add(struct door_store *d, struct door_client *c);
void door_request_free(struct door_store *d, struct door_request *r);

/* door_request_find() - NULL: nobody waits for that any more. */
struct door_request *door_request_find(const struct door_store *d, uint64_t id);

/* A client between the begin and the end of its message is paused when the door is congested. */
void door_client_start_sending(struct door_store *d, struct door_client *c);
void door_client_stop_sending(struct door_client *c);

/* --- door_auth.c --- */

/* Frames of the store; false: they are none. */
bool door_auth_take_challenge(struct door_store *d, const struct door_frame *f);
bool door_auth_take_done(struct door_store *d, const struct door_frame *f);

/* door_auth_send() - EDGE_AUTH_BEGIN or EDGE_SCRIPT_LOGIN; the client's log-in from now on. NULL:
 * it cannot be now. */
struct door_request *door_auth_send(struct door_store *d, struct door_client *c, uint16_t type,
                                    const struct auth_client *client,
                                    const struct auth_begin *begin);

/* --- door_scripts.c --- */

/* STORE_SCRIPT; false: it is none. */
bool door_scripts_take(struct door_store *d, const struct door_frame *f);

/* --- door_alias.c --- */

/* STORE_ALIAS; false: it is none. */
bool door_alias_take(struct door_store *d, const struct door_frame *f);

/* --- door_link.c --- */

/* door_link_send() - false: the store is away, or the queue is full. */
bool door_link_send(struct door_store *d, uint16_t type, uint64_t id, struct span body);

/* door_link_lose() - this message cannot go on; its client hears of it a moment later. */
void door_link_lose(struct door_store *d, struct door_request *r);

/* door_link_ask() - a question that is to be asked now, and again of a new store; takes body.
 * false: it cannot be, and r is gone. */
bool door_link_ask(struct door_store *d, struct door_request *r, struct buf *body);

#endif
