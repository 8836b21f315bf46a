/* SPDX-License-Identifier: MIT
 *
 * Inside the loop room: the loop itself, and what each of its handles begins with so that
 * loop_free() can close those that nobody closed.
 */
#ifndef DOORSTEP_LOOP_PRIV_H
#define DOORSTEP_LOOP_PRIV_H

#include <pthread.h>
#include <sys/queue.h>
#include <uv.h>

#include "doorstep/loop.h"

#define LOOP_READ_MAX 65536  /* octets one connection may read in a turn: nobody starves another */
#define LOOP_PLAIN_MAX 16384 /* a TLS record's */

/* uv_handle_t.data of every timer, watch, signal and listener points to one. */
struct loop_item {
    void (*close)(struct loop_item *item);
};

TAILQ_HEAD(conn_list, conn);
TAILQ_HEAD(loop_chore_list, loop_chore);
STAILQ_HEAD(loop_post_list, loop_post_entry);

struct loop {
    uv_loop_t uv;
    uv_async_t wake;      /* loop_post() */
    uv_prepare_t prepare; /* both do what is due: before the loop sleeps, */
    uv_check_t check;     /* and after the descriptors were served */
    pthread_mutex_t post_lock;
    struct loop_post_list posts; /* under post_lock */
    struct conn_list conns;      /* all that are open */
    struct loop_chore_list due;
    uint64_t handshake_ns;           /* that handshakes have taken in this turn */
    size_t read_length;              /* octets of read_buffer that were read last */
    char read_buffer[LOOP_READ_MAX]; /* shared: a connection's bytes are taken before the next reads
                                      */
    char plain_buffer[LOOP_PLAIN_MAX]; /* the same behind TLS */
};

/* conn_next() - the one behind c in loop.conns, or NULL. */
struct conn *conn_next(const struct conn *c);

#endif
