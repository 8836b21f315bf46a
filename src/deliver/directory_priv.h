/* SPDX-License-Identifier: MIT
 *
 * Whose is it? accounts.h behind a thread of its own and a short memory, so that a RCPT for an
 * account seen a moment ago costs a hash look-up and no file.
 */
#ifndef DELIVER_DIRECTORY_PRIV_H
#define DELIVER_DIRECTORY_PRIV_H

#include "doorstep/accounts.h"
#include "doorstep/loop.h"

#include "jobs_priv.h"

struct directory;

/* directory_new() - NULL: `why`. settings and loop are borrowed. */
struct directory *directory_new(const struct settings *settings, struct loop *loop,
                                struct outcome *why);
void directory_free(struct directory *d);

/* Called once for each directory_resolve(), on the loop's thread, perhaps before that returns.
 * targets: borrowed for the call, empty unless why is a success or some of them are elsewhere. */
typedef void (*directory_fn)(void *arg, const struct account_targets *targets,
                             const struct outcome *why);

void directory_resolve(struct directory *d, const struct address *to, directory_fn fn, void *arg);

/* directory_aliases() - the addresses that are this account's alone (accounts_own_aliases()); fn is
 * called once, as above. aliases: each with a NUL behind it, borrowed for the call; none where they
 * cannot be told now. */
typedef void (*directory_aliases_fn)(void *arg, struct span aliases);
void directory_aliases(struct directory *d, const struct account *account, directory_aliases_fn fn,
                       void *arg);

/* directory_forget() - drop what is remembered: an account or alias was changed. Loop's thread. */
void directory_forget(struct directory *d);

/* directory_run() - on the thread of look-ups, whose arg is the directory. */
void directory_run(struct directory *d, struct job *job);

/* directory_lock() - struct accounts for one thread, until directory_unlock(); any thread. Short
 * work only: look-ups of RCPT wait meanwhile. */
struct accounts *directory_lock(struct directory *d);
void directory_unlock(struct directory *d);

#endif
