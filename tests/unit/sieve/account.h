/* SPDX-License-Identifier: MIT
 *
 * An account in memory (mailboxes, annotations, scripts, keys that were seen, settings) as the host
 * of a run, and what comes of a script in one text: for tables of cases.
 */
#ifndef TESTS_SIEVE_ACCOUNT_H
#define TESTS_SIEVE_ACCOUNT_H

#include "doorstep/sieve.h"

struct account_mailbox { /* the last row has no name */
    const char *name, *use, *id;
};

struct account_pair { /* the last row has no name */
    const char *name, *value;
};

struct account_annotation { /* the last row has no name; mailbox "" is the server */
    const char *mailbox, *name, *value;
};

struct account { /* all borrowed; what is NULL is empty */
    const struct account_mailbox *mailboxes;
    const struct account_annotation *annotations;
    const struct account_pair *scripts; /* "personal/name" and "global/name" */
    const struct account_pair *settings;
    const struct account_pair *environment;
    const char *const *seen; /* keys of duplicate, NULL at the end */
    struct sieve_strings flags;
    const struct sieve_limits *limits;
    bool is_down; /* every question is answered with SIEVE_TEMPFAIL */
};

/* account_outcome() - what becomes of `message` (NULL: a usual one):
 *   "refused: script:3: text | inner:1: text"    every error
 *   "failed: script:3: text", "deferred: ..."    then the actions that are left
 *   "fileinto Junk {\Seen} create; (keep)"       the implicit keep in parentheses
 * and behind them, when the last action's message was edited, a line and that message. Owned by the
 * caller: free(). */
char *account_outcome(const struct account *a, const char *script, const char *message);

/* account_warnings() - the warnings of a script: "3: text | 4: text". Owned by the caller. */
char *account_warnings(const struct account *a, const char *script);

#endif
