/* SPDX-License-Identifier: MIT
 *
 * A few threads that check passwords, each as slowly as the hash is made to be. What waits for them
 * is bounded: one more is refused at once.
 */
#ifndef DOORSTEP_AUTH_POOL_PRIV_H
#define DOORSTEP_AUTH_POOL_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include "doorstep/auth.h"
#include "doorstep/loop.h"

struct pool;

struct pool_job { /* the caller's until pool_post(), and again in done() */
    struct pool_job *next;
    void (*done)(
        struct pool_job *job); /* on the loop's thread, once; frees it with pool_job_free() */
    void *arg;
    atomic_bool is_cancelled;     /* nobody waits for it any more: do not compute */
    bool has_password;            /* one that can be somebody's */
    char password[PASSWORD_SIZE]; /* prepared */
    struct auth_secret secret;
    struct auth_done result;
};

/* pool_new() - starts the threads. NULL: no memory, or no threads. settings are borrowed. */
struct pool *pool_new(struct loop *loop, const struct settings_auth *settings);
void pool_free(struct pool *p); /* ends the threads; what waits is dropped */

/* pool_post() - false: too many wait, the job stays the caller's. */
bool pool_post(struct pool *p, struct pool_job *job);

void pool_job_free(struct pool_job *job); /* wiped */

/* pool_check() - what a thread does with a job. A name without an account, or without a password,
 * is checked against `dummy` and costs the same. */
void pool_check(struct pool_job *job, const char *dummy, const struct password_cost *cost);

#endif
