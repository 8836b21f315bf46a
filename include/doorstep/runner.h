/* SPDX-License-Identifier: MIT
 *
 * The runner role: it starts external programs for the store and gives back what they say.
 */
#ifndef DOORSTEP_RUNNER_H
#define DOORSTEP_RUNNER_H

#include <stdbool.h>

struct settings;
struct settings_program;
struct door;

struct runner_hooks {
    /* In the process of a program, before its exec: what it may change. False: it must not run. */
    bool (*confine_program)(const struct settings *s, const struct settings_program *p);
};

/* runner_run() - the role, until main's or the store's door closes; both are taken. The exit
 * status. settings and hooks stay for good. */
int runner_run(int store_door, struct door *main_door, const struct settings *settings,
               const struct runner_hooks *hooks);

#endif
