/* SPDX-License-Identifier: MIT
 *
 * A queue in a folder of its own for each test, short words to fill and to empty it, and the run of
 * a suite. All of it fails the test when the queue does.
 */
#ifndef DOORSTEP_TEST_QUEUE_FIXTURE_H
#define DOORSTEP_TEST_QUEUE_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/relay_queue.h"

#define NOW 1000000
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

extern char folder[64], database[128], messages[128]; /* the last two lie in the first */
extern struct queue *queue;
extern struct outcome why;

/* queue_fixture_run() - the suite, each test with a new queue; the status of the program. */
int queue_fixture_run(const char *name, const TTest *const tests[], size_t count);

/* open_queue() - once more, after queue_close(). */
void open_queue(void);

/* empty_folder() - how many files there are; with `remove` they are removed. */
unsigned empty_folder(const char *path, bool remove);
unsigned file_count(void); /* of messages */

/* recipient() / item() - what differs from the usual is set by the test. Pointers are borrowed. */
struct queue_recipient recipient(const char *address);
struct queue_item item(const char *once, const struct queue_recipient *recipients, size_t count);

/* add() / add_with_file() - an item of one recipient; the second's text is in that file. */
void add(const char *once, const char *address);
void add_with_file(const char *once, const char *file);
void write_message(char name[QUEUE_NAME_SIZE], const char *text);

struct queue_counts counts(void);

/* What was handed out; the address of one is the argument of wants() and take(). */
struct taken {
    int64_t item, recipients[8];
    size_t count; /* of recipients */
    unsigned items;
    bool refuse;
    const char *unwanted;
    char log[256]; /* "once:address,address;" */
};

bool wants(void *arg, const char *domain);
bool take(void *arg, const struct queue_item *i);

/* due() - all that is; due_unwanted() - at most max, and nothing for that domain (or NULL). */
struct taken due(time_t now);
struct taken due_unwanted(time_t now, unsigned max, const char *unwanted);

/* settle() / end_all() - what became of an item; of all recipients, that they are over. */
void settle(int64_t id, const struct queue_outcome *outcomes, size_t count,
            const struct queue_item *dsn);
void end_all(const struct taken *t);

#endif
