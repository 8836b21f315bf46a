/* SPDX-License-Identifier: MIT
 *
 * The only folder with <uv.h>. A loop with timers, watched descriptors, signals and a way in
 * for other threads; and stream connections for whoever speaks a protocol: bytes in, bytes
 * out, one timer, one way out. Everything but loop_post() is called on the loop's thread.
 */
#ifndef DOORSTEP_LOOP_H
#define DOORSTEP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "doorstep/span.h"
#include "doorstep/tls.h"

struct loop;
struct loop_timer;
struct loop_watch;
struct loop_signal;

struct loop *loop_new(void);    /* NULL without memory or descriptors */
void loop_free(struct loop *l); /* closes what is still open */
/* loop_close_conns() - end all connections at once and wait for their last callback, so that what
 * they use may be freed. */
void loop_close_conns(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop(), or nothing is left to wait for */
void loop_stop(struct loop *l);

/* loop_post() - run fn(arg) soon on the loop's thread; from any thread, in order. fn runs exactly
 * once, except when the loop ends first. */
bool loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* Chores: what the turn's callbacks gathered (replies, frames) goes out in one piece behind them,
 * before the loop sleeps. In its owner's memory. */
struct loop_chore {
    TAILQ_ENTRY(loop_chore) due;
    void (*fn)(void *arg);
    void *arg;
    bool is_due;
};

void loop_chore_init(struct loop_chore *c, void (*fn)(void *arg), void *arg);
/* loop_chore_add() - run fn once at the end of this turn, or of the next when it is in its last
 * part; nothing when it is due already. */
void loop_chore_add(struct loop *l, struct loop_chore *c);
void loop_chore_cancel(struct loop *l, struct loop_chore *c); /* not due is fine */

/* Timers: one shot; start again at will. */
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_start(struct loop_timer *t, uint64_t ms); /* restarts */
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Descriptors of others (doors, sockets): level-triggered. The descriptor is not owned. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch *loop_watch_new(struct loop *l, int fd, unsigned events,
                                  void (*fn)(void *arg, unsigned events), void *arg);
void loop_watch_set(struct loop_watch *w, unsigned events); /* 0 pauses */
void
loop_watch_free(struct loop_watch *w); /* never called again; before the descriptor is closed */

struct loop_signal *loop_signal_new(struct loop *l, int signum, void (*fn)(void *arg, int signum),
                                    void *arg);
void loop_signal_free(struct loop_signal *s);

/* Host names. */
#define LOOP_ADDRESSES_MAX 16

struct loop_address {
    struct sockaddr_storage ip; /* with the port; or the path of a unix socket */
    socklen_t length;
};

/* loop_address_of_path() - the caller has checked that the path fits. */
struct loop_address loop_address_of_path(const char *path);

struct loop_addresses { /* in the order to be tried (RFC 6724) */
    struct loop_address list[LOOP_ADDRESSES_MAX];
    unsigned count;      /* 0: problem says why */
    const char *problem; /* static text */
};

struct loop_lookup;
/* loop_lookup_new() - fn is called once, on the loop's thread, after this has returned. NULL
 * without memory. */
struct loop_lookup *loop_lookup_new(struct loop *l, const char *host, uint16_t port,
                                    void (*fn)(void *arg, const struct loop_addresses *found),
                                    void *arg);
/* loop_lookup_cancel() - before fn was called: it never is. NULL is allowed. */
void loop_lookup_cancel(struct loop_lookup *u);
/* loop_lookup_prepare() - have what look-ups load by a name loaded, by a question about a name that
 * cannot exist; may take seconds. Before the process locks itself in, on its only thread. */
void loop_lookup_prepare(void);

/* Connecting without waiting. */
struct loop_connect;

struct loop_connected {
    int fd; /* non-blocking, close-on-exec, TCP without delay; whoever is told owns it. -1: none */
    const struct loop_address *address; /* of fd; of the last that was tried */
    const char *problem;                /* without fd, static text: why that one could not be had */
};

/* loop_connect_new() - to the first that can be had of the addresses (copied; one at least), each
 * tried for timeout_ms. fn is called once, on the loop's thread, after this has returned, with what
 * lives as long as that call. NULL without memory. */
struct loop_connect *loop_connect_new(struct loop *l, const struct loop_addresses *to,
                                      uint64_t timeout_ms,
                                      void (*fn)(void *arg, const struct loop_connected *end),
                                      void *arg);
/* loop_connect_cancel() - before fn was called: it never is. NULL is allowed. */
void loop_connect_cancel(struct loop_connect *c);

/* Connections. */
struct conn;

struct conn_handlers { /* called on the loop's thread, never from inside a conn_* call of the same
                          conn */
    void (*on_bytes)(void *arg, struct span bytes); /* all of it must be taken */
    void (*on_timeout)(void *arg);
    void (*on_writable)(
        void *arg); /* unsent output fell below the low mark after conn_write() said full */
    /* The peer ended its side, and may still read. true: an answer is under way, and the owner
     * closes behind it; false, or NULL here: nothing is, and the connection is closed. */
    bool (*on_end)(void *arg);
    /* conn_start_tls() has come to its end; facts live as long as the connection. A handshake that
     * fails closes the connection. */
    void (*on_tls)(void *arg, const struct tls_facts *facts);
    void (*on_closed)(void *arg, const char *reason); /* exactly once, last */
};

struct conn_limits {
    size_t output_max;  /* unsent octets; more closes the connection */
    size_t output_high; /* conn_write() returns false from here on: stop reading */
};

/* conn_new() - takes a connected, non-blocking stream socket. Reading starts paused. NULL: fd is
 * closed. */
struct conn *conn_new(struct loop *l, int fd, const struct conn_limits *limits,
                      const struct conn_handlers *handlers, void *arg);
void conn_read_pause(struct conn *c);
void conn_read_resume(struct conn *c);

/* conn_read_at_most() - octets of one turn from now on; as many as the loop reads is the default.
 */
void conn_read_at_most(struct conn *c, size_t n);

/* conn_forget_input() - wipe what was read last: it may hold a password. */
void conn_forget_input(struct conn *c);

/* conn_write() - queue octets (copied); sent at the end of the loop's turn, so that replies share a
 * packet. false: the high mark is passed (bytes are queued all the same). */
bool conn_write(struct conn *c, struct span bytes);
void conn_set_timeout(struct conn *c, uint64_t ms); /* from now; 0 stops it */

/* conn_start_tls() - what was written so far goes out in plain, what comes in from now on is TLS:
 * on_tls(), then on_bytes() again. What is written before the handshake is done waits for it. The
 * owner sets the time for it. Once; false: no memory, and the connection is as before. */
bool conn_start_tls(struct conn *c, struct tls_context *context);

/* conn_start_tls_client() - the same where we are the client: a handshake is begun. */
bool conn_start_tls_client(struct conn *c, struct tls_context *context,
                           const struct tls_target *target);
bool conn_is_in_handshake(const struct conn *c);

/* conn_take() - octets of the peer's that its owner had read before what comes in now: on_bytes(),
 * or TLS where that began since. From the owner's callbacks. */
void conn_take(struct conn *c, struct span bytes);

/* conn_tls_binding() - of this kind, at most TLS_BINDING_MAX octets; false: there is none.
 * TLS 1.3 has an exporter; a certificate was sent unless the session was resumed. */
bool conn_tls_binding(const struct conn *c, enum tls_binding kind, uint8_t out[TLS_BINDING_MAX],
                      size_t *length);

/* conn_close() - from any state, any number of times. Queued output is still sent when flush (for
 * at most 5 s). reason: static text for the log. */
void conn_close(struct conn *c, bool flush, const char *reason);

struct listener;
/* listener_new() - takes a listening socket. on_accept owns fd (non-blocking, close-on-exec).
 * EMFILE pauses for 100 ms and is logged; the listener goes on. */
struct listener *
listener_new(struct loop *l, int fd,
             void (*on_accept)(void *arg, int fd, const struct sockaddr_storage *peer), void *arg);
void listener_pause(struct listener *ls);
void listener_resume(struct listener *ls);
void listener_free(struct listener *ls); /* closes the socket */

#endif
