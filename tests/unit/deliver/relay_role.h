/* SPDX-License-Identifier: MIT
 *
 * A relay role for tests: the other end of the store's door, which takes jobs and says what it is
 * told to.
 */
#ifndef TEST_DELIVER_RELAY_ROLE_H
#define TEST_DELIVER_RELAY_ROLE_H

#include "doorstep/door.h"
#include "doorstep/relay_job.h"

#include "relay_link_priv.h"

#define HEARD_MAX 64

struct heard { /* a job that it has */
    uint64_t id;
    struct relay_job job; /* in the role's arena */
    int fd;               /* the message; owned */
};

struct relay_role {
    struct door *door;
    struct arena arena;
    struct heard heard[HEARD_MAX]; /* in the order in which they came */
    unsigned count;
};

/* relay_role_connect() - takes the other end's place. */
void relay_role_connect(struct relay_role *r, struct relay_link *l);
void relay_role_close(struct relay_role *r); /* the process ends */

/* relay_role_hear() - what has arrived; how many jobs there were so far. */
unsigned relay_role_hear(struct relay_role *r);

/* relay_role_say() - an answer to one job: the same for all of its recipients. */
void relay_role_say(struct relay_role *r, const struct heard *h, enum relay_state state,
                    unsigned code, const char *enhanced, const char *text);

/* relay_role_result() - any result. */
void relay_role_result(struct relay_role *r, uint64_t id, const struct relay_result *result);

#endif
