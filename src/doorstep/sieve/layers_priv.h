/* SPDX-License-Identifier: MIT
 *
 * What runs for a message of an account: its own script between the administrator's, with the
 * settings of the configuration and what is known of the account.
 */
#ifndef DOORSTEP_LAYERS_PRIV_H
#define DOORSTEP_LAYERS_PRIV_H

#include "doorstep/settings.h"
#include "script_priv.h"

#define LAYERS_MAX 35 /* 16 before, the account's own, 16 after, and the one for discards */

struct layers {
    struct script scripts[LAYERS_MAX]; /* the own one is borrowed: a copy of the struct */
    uint32_t count, own;               /* own: its place from 1; 0: not there yet */
    bool has_discard;                  /* the last one is */
    struct tool *tool;                 /* borrowed, as the account's name */
    const char *account;
    struct settings_sieve settings;
    const char *delimiters;
    json_t *aliases;   /* owned: of the account */
    const char **list; /* owned: the same as strings, NULL at the end */
};

/* layers_open() - own: a script that is compiled, and outlives l. 0 or an exit code, said on
 * standard error. layers_release() in any case. */
int layers_open(struct layers *l, struct tool *t, const char *account, const struct script *own);
void layers_release(struct layers *l);

/* layers_limits() - of a run. */
void layers_limits(const struct layers *l, struct sieve_limits *out);

/* layers_know() - what is known of the account, into user. */
void layers_know(const struct layers *l, struct sieve_user *user);

/* layers_run() - one behind the other, as a delivery does; why: NULL, or told which script runs. */
enum sieve_status layers_run(const struct layers *l, struct sieve_run *r, struct explain *why);

#endif
