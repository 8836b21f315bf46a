/* SPDX-License-Identifier: MIT
 *
 * The configuration on its way from main to a role: text in a sealed memfd (MAIN_SETTINGS).
 */
#ifndef DOORSTEPD_SETTINGS_TEXT_PRIV_H
#define DOORSTEPD_SETTINGS_TEXT_PRIV_H

#include <stdbool.h>

#include "doorstep/config.h"
#include "doorstep/log.h"

#define SETTINGS_TEXT_MAX CONFIG_TEXT_MAX

/* settings_seal() - main: what is in force; a sealed memfd, or -1, logged. */
int settings_seal(const struct config *config);

/* sealed_memfd() - the octets, for others to read and for nobody to change; -1 with errno. */
int sealed_memfd(const char *name, struct span octets);

/* settings_same() - do two that were sealed say the same? */
bool settings_same(int a, int b);

/* settings_read() - role: parse it and set the log level. The settings stay until the process ends;
 * limits.connections is what the process can hold. fd is borrowed. NULL, logged. The other one
 * keeps the log to warnings. */
const struct settings *settings_read(int fd);
const struct settings *settings_read_quietly(int fd);

/* settings_log_level() - of log_level; at least warning when quiet. */
enum log_level settings_log_level(const struct settings *s, bool is_quiet);

#endif
