/* SPDX-License-Identifier: MIT
 *
 * Processes and their doors. What a role means is roles.c's business.
 */
#ifndef DOORSTEPD_SUPERVISE_PRIV_H
#define DOORSTEPD_SUPERVISE_PRIV_H

#include "doorstep/metrics.h"

#include "daemon_priv.h"

/* supervise_add() - a place for a process, WAITING, in the current generation. NULL without memory
 * (logged). */
struct role *supervise_add(struct daemon *d, enum role_kind kind, uint32_t slot);

/* supervise_remove() - free the place; a process that is still there is killed and forgotten. */
void supervise_remove(struct role *r);

/* supervise_spawn() - start the process as `as` (NULL: as we are). False, logged: nothing runs and
 * the restart is scheduled. */
bool supervise_spawn(struct role *r, const struct identity *as);

/* supervise_send() - a frame to the process. What cannot be queued kills it: its door would be out
 * of step. */
void supervise_send(struct role *r, enum door_frame_type type, uint64_t id, struct span body,
                    int fd);

/* supervise_step() - the one place where a role's state changes. */
void supervise_step(struct role *r, enum role_state state);

void supervise_kill(struct role *r); /* SIGKILL; it is reaped later */

/* supervise_dismiss() - the same in a moment, unless the process ends by itself before: whoever
 * asks may only have heard of its end first. */
void supervise_dismiss(struct role *r);

/* supervise_restart() - roles_start() after the backoff, or at once when it ended as it should. */
void supervise_restart(struct role *r, bool is_clean);

/* supervise_reap() - collect every process that has ended. On SIGCHLD. */
void supervise_reap(struct daemon *d);

struct role *supervise_find(struct daemon *d, enum role_kind kind, uint32_t slot);
unsigned supervise_count(const struct daemon *d, enum role_kind kind); /* that have a process */
const char *supervise_name(enum role_kind kind);
unsigned supervise_metrics_role(enum role_kind kind); /* METRICS_ROLE_* */

#endif
