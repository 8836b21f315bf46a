/* SPDX-License-Identifier: MIT
 *
 * A role that works for the store alone (runner, passthrough): the store's door, and main's, which
 * it only watches. A store that breaks the rules of its door ends it, and main starts another.
 */
#ifndef FILTER_STORE_ROLE_PRIV_H
#define FILTER_STORE_ROLE_PRIV_H

#include "doorstep/door_keeper.h"

struct store_role {    /* in its owner's memory, which sets the first three */
    struct loop *loop; /* borrowed */
    bool (*take)(void *arg, struct door_frame *f); /* of the store's; as door_keeper_calls' */
    void *arg;
    struct door_keeper main, store;
    int status; /* to exit with, when the loop has ended */
};

/* store_role_open() - takes both doors, and tells main that it is ready. false: no memory. */
bool store_role_open(struct store_role *r, struct door *main_door, int store_door);

/* store_role_end() - stops the loop; logged. */
void store_role_end(struct store_role *r, int status, const char *reason);

#endif
