/* SPDX-License-Identifier: MIT
 *
 * The server half in three files: server.c listens and admits, peer.c is a connection, request.c is
 * what the handler holds. A peer ends when the client goes away, a request when the handler has
 * answered it, whichever comes first: each knows the other only while both live.
 */
#ifndef DOORSTEP_CONTROL_SERVER_PRIV_H
#define DOORSTEP_CONTROL_SERVER_PRIV_H

#include "control_priv.h"

struct control_peer {
    struct control *control;           /* borrowed; NULL once that is freed */
    struct control_peer *next, **link; /* list of the control's */
    struct conn *conn;                 /* owned until on_closed */
    struct buf in;                     /* input; what lies before `start` is done with */
    size_t start;                      /* of the first line not yet run */
    size_t scanned;                    /* no newline between start and here */
    struct control_request *request;   /* in work, or NULL; borrowed */
    bool dispatching;                  /* control_peer_dispatch() is on the stack */
    bool paused;                       /* reading is, while enough requests wait */
    bool line_timer;                   /* half a line is waited for */
    bool full;                         /* conn_write() said so, on_writable has not come yet */
    bool closing;                      /* conn_close() was called: nothing more is read or run */
};

struct control_request {
    struct control_call call;
    struct control_peer *peer; /* NULL: gone */
    struct loop_timer *timer;  /* owned; calls `writable` when it missed its event */
    void (*writable)(void *arg, struct control_request *r);
    void *writable_arg;
    uint64_t progress_at; /* clock_ms() of the last progress line sent, 0: none yet */
    bool broken;          /* a reply could not be printed: the end of the request says so */
};

struct control {
    struct loop *loop;         /* borrowed */
    struct listener *listener; /* owned */
    uid_t *allowed;            /* owned */
    size_t allowed_count;
    control_handle_fn handle;
    void *handle_arg;
    struct control_peer *peers;
    size_t peer_count;
};

/* control_peer_new() - a connection that was admitted; fd is taken. */
void control_peer_new(struct control *c, int fd);

/* control_peer_close() - from any state, any number of times; the memory goes with on_closed. */
void control_peer_close(struct control_peer *p, bool flush, const char *reason);

/* control_peer_write() - queue a reply line. false: too much is unsent; the time that a client may
 * leave it so is bounded. */
bool control_peer_write(struct control_peer *p, struct span line);
void control_peer_write_error(struct control_peer *p, const struct outcome *why);

/* control_peer_dispatch() - run the lines that wait, one after the other. */
void control_peer_dispatch(struct control_peer *p);

/* control_request_new() - NULL without memory; the call is taken only on success. */
struct control_request *control_request_new(struct control_peer *p, struct control_call *call);

/* control_request_lose_peer() - the client is gone: the handler learns it when it next asks, or
 * soon when it waits. */
void control_request_lose_peer(struct control_request *r);

/* control_request_writable() - the client has read on; the handler may end r in it. */
void control_request_writable(struct control_request *r);

#endif
