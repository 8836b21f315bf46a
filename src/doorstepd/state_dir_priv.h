/* SPDX-License-Identifier: MIT
 *
 * state_dir: one daemon at a time (a lock), and the control socket in it.
 */
#ifndef DOORSTEPD_STATE_DIR_PRIV_H
#define DOORSTEPD_STATE_DIR_PRIV_H

#include <limits.h>
#include <stdbool.h>

#include "doorstep/settings.h"

#include "privileges.h"

struct state_dir {
    int lock_fd;    /* owned; locked as long as it is open */
    int control_fd; /* owned; listening */
    char control[PATH_MAX];
    char empty[PATH_MAX]; /* a folder with nothing in it: the root of an edge */
};

/* state_dir_make() - the folder and what lies in it, for the owner (NULL: whoever we are). False is
 * logged. */
bool state_dir_make(const struct settings *s, const struct identity *owner);

/* state_dir_lock() - false, logged with the other's pid, when another daemon works here. */
bool state_dir_lock(struct state_dir *dir, const struct settings *s);

/* state_dir_listen() - bind control.sock, 0600, for the owner. After state_dir_lock(): what lies
 * there is stale. */
bool state_dir_listen(struct state_dir *dir, const struct identity *owner);

void state_dir_init(struct state_dir *dir);
void state_dir_close(struct state_dir *dir); /* removes control.sock */

#endif
