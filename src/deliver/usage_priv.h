/* SPDX-License-Identifier: MIT
 *
 * How full each account is, in memory: what RCPT looks at. Workers publish it with every delivery;
 * an account not heard of yet is asked for at its worker. Loop's thread only.
 */
#ifndef DELIVER_USAGE_PRIV_H
#define DELIVER_USAGE_PRIV_H

#include "worker_priv.h"

struct usage;

struct usage *usage_new(struct loop *loop, struct workers *workers);
void usage_free(struct usage *u);

/* Called once for each usage_ask(), perhaps before that returns. */
typedef void (*usage_fn)(void *arg, bool known, uint64_t octets, uint64_t messages);
void usage_ask(struct usage *u, const struct account *a, usage_fn fn, void *arg);

/* usage_publish() - what a worker just committed. */
void usage_publish(struct usage *u, const struct account *a, uint64_t octets, uint64_t messages);

/* usage_forget() - it changed in a way nobody published (reconcile, the tool). */
void usage_forget(struct usage *u, const char *user, const char *domain);

#endif
