/* SPDX-License-Identifier: MIT
 *
 * One connection of an MTA that asks before it accepts, by Postfix's policy protocol or by
 * socketmap: a pure state machine like a session (smtp_session.h), octets in, answers and questions
 * out. Answers go out in the order of the requests, whatever order the store answers in. It knows
 * no sockets, doors or clocks. One thread; the owner may answer from inside its own callbacks.
 */
#ifndef DOORSTEP_SMTP_LOOKUP_PRIV_H
#define DOORSTEP_SMTP_LOOKUP_PRIV_H

#include "doorstep/address.h"
#include "doorstep/outcome.h"
#include "doorstep/rcpt.h"
#include "doorstep/settings.h"

#define LOOKUP_WINDOW 16 /* requests of a connection that wait for the store at a time */
/* Octets that wait behind them: what two reads of the owner may bring. */
#define LOOKUP_PENDING_MAX 131072

struct lookup;

struct lookup_calls {
    void (*reply)(void *arg, struct span octets);
    /* Ask the store; answer with lookup_answer(), now or later, in any order. */
    void (*ask_rcpt)(void *arg, uint64_t id, enum rcpt_asker asker, const struct address *recipient,
                     const struct address *reverse_path, uint64_t size);
    void (*ask_alias)(void *arg, uint64_t id, const struct address *alias);
    /* Send what was replied, and close. reason: static, for the log. */
    void (*close)(void *arg, const char *reason);
};

/* lookup_new() - for a listener of LISTEN_POLICY or LISTEN_SOCKETMAP. All arguments are borrowed
 * for its life; id is for the log. NULL without memory. */
struct lookup *lookup_new(const struct settings_listen *listen, const struct settings *settings,
                          const char *id, const struct lookup_calls *calls, void *arg);
void lookup_free(struct lookup *l); /* NULL is allowed */

/* lookup_feed() - all octets are taken. */
void lookup_feed(struct lookup *l, struct span octets);

/* lookup_answer() - targets: what an alias leads to, else nothing. Unknown ids are ignored. */
void lookup_answer(struct lookup *l, uint64_t id, const struct outcome *o, struct span targets);

/* lookup_fail() - all that wait get this outcome. */
void lookup_fail(struct lookup *l, const struct outcome *o);

/* lookup_drain() - close behind the answers that are owed. */
void lookup_drain(struct lookup *l);

bool lookup_wants_input(const struct lookup *l);
bool lookup_is_waiting(const struct lookup *l); /* for the store */
bool lookup_is_idle(const struct lookup *l);    /* between two requests */
bool lookup_is_closed(const struct lookup *l);
uint64_t lookup_steps(const struct lookup *l);    /* requests that were whole, answers that came */
uint64_t lookup_requests(const struct lookup *l); /* so far, for the log */

#endif
