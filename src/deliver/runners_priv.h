/* SPDX-License-Identifier: MIT
 *
 * External programs, seen from the store: a job goes to the runner that starts programs of its
 * user, and what comes back is a filter's result, checked as filters.c does.
 */
#ifndef DELIVER_RUNNERS_PRIV_H
#define DELIVER_RUNNERS_PRIV_H

#include "doorstep/program.h"
#include "doorstep/settings.h"

#include "filters_priv.h"

struct runners;

/* Asks main for another runner in this slot (STORE_KILL_RUNNER). */
typedef void (*runners_replace_fn)(void *arg, uint32_t slot);

/* runners_new() - settings: borrowed. NULL without memory. */
struct runners *runners_new(const struct settings *settings, struct loop *loop,
                            runners_replace_fn replace, void *arg);
void runners_free(struct runners *p); /* what waits is answered as lost; NULL is allowed */
void runners_connect(struct runners *p, uint32_t slot, int door_fd); /* taken */

/* runners_ask() - job: borrowed for the call. msg: what it reads, sealed, a reference is kept; or
 * NULL. must: a program that fails is FILTER_LOST, otherwise it has agreed. fn: once, as
 * filters_ask(). */
void runners_ask(struct runners *p, const struct settings_program *program,
                 const struct program_job *job, struct message *msg, bool must, struct arena *arena,
                 filters_fn fn, void *arg);

#endif
