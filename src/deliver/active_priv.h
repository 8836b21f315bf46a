/* SPDX-License-Identifier: MIT
 *
 * Which script of each account is active: a table in memory of what its worker has said, so that a
 * message for accounts without scripts asks nobody. Loop's thread.
 */
#ifndef DELIVER_ACTIVE_PRIV_H
#define DELIVER_ACTIVE_PRIV_H

#include "doorstep/personal.h"

#include "worker_priv.h"

struct active;

struct active_script { /* immutable */
    unsigned users;
    char name[PERSONAL_SCRIPT_NAME_SIZE];
    char hash[PERSONAL_SCRIPT_HASH_SIZE];   /* of its text, and of bundle */
    char bundle[PERSONAL_SCRIPT_HASH_SIZE]; /* script_bundle() where it may include others, or "" */
    size_t octets;
    char text[];
};

/* active_new() - NULL without memory. */
struct active *active_new(struct loop *loop, struct workers *workers, size_t script_max);
void active_free(struct active *a);

/* is_known false: the account does not say it now. script: NULL, no script is active; else
 * a reference of the callee's. */
typedef void (*active_fn)(void *arg, bool is_known, struct active_script *script);

/* active_ask() - fn is called once, at once when it is known. */
void active_ask(struct active *a, const struct account *account, active_fn fn, void *arg);

/* active_forget() - it may be another one from now on. */
void active_forget(struct active *a, const char *user, const char *domain);

struct active_script *active_ref(struct active_script *s);
void active_unref(struct active_script *s); /* NULL is allowed */

#endif
