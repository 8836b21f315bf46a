/* SPDX-License-Identifier: MIT
 *
 * Mail that leaves, from the queue to next hops and back: what is due is taken from the queue while
 * next hops have room, handed to the relay role, and settled by what it says. SQL is the queue's
 * thread's; everything here is the loop's.
 */
#ifndef DELIVER_RELAY_SCHEDULER_PRIV_H
#define DELIVER_RELAY_SCHEDULER_PRIV_H

#include "doorstep/loop.h"
#include "doorstep/relay_queue.h"
#include "doorstep/settings.h"

#include "delivery_log_priv.h"
#include "relay_link_priv.h"
#include "senders_priv.h"

struct scheduler;

struct scheduler_with { /* all borrowed; they outlive the scheduler */
    const struct settings *settings;
    struct loop *loop;
    struct queue *queue;
    struct relay_link *link;
    struct delivery_log *log;
    const struct senders *senders; /* who stands behind reverse-paths of ours */
};

/* scheduler_start() - begins to send. NULL: no memory, or no thread. It watches the queue. */
struct scheduler *scheduler_start(const struct scheduler_with *with);

/* scheduler_look() - the relay role has come, or something else may have changed. */
void scheduler_look(struct scheduler *s);

/* scheduler_try_now() - next hops that did not answer are tried at once: somebody says so. */
void scheduler_try_now(struct scheduler *s);

/* scheduler_drain() - nothing new is sent. fn(arg) is called, perhaps before this returns, when
 * what was sent is answered and settled, or after ms. Once. */
void scheduler_drain(struct scheduler *s, uint64_t ms, void (*fn)(void *arg), void *arg);

/* scheduler_end() - what was answered is settled; what is still under way stays as it was in the
 * queue. Nobody adds to the queue any more. NULL is allowed. */
void scheduler_end(struct scheduler *s);

#endif
