/* SPDX-License-Identifier: MIT
 *
 * What hooks.c and hooks_after.c share: who is asked, its job for a message, and what its result
 * does to a delivery.
 */
#ifndef DELIVER_HOOKS_PRIV_H
#define DELIVER_HOOKS_PRIV_H

#include "filing_priv.h"

struct hook { /* of a list: an external program, or a content filter that gives messages back */
    const char *kind; /* for the log */
    const char *name;
    enum program_failure on_failure;
    enum program_once once_per;
    const struct settings_program *program; /* NULL: it is a filter */
    const struct settings_filter *filter;   /* NULL: it is a program */
};

/* hook_find() - by name; false: there is none. */
bool hook_find(struct hook *hook, const struct settings *s, const char *name);

/* hook_ask() - job: borrowed for the call, its program is filled in here. fn: once, as
 * filters_ask(). */
void hook_ask(struct deliver *d, const struct hook *hook, struct program_job *job,
              struct message *msg, struct arena *arena, filters_fn fn, void *arg);

/* hooks_fill_job() - all that is known of the message and, where p is not NULL, of one account's
 * copy; strings are the transaction's arena's. */
void hooks_fill_job(struct transaction *t, const struct parcel *p, struct program_job *job);

/* hooks_mailbox() - where the program wants it: a name that a mailbox can have, "INBOX" in
 * capitals;
 * "" where it says nothing. NULL: there cannot be such a mailbox; logged. */
const char *hooks_mailbox(const struct transaction *t, const struct filter_result *r);

/* hooks_add_flags() - words separated by spaces; what is no flag is left out. */
void hooks_add_flags(struct transaction *t, struct delivery *d, const char *flags);

/* hooks_log() - what a hook has decided. */
void hooks_log(const struct transaction *t, const struct hook *hook, const struct outcome *why);

#endif
