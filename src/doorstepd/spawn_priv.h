/* SPDX-License-Identifier: MIT
 *
 * A role is this binary started anew, with its own address space layout.
 */
#ifndef DOORSTEPD_SPAWN_PRIV_H
#define DOORSTEPD_SPAWN_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "privileges.h"

#define SPAWN_DOOR_FD 3 /* where a role finds its door to main */
#define SPAWN_PAGE_FD 4 /* and the page that it counts in, if it has one */

struct spawn_order {
    const char *role;          /* "edge", "store", "sorter", "hand" */
    const struct identity *as; /* NULL: as we are */
    const char *root;          /* folder for chroot(2), or NULL */
    bool is_quiet;             /* warnings only, whatever log_level says */
    bool logs_json;
};

/* spawn_role() - the pid, or -1 with errno. door_fd is the role's end; the caller closes its own
 * copy. page_fd is its page of counters, or -1. The new process holds these two and 0 to 2, nothing
 * else. */
pid_t spawn_role(const struct spawn_order *order, int door_fd, int page_fd);

#endif
