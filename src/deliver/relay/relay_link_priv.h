/* SPDX-License-Identifier: MIT
 *
 * The door to the relay role, which speaks with next hops: jobs out, results in. The role is
 * hostile as far as it reads what next hops say: a result is bounded, checked, and whole or not
 * there. What is under way when the role goes away ends without a result. Loop's thread only.
 */
#ifndef DELIVER_RELAY_LINK_PRIV_H
#define DELIVER_RELAY_LINK_PRIV_H

#include "doorstep/loop.h"
#include "doorstep/relay_job.h"

struct relay_link;

struct relay_link_hooks {
    void (*replace)(void *arg);   /* ask main for another relay role (STORE_KILL_RELAY) */
    void (*connected)(void *arg); /* there is one now */
    void *arg;
};

/* relay_link_new() - without a relay role at first. job_ms: what a job may take at most; one that
 * takes longer ends without a result. */
struct relay_link *relay_link_new(struct loop *loop, uint64_t job_ms,
                                  const struct relay_link_hooks *hooks);

/* relay_link_free() - what is under way ends without a result; NULL is allowed. */
void relay_link_free(struct relay_link *l);

/* relay_link_connect() - a door (taken) to a relay role; an older one is closed. */
void relay_link_connect(struct relay_link *l, int door_fd);

bool relay_link_is_connected(const struct relay_link *l);

/* Called once for each job that relay_link_send() took. result: borrowed for the call, as many
 * answers as the job has recipients; NULL: nobody can say what became of it. */
typedef void (*relay_link_fn)(void *arg, const struct relay_result *result);

/* relay_link_send() - fd: the message behind the job's head, read-only or sealed, at its beginning;
 * the caller keeps its own. false: nobody is there, or the job is too long; fn is not called. */
bool relay_link_send(struct relay_link *l, const struct relay_job *job, int fd, relay_link_fn fn,
                     void *arg);

#endif
