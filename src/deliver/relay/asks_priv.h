/* SPDX-License-Identifier: MIT
 *
 * Would the home of an account take that? Asked at RCPT, so that unknown users and full mailboxes
 * are refused there: by MAIL, RCPT and RSET on the connections that carry mail to that home.
 * Questions about one sender and size go together, up to `recipients` of them in one transaction;
 * while one such transaction is under way the next ones gather. Loop's thread.
 */
#ifndef DELIVER_RELAY_ASKS_PRIV_H
#define DELIVER_RELAY_ASKS_PRIV_H

#include "doorstep/address.h"
#include "doorstep/loop.h"
#include "doorstep/outcome.h"
#include "doorstep/settings.h"

struct asks;
struct scheduler;

/* asks_new() - scheduler, loop: borrowed. NULL without memory. */
struct asks *asks_new(struct loop *loop, struct scheduler *s);

/* asks_free() - the relay's door is closed already: nothing is under way, and nobody is answered
 * any more. NULL is allowed. */
void asks_free(struct asks *a);

/* RCPT_OK, or the home's refusal: its code, its status and its text on one line. Where it cannot be
 * reached, or does not answer within the route's ask_timeout, a temporary one. */
typedef void (*asks_fn)(void *arg, const struct outcome *why);

/* asks_ask() - fn is called once, perhaps before this returns. to: as the home knows it, without
 * brackets; borrowed for the call, like from. size: as MAIL said; 0: it did not. */
void asks_ask(struct asks *a, const struct settings_route *route, const struct address *from,
              const char *to, uint64_t size, asks_fn fn, void *arg);

/* asks_forget() - what is remembered of this recipient and sender is wrong: the home refused a
 * message that it had said it would take. from: without brackets. */
void asks_forget(struct asks *a, const struct settings_route *route, const char *from,
                 const char *to);

#endif
