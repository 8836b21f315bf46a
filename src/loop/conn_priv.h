/* SPDX-License-Identifier: MIT
 *
 * A connection as conn.c (its life) and conn_tls.c (what TLS adds) share it.
 */
#ifndef DOORSTEP_LOOP_CONN_PRIV_H
#define DOORSTEP_LOOP_CONN_PRIV_H

#include "doorstep/buf.h"
#include "loop_priv.h"

#define CONN_OUTPUT_KEEP 512 /* octets of memory an empty output queue may keep */

struct conn_tls;

enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

struct conn {
    struct loop *loop; /* borrowed */
    uv_poll_t poll;
    uv_timer_t timer;
    TAILQ_ENTRY(conn) all;
    struct loop_chore flush; /* due when the turn has written something */
    struct buf output;       /* unsent, as it goes over the wire */
    struct conn_tls *tls;    /* owned; NULL: in plain */
    struct conn_limits limits;
    size_t read_max;                      /* octets of a turn */
    const struct conn_handlers *handlers; /* borrowed */
    void *arg;
    const char *reason;
    uint64_t
        deadline; /* of the loop's clock; 0 none. The timer may run out earlier, see on_timer() */
    int fd;
    int open_handles;
    int watched; /* UV_READABLE | UV_WRITABLE as last given to libuv */
    enum conn_state state;
    bool is_reading;
    bool has_ended; /* the peer sends nothing more */
    bool was_full;  /* conn_write() said so, on_writable() is owed */
};

/* --- conn.c --- */

/* conn_end_of_input() - the peer says no more. */
void conn_end_of_input(struct conn *c);

/* --- conn_tls.c: all of them with c->tls --- */

/* conn_tls_take() - octets from the wire. */
void conn_tls_take(struct conn *c, struct span octets);

/* conn_tls_put() - octets of the owner, to be sealed at the end of the turn; false: too many. */
bool conn_tls_put(struct conn *c, struct span octets);

/* conn_tls_seal() - what was put goes to c->output; with is_last also the end of TLS. false: too
 * much, or TLS is broken. */
bool conn_tls_seal(struct conn *c, bool is_last);

/* conn_tls_waiting() - octets that were put and not sealed. */
size_t conn_tls_waiting(const struct conn *c);

/* conn_tls_must_wait() - other connections come first: this turn has done enough handshakes. */
bool conn_tls_must_wait(const struct conn *c);

void conn_tls_free(struct conn_tls *t); /* NULL is allowed */

#endif
