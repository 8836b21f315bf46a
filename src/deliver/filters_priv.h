/* SPDX-License-Identifier: MIT
 *
 * Content filters, seen from the store: a message is lent to the role of a driver. Its answer is
 * hostile: bounded, checked, and whole or not used at all. Where there is none, the policy of the
 * listener or the program decides: as if the filters had agreed, or for now refused.
 */
#ifndef DELIVER_FILTERS_PRIV_H
#define DELIVER_FILTERS_PRIV_H

#include "doorstep/filter.h"
#include "doorstep/filter_driver.h"
#include "doorstep/loop.h"
#include "doorstep/message.h"

struct filters;

/* Asks main for another process in that role. */
typedef void (*filters_replace_fn)(void *arg);

/* filters_new() - without a role behind it at first. */
struct filters *filters_new(const struct filter_driver *driver, struct loop *loop,
                            filters_replace_fn replace, void *arg);
void filters_free(struct filters *f); /* what waits is answered by the policy; NULL is allowed */
void filters_connect(struct filters *f, int door_fd); /* taken; an older one is closed */

/* Called once for each filters_ask(), on the loop's thread, perhaps before that returns. body_fd:
 * sealed, for the call; -1 without a new body. */
typedef void (*filters_fn)(void *arg, const struct filter_result *result, int body_fd);

struct filters_question { /* borrowed for the call */
    struct span words;    /* as the driver says: at most PROGRAM_JOB_MAX octets */
    struct message *msg;  /* sealed, a reference is kept; or NULL */
    const char *id;       /* of the delivery, for the log; or "" */
    bool must;            /* without an answer it is refused for now */
    uint64_t timeout_ms;
};

/* filters_ask() - what the result points to is arena's. */
void filters_ask(struct filters *f, const struct filters_question *q, struct arena *arena,
                 filters_fn fn, void *arg);

/* filters_apply() - the message that a changed result describes, into m, which is empty; false with
 * why. */
bool filters_apply(const struct filter_result *r, int body_fd, const struct message *original,
                   uint64_t octets_max, struct message *m, struct outcome *why);

#endif
