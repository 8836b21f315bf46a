/* SPDX-License-Identifier: MIT
 *
 * The durable queue of what leaves again: state_dir/queue/queue.sqlite, and files in messages/
 * beside it. An item is a message with its envelope; each of its recipients has a state of its own.
 * What recipients are due is asked by the scheduler, which also decides where they go.
 *
 * All functions are for any thread: one connection, one mutex. Callbacks run under that mutex and
 * must not call the queue; what they are given is borrowed until they return. Adding is on stable
 * storage after queue_sync() or a syncfs() of state_dir (a checkpoint of the journal), everything
 * else when it returns, unless its comment says less.
 */
#ifndef DOORSTEP_RELAY_QUEUE_H
#define DOORSTEP_RELAY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/envelope.h"
#include "doorstep/outcome.h"
#include "doorstep/span.h"

#define QUEUE_NAME_SIZE 40         /* of a file in messages/, with its NUL */
#define QUEUE_TEXT_MAX (64 * 1024) /* octets of head, and of a text that needs no file */
#define QUEUE_RECIPIENTS_MAX 1000  /* of one item */

struct queue;

struct queue_recipient { /* strings are never NULL */
    int64_t id;          /* given by the queue */
    const char *address; /* UTF-8, no brackets */
    const char *orcpt;   /* "rfc822;...", or "" */
    unsigned notify;     /* NOTIFY_*; 0: not given */
    unsigned attempts;
    time_t next_attempt; /* when it is added: 0 is now */
    bool is_held;
    bool is_delay_told;     /* the sender was told that it takes long */
    const char *last_reply; /* of the next hop, or the cause; "" before the first attempt */
    const char *last_host;  /* "mx.example.net[192.0.2.1]:25", or "" */
};

struct queue_item {          /* strings are never NULL */
    int64_t id;              /* given by the queue */
    const char *once;        /* unique: a second one, even after the first was sent, is not added */
    const char *kind;        /* redirect, vacation, notify, report, reject, dsn, forward */
    const char *account;     /* user@domain that caused it, or "" */
    const char *delivery_id; /* or "" */
    time_t queued, expires;
    const char *reverse_path; /* no brackets; "" is the null one */
    const char *envid;
    enum envelope_ret ret;
    enum envelope_body body;
    bool smtputf8, require_tls;
    const char *by;   /* DELIVERBY's value, or "" */
    struct span head; /* CRLF text that goes in front of the message */
    struct span text; /* the message itself, where it is small and `file` is "" */
    const char *file; /* in messages/, or "" */
    uint64_t octets;  /* of the message: of text or file */
    const struct queue_recipient *recipients;
    size_t recipient_count;
};

/* queue_item_pack(), queue_item_unpack() - what a delivery's record of the journal says of an item:
 * all but ids, times, account, delivery and states. The reader trusts nothing; memory is arena's,
 * and a wrong one breaks u. */
void queue_item_pack(const struct queue_item *item, struct pack *p);
void queue_item_unpack(struct queue_item *item, struct arena *arena, struct unpack *u);

/* queue_open() - makes what is missing, and reads the whole database once. NULL: why; CORRUPT: what
 * is there is damaged. */
struct queue *queue_open(const char *state_dir, struct outcome *why);
void queue_close(struct queue *q); /* NULL is allowed */

/* queue_rescue() - state_dir's queue is damaged, and open nowhere: a new one takes its place, with
 * every item that can be read whole. The damaged one is `queue` in folder then; nothing of it is
 * removed. False: it is where it was. */
#define QUEUE_FOLDER_SIZE 4096
struct queue_rescued {
    uint64_t items; /* that wait again */
    uint64_t lost;  /* that were there, and cannot be read */
    char folder[QUEUE_FOLDER_SIZE];
};
bool queue_rescue(const char *state_dir, time_t now, struct queue_rescued *out,
                  struct outcome *why);

/* queue_add() - all of them or none; those whose `once` is known, waiting or done, are left out.
 * `id` is not looked at. */
bool queue_add(struct queue *q, const struct queue_item *items, size_t count, struct outcome *why);
bool queue_sync(struct queue *q, struct outcome *why);

/* queue_watch() - fn(arg) is called, from whatever thread and without the mutex, when something was
 * added or became due by somebody's word; NULL: by nobody any more. Not while others use q. */
void queue_watch(struct queue *q, void (*fn)(void *arg), void *arg);

/* ---- messages: files in messages/, removed with the last item that names them */

/* queue_message_begin() - NULL: why. commit: name is written, the file is on stable storage under
 * it. Both ends free m, also where they fail. */
struct queue_message;
struct queue_message *queue_message_begin(struct queue *q, struct outcome *why);
/* queue_message_begin_as() - the same under a name that the caller has made (queue_is_file_name()).
 */
struct queue_message *queue_message_begin_as(struct queue *q, const char *name,
                                             struct outcome *why);
bool queue_message_write(struct queue_message *m, struct span octets, struct outcome *why);
bool queue_message_commit(struct queue_message *m, char name[QUEUE_NAME_SIZE], struct outcome *why);
void queue_message_abandon(struct queue_message *m);

/* queue_message_link() - the name becomes one of the file behind fd, whose content never changes:
 * no octet is copied, and when it returns they and the name are on stable storage. false where fd
 * cannot get another name or lies in another file system: then it is copied. */
bool queue_message_link(struct queue *q, int fd, const char *name, struct outcome *why);

/* queue_is_file_name() - letters and digits, as id_make() makes them. */
bool queue_is_file_name(const char *name);

/* queue_message_open() - a descriptor for reading, at offset 0; -1: why. */
int queue_message_open(struct queue *q, const char *name, struct outcome *why);

/* queue_message_remove() - of a delivery that came to nothing: unless an item names it. */
void queue_message_remove(struct queue *q, const char *name);

/* queue_sweep() - removes the files that no item names and that are older than `before`. For when
 * nothing of the journal waits to be replayed. */
bool queue_sweep(struct queue *q, time_t before, struct outcome *why);

/* ---- sending */

struct queue_taker {
    /* May recipients of this domain (in small letters) be taken now? NULL: all may. */
    bool (*wants)(void *arg, const char *domain);
    /* An item with those recipients alone that are due. true: they are in flight from now on, and
     * not handed out again before queue_settle() or queue_land(). */
    bool (*take)(void *arg, const struct queue_item *item);
    void *arg;
};

/* queue_due() - up to max items with recipients that are due, not held and not in flight; those
 * that have waited longest first. */
bool queue_due(struct queue *q, time_t now, unsigned max, const struct queue_taker *taker,
               struct outcome *why);

/* queue_next_due() - when the first one that is neither held nor in flight becomes due, of those
 * that are due later than `after`; 0: none is. */
bool queue_next_due(struct queue *q, time_t after, time_t *when, struct outcome *why);

/* queue_overdue() - as queue_due(), for what has waited too long whether it is due or not. */
struct queue_deadlines {
    time_t expired; /* items that expire then or before; and recipients that nobody was told of,
                     * with a time to be told by (DELIVERBY's mode N) then or before */
    time_t delayed; /* other recipients of items queued then or before, where nobody was told */
};
bool queue_overdue(struct queue *q, const struct queue_deadlines *limits, unsigned max,
                   const struct queue_taker *taker, struct outcome *why);

/* queue_land() - in flight no longer, with nothing to say about it. */
void queue_land(struct queue *q, const int64_t *recipients, size_t count);

struct queue_outcome { /* of one recipient */
    int64_t recipient;
    bool is_over; /* delivered, failed or expired: it goes; else it waits until next_attempt */
    time_t next_attempt;
    bool is_delay_told;
    const char *reply, *host; /* as last_reply, last_host */
    bool was_put_off;         /* nobody tried: it is not counted as an attempt */
};

struct queue_settlement { /* of one item */
    int64_t item;
    const struct queue_outcome *outcomes;
    size_t outcome_count;
    const struct queue_item *dsn; /* a report to be added, or NULL */
};

/* queue_settle() - one transaction for all of them. Where nothing is over and no report comes, it
 * is not waited for stable storage. After a failure nothing has changed, they are in flight still,
 * and the caller tries again. What is no longer there is left out. `now`: when it was over. */
bool queue_settle(struct queue *q, const struct queue_settlement *settlements, size_t count,
                  time_t now, struct outcome *why);

/* queue_forget() - some of what is done and older than `before`: *more says that there is more. */
bool queue_forget(struct queue *q, time_t before, bool *more, struct outcome *why);

/* ---- for people */

/* queue_item_fn() - false ends the walk. */
typedef bool (*queue_item_fn)(void *arg, const struct queue_item *item);

/* queue_list() - up to max items behind the id `after`, in order of id; without head and text. */
bool queue_list(struct queue *q, int64_t after, unsigned max, queue_item_fn fn, void *arg,
                struct outcome *why);

/* queue_list_account() - the same of one account, from the oldest. */
bool queue_list_account(struct queue *q, const char *account, unsigned max, queue_item_fn fn,
                        void *arg, struct outcome *why);

/* queue_show() - one, with head and text. NOT_FOUND. */
bool queue_show(struct queue *q, int64_t id, queue_item_fn fn, void *arg, struct outcome *why);

/* Those below take an item's id, or QUEUE_ALL; *changed counts recipients (delete: items).
 * NOT_FOUND where there is no such item. */
#define QUEUE_ALL 0
bool queue_hold(struct queue *q, int64_t id, uint64_t *changed, struct outcome *why);
bool queue_release(struct queue *q, int64_t id, uint64_t *changed, struct outcome *why);
bool queue_retry(struct queue *q, int64_t id, time_t now, uint64_t *changed, struct outcome *why);

/* queue_delete() - one item, and it stays done. */
bool queue_delete(struct queue *q, int64_t id, time_t now, struct outcome *why);

/* queue_expire() - one item has waited long enough, held or not: queue_overdue() finds it, and
 * whoever sends reports to its sender. It is not tried again. */
bool queue_expire(struct queue *q, int64_t id, time_t now, struct outcome *why);

/* queue_usage() - what an account has waiting. */
bool queue_usage(struct queue *q, const char *account, uint64_t *items, uint64_t *octets,
                 struct outcome *why);

/* queue_delete_account() - all that an account has waiting. */
bool queue_delete_account(struct queue *q, const char *account, time_t now, uint64_t *changed,
                          struct outcome *why);

struct queue_counts {
    uint64_t items, recipients;
    uint64_t held;    /* of recipients */
    uint64_t untried; /* of the others: without an attempt so far */
    time_t oldest;    /* when the first item was queued; 0 without any */
};

/* queue_count() - the whole of it. */
bool queue_count(struct queue *q, struct queue_counts *out, struct outcome *why);

/* queue_count_kinds() - items of each kind that waits. */
typedef void (*queue_kind_fn)(void *arg, const char *kind, uint64_t items);
bool queue_count_kinds(struct queue *q, queue_kind_fn fn, void *arg, struct outcome *why);

#endif
