/* SPDX-License-Identifier: MIT
 *
 * doorstep.conf(5) -> struct settings (libconfuse). Main reads the file and hands the checked,
 * flattened text (includes and ${ENV} resolved) to each role, which parses that again: no role but
 * main opens the file. Parse on one thread at a time (libconfuse's lexer is global).
 */
#ifndef DOORSTEP_CONFIG_H
#define DOORSTEP_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "doorstep/buf.h"
#include "doorstep/settings.h"

struct config; /* owns a struct settings and all its strings */

/* config_load() - parse and check a file. A file without hostname makes it ask the resolver. NULL:
 * `errors` holds one `file:line: what is wrong, did you mean ...?` line for each problem found. */
struct config *config_load(const char *path, struct buf *errors);

/* config_parse() - the same from a text of up to CONFIG_TEXT_MAX octets (name stands in errors).
 * Files are held to 1 MiB together; what config_print() makes of them is longer. */
#define CONFIG_TEXT_MAX (64 * 1024 * 1024)
struct config *config_parse(const char *text, const char *name, struct buf *errors);

void config_free(struct config *c);
const struct settings *config_settings(const struct config *c); /* borrowed from c */

/* config_print() - what is in force, every setting, as a configuration file that config_parse()
 * reads back to the same settings. */
bool config_print(const struct config *c, struct buf *out);

/* config_print_json() - the same for `config show --json`. */
bool config_print_json(const struct config *c, struct buf *out);

#endif
