/* SPDX-License-Identifier: MIT
 *
 * What the files of returns_priv.h share: returns.c (who hears of what, and the job),
 * returns_report.c (what the sender is told), returns_items.c (items of the queue).
 */
#ifndef DELIVER_RETURNS_JOB_PRIV_H
#define DELIVER_RETURNS_JOB_PRIV_H

#include "doorstep/dsn.h"
#include "doorstep/relay_queue.h"

#include "returns_priv.h"

struct refusal { /* told in a message of its own */
    const struct recipient *recipient;
    const struct parcel *parcel;
};

struct returns {
    struct job job;
    struct transaction *transaction;
    returns_fn fn;
    struct arena arena;
    struct dsn_recipient *reported;
    uint32_t reported_count;
    struct refusal *refusals;
    uint32_t refusal_count;
    struct recipient **forwarded;
    uint32_t forwarded_count;
    struct queue *queue; /* the worker's */
    struct loop *loop;
    struct outcome why;
};

/* returns_no_memory() - false, with back->why. */
bool returns_no_memory(struct returns *back);

/* What is to be queued, in a worker's thread. False with back->why. */
bool returns_make_report(struct returns *back, struct queue_item *item);
bool returns_make_refusal(struct returns *back, const struct refusal *refusal,
                          struct queue_item *item);
bool returns_make_forward(struct returns *back, const struct recipient *r, struct queue_item *item);

/* returns_fill_item() - an item to one recipient; what else it is about tells it from others of the
 * same transaction. returns_keep() - its message. False: no memory; returns_keep() sets back->why.
 */
struct returns_subject {
    const char *kind;
    const char *to;
    unsigned notify;
    const struct account *account; /* whose doing it is, or NULL */
    const char *about;
};
bool returns_fill_item(struct returns *back, const struct returns_subject *subject,
                       struct queue_item *item);
bool returns_keep(struct returns *back, const struct message *msg, struct queue_item *item);

#endif
