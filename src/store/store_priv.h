/* SPDX-License-Identifier: MIT
 *
 * Shared between the files that make a store: path template, plugins.
 */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include "doorstep/store_driver.h"

#define STORE_PATH_MAX 4095 /* octets of an account's path */

/* store_path_fill() - the template with %{user}, %{domain} and %{home} put in: st->path, st->root
 * and st->below (owned strings). What is put in is never looked at for % again. */
bool store_path_fill(struct store *st, const char *template, struct outcome *why);

/* store_plugin_find() - the driver of libdoorstep_store_NAME.so in plugin_dir; stays loaded until
 * the process ends. NULL: `why`. */
const struct store_driver *store_plugin_find(const char *plugin_dir, const char *name,
                                             struct outcome *why);

/* store_driver_find() - a built-in driver or a plugin's. */
const struct store_driver *store_driver_find(const char *name, const char *plugin_dir,
                                             struct outcome *why);

#endif
