/* SPDX-License-Identifier: MIT
 *
 * An item of the queue while it is being sent: a copy of its own, for the queue lends its items for
 * a moment only.
 */
#ifndef DELIVER_RELAY_TAKEN_PRIV_H
#define DELIVER_RELAY_TAKEN_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/message.h"
#include "doorstep/relay_queue.h"

struct taken {
    struct queue_item item; /* all that it points to is the arena's */
    struct arena arena;
    unsigned references; /* of one thread at a time */
};

/* taken_new() - a copy, with one reference; NULL without memory. */
struct taken *taken_new(const struct queue_item *item);
struct taken *taken_ref(struct taken *t);
void taken_unref(struct taken *t);

/* taken_open() - a descriptor with the message behind the item's head, read-only, at its beginning;
 * -1: why. Any thread. */
int taken_open(const struct taken *t, struct queue *q, struct outcome *why);

/* taken_open_message() - the same for a message that is no item's. */
int taken_open_message(const struct message *m, struct outcome *why);

#endif
