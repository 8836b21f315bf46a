/* SPDX-License-Identifier: MIT
 *
 * Log-ins as the store sees them: an edge begins an attempt, the auth role leads the exchange, the
 * accounts lend the secret of whom the client named, failures cost penalties. Passwords pass
 * through; nothing of them is kept. All on the loop's thread; accounts are looked up on theirs.
 *
 *   edge --BEGIN, STEP--> attempt --BEGIN, STEP--> auth role
 *                            |  <--WANT_SECRET--------'
 *                            |  --SECRET (or one that nobody has)-->
 *   edge <--CHALLENGE, DONE--'  <--CHALLENGE, DONE----
 */
#ifndef DELIVER_LOGINS_PRIV_H
#define DELIVER_LOGINS_PRIV_H

#include "doorstep/loop.h"
#include "doorstep/settings.h"
#include "doorstep/span.h"

#include "directory_priv.h"
#include "penalties_priv.h"

struct edge;
struct logins;

/* Asks main for another auth role (STORE_KILL_AUTH). */
typedef void (*logins_replace_fn)(void *arg);

/* logins_new() - settings, loop and directory are borrowed. NULL without memory. */
struct logins *logins_new(const struct settings *settings, struct loop *loop,
                          struct directory *directory, logins_replace_fn replace, void *arg);
void logins_free(struct logins *l);

/* logins_add() - a door (taken) to the auth role; an older one is closed, its attempts fail. */
void logins_add(struct logins *l, int door_fd);

/* The edge's frames; false: it is broken. is_kept: a success opens a script_session
 * (script_sessions_priv.h). */
bool logins_begin(struct logins *l, struct edge *e, uint64_t id, struct span body, bool is_kept);
bool logins_step(struct logins *l, struct edge *e, uint64_t id, struct span body);
bool logins_abort(struct logins *l, struct edge *e, uint64_t id);

/* logins_abort_all() - of an edge that is gone. */
void logins_abort_all(struct logins *l, struct edge *e);

/* logins_penalties() - for the operator's verbs. */
struct penalties *logins_penalties(struct logins *l);

#endif
