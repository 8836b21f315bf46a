/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share: the queue itself, rows as items, files by name.
 */
#ifndef DOORSTEP_QUEUE_PRIV_H
#define DOORSTEP_QUEUE_PRIV_H

#include <pthread.h>

#include "doorstep/db.h"
#include "doorstep/relay_queue.h"
#include "doorstep/table.h"

extern const struct db_step queue_steps[];
extern const unsigned queue_step_count;

struct flight { /* a recipient that somebody has taken */
    int64_t recipient;
    UT_hash_handle hh;
};

struct queue {
    pthread_mutex_t mutex;    /* guards what follows */
    struct db *db;            /* owned */
    struct flight *flights;   /* owned */
    int messages;             /* the folder; never changes */
    void (*watch)(void *arg); /* likewise, while others use the queue; NULL: nobody */
    void *watch_arg;
};

/* ---- queue.c */

/* queue_open_damaged() - as queue_open(), whatever its pages look like. */
struct queue *queue_open_damaged(const char *state_dir, struct outcome *why);

/* queue_begin() - the mutex is held and a transaction open when it returns true; queue_end()
 * commits (where ok) and gives the mutex back. It is in the kernel's hands then. */
bool queue_begin(struct queue *q, struct outcome *why);
bool queue_end(struct queue *q, bool ok, struct outcome *why);

/* queue_tell() - the watcher, without the mutex. */
void queue_tell(const struct queue *q);

/* queue_keep_small() - after a transaction, with the mutex held: a WAL that has grown goes into the
 * database. */
void queue_keep_small(struct queue *q);

/* ---- item.c: all with the mutex held */

/* item_insert() - unless it is known. */
bool item_insert(struct queue *q, const struct queue_item *item, struct outcome *why);

enum item_parts {
    ITEM_ENVELOPE, /* head and text stay away */
    ITEM_WHOLE
};

/* item_read() - calls fn with the item and those recipients that `only` lists, or all where it is
 * NULL. NOT_FOUND: there is no such item, or none of these recipients. */
struct item_recipients {
    const int64_t *ids;
    size_t count;
};
bool item_read(struct queue *q, int64_t id, enum item_parts parts,
               const struct item_recipients *only, queue_item_fn fn, void *arg,
               struct outcome *why);

/* item_remove() - inside a transaction: it is done. The name of its file, or "", is written to
 * file; whoever commits removes it then with queue_file_drop(). */
bool item_remove(struct queue *q, int64_t id, time_t now, char file[QUEUE_NAME_SIZE],
                 struct outcome *why);

/* ---- due.c */

/* queue_land_locked() - with the mutex held. */
void queue_land_locked(struct queue *q, int64_t recipient);

/* ---- file.c */

/* queue_file_drop() - with the mutex held: unless an item names it. */
void queue_file_drop(struct queue *q, const char *name);

#endif
