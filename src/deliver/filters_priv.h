/* SPDX-License-Identifier: MIT
 *
 * Content filters, seen from the store: a message is lent to the outbound role, which gives it to
 * the filters of the session that it came by. Its answer is hostile: bounded, checked, and whole or
 * not used at all. Where there is none, the listener's policy decides: as if the filters had
 * agreed, or for now refused.
 */
#ifndef DELIVER_FILTERS_PRIV_H
#define DELIVER_FILTERS_PRIV_H

#include "doorstep/envelope.h"
#include "doorstep/filter.h"
#include "doorstep/loop.h"
#include "doorstep/message.h"

struct filters;

/* Asks main for another outbound role (STORE_KILL_OUTBOUND). */
typedef void (*filters_replace_fn)(void *arg);

/* filters_new() - without an outbound role at first. timeout_ms: what an answer may take. */
struct filters *filters_new(struct loop *loop, uint64_t timeout_ms, filters_replace_fn replace,
                            void *arg);
void filters_free(struct filters *f); /* what waits is answered by the policy; NULL is allowed */
void filters_connect(struct filters *f, int door_fd); /* taken; an older one is closed */

/* Called once for each filters_ask(), on the loop's thread, perhaps before that returns. body_fd:
 * sealed, for the call; -1 without a new body. */
typedef void (*filters_fn)(void *arg, const struct filter_result *result, int body_fd);

/* filters_ask() - msg: sealed, a reference is kept. What the result points to is arena's. */
void filters_ask(struct filters *f, struct message *msg, const struct envelope *e,
                 struct arena *arena, filters_fn fn, void *arg);

/* filters_apply() - the message that a changed result describes; NULL with why. Empty message: m is
 * new, with memory and spill of its owner. */
bool filters_apply(const struct filter_result *r, int body_fd, const struct message *original,
                   uint64_t octets_max, struct message *m, struct outcome *why);

#endif
