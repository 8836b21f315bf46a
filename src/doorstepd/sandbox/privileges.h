/* SPDX-License-Identifier: MIT
 *
 * Who a process is, and how it stops being root. Main looks names up (it may use NSS), prints the
 * identity as numbers, and the role takes it on as its first act after exec, before it has a
 * thread or reads anything.
 */
#ifndef DOORSTEPD_PRIVILEGES_H
#define DOORSTEPD_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define IDENTITY_GROUPS_MAX 64
#define IDENTITY_TEXT_SIZE 800 /* 66 numbers of at most 11 characters, separators, NUL */

struct identity {
    uid_t uid;
    gid_t gid;
    gid_t groups[IDENTITY_GROUPS_MAX]; /* supplementary; the first group_count are set */
    size_t group_count;
};

/* identity_find() - the user of that name with all its groups (at most IDENTITY_GROUPS_MAX, the
 * rest is left out). false: no such user, or the look-up failed. Reads the user database (NSS). */
bool identity_find(const char *name, struct identity *out);

/* identity_of_owner() - uid and gid as they own a file: no supplementary groups. */
struct identity identity_of_owner(uid_t uid, gid_t gid);

/* "UID:GID" or "UID:GID:G,G,G", in decimal. Parse refuses anything else. */
void identity_print(const struct identity *who, char out[IDENTITY_TEXT_SIZE]);
bool identity_parse(const char *text, struct identity *out);

/* privileges_harden() - for every process of the daemon: no core dump, no ptrace and no
 * /proc/PID/mem by others of the same uid, no privilege gained by exec. False with errno. */
bool privileges_harden(void);

/* privileges_become() - groups, gid and uid of `who`, all capabilities dropped, each verified by
 * reading it back, and root must stay out of reach. Called by root, on the only thread. uid 0 stays
 * uid 0, without capabilities. False, with a line in the log: the process must end, its identity is
 * not certain. */
bool privileges_become(const struct identity *who);

/* privileges_drop_capabilities() - every capability set becomes empty. False with errno. */
bool privileges_drop_capabilities(void);

/* privileges_keep_for_roles() - main: of the capabilities it has, those stay that a role's start
 * and end need; the bounding set with them. False with errno. */
bool privileges_keep_for_roles(void);

#endif
