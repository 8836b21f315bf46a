/* SPDX-License-Identifier: MIT
 *
 * What main.c starts.
 */
#ifndef DOORSTEPD_DAEMON_OPTIONS_H
#define DOORSTEPD_DAEMON_OPTIONS_H

#include <stdbool.h>

struct daemon_options {
    const char *config_path;
    bool is_offline; /* no listeners and edges: for the tool, when no daemon runs */
};

/* daemon_run() - until SIGTERM or SIGINT; the exit status (sysexits(3)). */
int daemon_run(const struct daemon_options *options);

/* daemon_check() - the configuration only: errors to standard error, EX_CONFIG or 0. */
int daemon_check(const struct daemon_options *options);

#endif
